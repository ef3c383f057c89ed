/**
 * An AWS STS over HTTP that behaves as the real one does on the wire: it checks signatures and TOTP codes, holds to
 * AWS's limits, and fails on command. The demo, the tests and the benches run on it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { actions, newState, type Caller, type State } from "./actions.ts"
import { createFaults, type Fault, type Faults } from "./faults.ts"
import { claimIn, headerOf, isSignedWith, signedAt, type SignedRequest } from "./signature.ts"
import { codeAt } from "./totp.ts"
import { StsError, errorDocument, resultDocument, type Answer } from "./wire.ts"
import { exampleWorld, userPrincipal, type World } from "./world.ts"

export interface Call {
  readonly action: string
  readonly at: number
  readonly accessKeyId: string | undefined
  readonly region: string | undefined
  /** `ok`, AWS's error code, or the fault that hit it. */
  readonly outcome: string
}

export interface Sandbox {
  readonly url: string
  readonly faults: Faults
  readonly calls: readonly Call[]
  count(action: string): number
  /** The most calls of any action that were under way at once. */
  peak(): number
  /** The code that a user's MFA device shows, now or so many steps later. */
  mfaCode(userName: string, stepsAhead?: number): string
  /** An encoded authorization message that DecodeAuthorizationMessage will know. */
  encodeMessage(document: object): string
  close(): Promise<void>
}

export interface SandboxOptions {
  readonly world?: World
  readonly now?: () => number
  /** How far the sandbox's clock is ahead of `now`. */
  readonly skewMs?: number
}

const signatureWindowMs = 15 * 60_000

export async function startSandbox({
  world = exampleWorld,
  now = Date.now,
  skewMs = 0,
}: SandboxOptions = {}): Promise<Sandbox> {
  const state = newState(world)
  const faults = createFaults()
  const calls: Call[] = []
  let underWay = 0
  let peak = 0
  const clock = (): number => now() + skewMs

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const signed: SignedRequest = {
      method: request.method ?? "",
      target: request.url ?? "/",
      headers: request.headers,
      body,
    }
    const parameters = new URLSearchParams(body)
    const action = parameters.get("Action") ?? ""
    const fault = faults.next(action, clock())
    const claim = claimIn(signed)
    const record = (outcome: string): void => {
      calls.push({ action, at: clock(), accessKeyId: claim?.accessKeyId, region: claim?.region, outcome })
    }
    if (fault !== undefined && !(fault.kind === "drop" && fault.when === "after")) {
      const { kind } = fault
      if (kind !== "latency") record(kind === "error" ? fault.code : kind)
      if (await misbehave(fault, response, clock())) return
    }
    const { answer, outcome } = answerTo(state, action, signed, parameters, clock())
    record(outcome)
    if (fault?.kind === "drop") response.destroy()
    else send(response, answer, clock())
  }

  const server = createServer((request, response) => {
    underWay += 1
    peak = Math.max(peak, underWay)
    response.once("close", () => {
      underWay -= 1
    })
    respond(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    calls,
    count: (action) => calls.filter((call) => call.action === action).length,
    peak: () => peak,
    mfaCode(userName, stepsAhead = 0) {
      const secret = world.users.find((user) => user.userName === userName)?.mfa?.totpSecret
      if (secret === undefined) throw new Error(`user ${userName} has no MFA device`)
      return codeAt(secret, clock() + stepsAhead * 30_000)
    },
    encodeMessage(document) {
      const encoded = Buffer.from(JSON.stringify({ id: state.messages.size, at: clock() })).toString("base64url")
      state.messages.set(encoded, JSON.stringify(document))
      return encoded
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

function answerTo(
  state: State,
  action: string,
  signed: SignedRequest,
  parameters: URLSearchParams,
  now: number,
): { answer: Answer; outcome: string } {
  try {
    const caller = authenticated(state, signed, now)
    const run = actions.get(action)
    if (run === undefined)
      throw new StsError("InvalidAction", `Could not find operation ${action} for version 2011-06-15`, 400)
    return { answer: resultDocument(action, run(state, caller, parameters)), outcome: "ok" }
  } catch (error) {
    if (!(error instanceof StsError)) throw error
    return { answer: errorDocument(error), outcome: error.code }
  }
}

function authenticated(state: State, signed: SignedRequest, now: number): Caller {
  const claim = claimIn(signed)
  if (claim === undefined)
    throw new StsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
  const issued = state.issued.get(claim.accessKeyId)
  const user = state.world.users.find((each) => each.accessKeys.some((key) => key.accessKeyId === claim.accessKeyId))
  const key = user?.accessKeys.find((each) => each.accessKeyId === claim.accessKeyId)
  const secretAccessKey = issued?.secretAccessKey ?? key?.secretAccessKey
  const token = headerOf(signed, "x-amz-security-token")
  if (secretAccessKey === undefined || (issued?.sessionToken ?? "") !== token) {
    throw new StsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
  }
  const at = signedAt(signed)
  if (!(Math.abs(now - at) <= signatureWindowMs)) {
    const what = at < now ? "Signature expired" : "Signature not yet current"
    throw new StsError(
      "SignatureDoesNotMatch",
      `${what}: ${headerOf(signed, "x-amz-date")} is not within 15 min. of ${new Date(now).toISOString()}`,
      403,
    )
  }
  if (
    claim.service !== "sts" ||
    !claim.signedHeaders.includes("host") ||
    !isSignedWith(secretAccessKey, claim, signed)
  ) {
    throw new StsError(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
      403,
    )
  }
  if (issued !== undefined && now >= issued.expiration) {
    throw new StsError("ExpiredToken", "The security token included in the request is expired", 403)
  }
  if (issued !== undefined) return { principal: issued.principal, now }
  if (user === undefined)
    throw new StsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
  return { principal: userPrincipal(user), now }
}

/** Does what the fault says; tells whether the call is over with it. */
async function misbehave(fault: Fault, response: ServerResponse, now: number): Promise<boolean> {
  switch (fault.kind) {
    case "latency":
      await sleep(fault.ms)
      return false
    case "drop":
      response.destroy()
      return true
    case "hang":
      return true
    case "error": {
      const answer = errorDocument(new StsError(fault.code, fault.message ?? fault.code, fault.status))
      const headers = fault.retryAfterSeconds === undefined ? {} : { "retry-after": String(fault.retryAfterSeconds) }
      send(response, { ...answer, headers }, now)
      return true
    }
    case "malformed":
      send(response, { status: 200, body: "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA" }, now)
      return true
    case "html":
      send(
        response,
        {
          status: 200,
          body: "<html><body>Welcome to the hotel</body></html>",
          headers: { "content-type": "text/html" },
        },
        now,
      )
      return true
    default:
      send(response, { status: 200, body: `<x>${"y".repeat(2_000_000)}</x>` }, now)
      return true
  }
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer, now: number): void {
  response.writeHead(status, {
    "content-type": "text/xml",
    date: new Date(now).toUTCString(),
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  })
  response.end(body)
}
