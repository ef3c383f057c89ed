/** What the sandbox's STS knows besides the world: the credentials it gave out, the codes it took, the messages it encoded. */
import type { IssuedCredentials } from "./issued.ts"
import { codeBook, type CodeBook } from "./totp.ts"
import type { SandboxUser, World } from "./world.ts"

export interface IamKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly createdAt: number
  active: boolean
  usedAt?: number
}

export interface State {
  readonly world: World
  /** Every user's access keys: the world's to begin with, then as IAM's calls leave them. */
  readonly accessKeys: Map<SandboxUser, IamKey[]>
  readonly issued: Map<string, IssuedCredentials>
  readonly codes: CodeBook
  /** Encoded authorization messages and what they say. */
  readonly messages: Map<string, string>
  /** The sign-in tokens of the console, and until when they are good. */
  readonly signinTokens: Map<string, { readonly expiration: number }>
}

export function newState(world: World): State {
  const accessKeys = new Map(
    world.users.map((user) => [user, user.accessKeys.map((key) => ({ active: true, createdAt: 0, ...key }))]),
  )
  return {
    accessKeys,
    world,
    issued: new Map(),
    codes: codeBook(),
    messages: new Map(),
    signinTokens: new Map(),
  }
}
