/**
 * An AWS STS over HTTP that behaves as the real one does on the wire: it checks signatures and TOTP codes, holds to
 * AWS's limits, and fails on command. The demo, the tests and the benches run on it.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { authenticated } from "./authentication.ts"
import { createCallLog, type Call } from "./calls.ts"
import { createFaults, type Faults } from "./faults.ts"
import type { IssuedCredentials } from "./issued.ts"
import { requestHandler } from "./request-handler.ts"
import type { SignedRequest } from "./signature.ts"
import { newState, type State } from "./state.ts"
import { currentCode, nextUnusedCode, stepMs, type UnusedCode } from "./totp.ts"
import { exampleWorld, type SandboxUser, type World } from "./world.ts"

export interface Sandbox {
  readonly url: string
  readonly port: number
  readonly faults: Faults
  /** In the order of arrival, with those that are still under way. */
  readonly calls: readonly Call[]
  count(action: string): number
  /** The most calls of one action, or of any, that were under way at once. */
  peak(action?: string): number
  /** The code that a user's MFA device shows, now or so many steps later. */
  mfaCode(userName: string, stepsAhead?: number): string
  /** A code of this user's that has not been taken, and how long until it will be. */
  nextUnusedCode(userName: string): UnusedCode
  /** The policies that narrow a key that was given out, a list for each layer; empty for one that may do all. */
  policiesOf(accessKeyId: string): readonly (readonly string[])[]
  /** An encoded authorization message that DecodeAuthorizationMessage will know. */
  mintAuthorizationMessage(document: object): string
  /** A user's access keys as IAM has them now. */
  accessKeys(userName: string): readonly { readonly accessKeyId: string; readonly active: boolean }[]
  /** The ARN that signed a request to another service of this AWS; throws what AWS would refuse it with. */
  signer(request: SignedRequest, service: string): string
  /** What temporary credentials stand for; undefined for those that are not this sandbox's. */
  issued(accessKeyId: string): IssuedCredentials | undefined
  allIssued(): Iterable<IssuedCredentials>
  /** Forgets faults, calls, credentials, used codes and messages. */
  reset(): void
  close(): Promise<void>
}

export interface SandboxOptions {
  readonly world?: World
  readonly now?: () => number
  /** How far the sandbox's clock is ahead of `now`. */
  readonly skewMs?: number
  /** Waits for faults that take their time. */
  readonly wait?: (ms: number) => Promise<unknown>
}

export async function startSandbox({
  world = exampleWorld,
  now = Date.now,
  skewMs = 0,
  // A wait does not outlive the server.
  wait = async (ms) => await sleep(ms, undefined, { ref: false }),
}: SandboxOptions = {}): Promise<Sandbox> {
  const clock = (): number => now() + skewMs
  const faults = createFaults(clock)
  const log = createCallLog()
  let state = newState(world)
  function reset(): void {
    state = newState(world)
    faults.clear()
    log.clear()
  }

  const server = createServer(
    requestHandler({ state: () => state, faults, log, clock, wait, mint: (document) => mint(state, document), reset }),
  )
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    faults,
    calls: log.calls,
    count: log.count,
    peak: log.peak,
    mfaCode: (userName, stepsAhead = 0) =>
      currentCode(mfaOf(world, userName).totpSecret, clock() + stepsAhead * stepMs),
    nextUnusedCode(userName) {
      const { serial, totpSecret } = mfaOf(world, userName)
      return nextUnusedCode(totpSecret, clock(), (step) => state.codes.isTaken(serial, step))
    },
    policiesOf: (accessKeyId) =>
      state.issued.get(accessKeyId)?.principal.limits.layers.map((layer) => layer.map(({ text }) => text)) ?? [],
    mintAuthorizationMessage: (document) => mint(state, document),
    accessKeys: (userName) =>
      [...state.accessKeys]
        .find(([user]) => user.userName === userName)?.[1]
        .map(({ accessKeyId, active }) => ({ accessKeyId, active })) ?? [],
    signer: (request, service) => authenticated(state, request, clock(), service).arn,
    issued: (accessKeyId) => state.issued.get(accessKeyId),
    allIssued: () => state.issued.values(),
    reset,
    async close() {
      const closed = new Promise((resolve) => {
        server.close(resolve)
      })
      server.closeAllConnections()
      await closed
    },
  }
}

function mfaOf({ users }: World, userName: string): NonNullable<SandboxUser["mfa"]> {
  const mfa = users.find((user) => user.userName === userName)?.mfa
  if (mfa === undefined) throw new Error(`user "${userName}" has no MFA device`)
  return mfa
}

function mint({ messages }: State, document: object): string {
  const encoded = Buffer.from(`EXAMPLE authorization message ${messages.size}`).toString("base64url")
  messages.set(encoded, JSON.stringify(document))
  return encoded
}
