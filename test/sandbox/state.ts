/** What the sandbox's STS knows besides the world: the credentials it gave out, the codes it took, the messages it encoded. */
import type { IssuedCredentials } from "./issued.ts"
import { codeBook, type CodeBook } from "./totp.ts"
import type { World } from "./world.ts"

export interface State {
  readonly world: World
  readonly issued: Map<string, IssuedCredentials>
  readonly codes: CodeBook
  /** Encoded authorization messages and what they say. */
  readonly messages: Map<string, string>
  /** The sign-in tokens of the console, and until when they are good. */
  readonly signinTokens: Map<string, { readonly expiration: number }>
}

export function newState(world: World): State {
  return { world, issued: new Map(), codes: codeBook(), messages: new Map(), signinTokens: new Map() }
}
