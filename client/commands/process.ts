/**
 * `credd process PROFILE`: the `credential_process` protocol
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html). SDKs run it each time they need
 * credentials, many at once, and show what it says on stderr: one line, with the command to run.
 */
import type { ErrorCode } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { Failure, notRunning, unanswered, usageWrong } from "../failure.ts"
import { exitStatusOf } from "../output.ts"
import { readEndpoint, tokenIn } from "../profile.ts"

type ProcessFlags = {
  readonly setup: boolean
  readonly remove: boolean
}

/** AWS may need longer than the endpoint lets a caller wait; nobody hurries a credential process. */
const tries = 12
const pauseMs = 250

export const processCommand: Command<ProcessFlags, string[]> = async (context, { setup, remove }, ...profiles) => {
  if (setup || remove) {
    const { setUp, takeAway } = await import("../process-profiles.ts")
    if (setup && remove) throw usageWrong("--setup and --remove exclude each other", "run: credd process --remove")
    if (remove && profiles.length > 0) throw usageWrong("--remove takes no profile", "run: credd process --remove")
    return setup ? setUp(context, profiles) : takeAway(context)
  }
  const [profile] = profiles
  if (profile === undefined || profiles.length > 1) {
    throw usageWrong("credd process takes one profile", "run: credd process PROFILE")
  }
  return await credentialProcess(context, profile)
}

export async function credentialProcess(context: Context, profile: string): Promise<number> {
  const { stdout, stderr } = context.process
  try {
    stdout.write(`${await credentialsOf(context, profile)}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    stderr.write(`credd: error: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}\n`)
    return exitStatusOf(error.code)
  }
}

async function credentialsOf(context: Context, profile: string): Promise<string> {
  const endpoint = readEndpoint(context)
  if (endpoint === undefined) throw notRunning()
  const uri = `${endpoint.endpoint}/credentials/${encodeURIComponent(profile)}`
  for (let left = tries; ; left -= 1) {
    const token = tokenIn(context, endpoint.tokenFile)
    const { status, text } = await context.readCredentials(uri, token)
    const body = parsed(text)
    if (status === 200) return version1(body)
    const failure = refusal(body)
    // AWS may not have answered yet, and `credd lock` may have ended the token between two looks.
    const mayChange = status === 503 || (status === 401 && token !== tokenIn(context, endpoint.tokenFile))
    if (left <= 0 || !mayChange) throw failure
    await context.pause(pauseMs)
  }
}

type Body = Readonly<Record<string, unknown>>

function version1(body: Body): string {
  const { AccessKeyId, SecretAccessKey, Token, Expiration, AccountId } = body
  if (![AccessKeyId, SecretAccessKey, Token, Expiration].every((value) => typeof value === "string")) throw notOurs()
  return JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken: Token, Expiration, AccountId })
}

/** The endpoint's text ends with the command to run. */
function refusal({ code, message }: Body): Failure {
  if (!isCode(code) || typeof message !== "string") throw notOurs()
  return new Failure({ code, message })
}

/** A newer daemon may know more codes; all that is looked up by them has an answer for others. */
function isCode(value: unknown): value is ErrorCode {
  return typeof value === "string"
}

function parsed(text: string): Body {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === "object" && body !== null ? { ...body } : {}
  } catch {
    return {}
  }
}

function notOurs(): Failure {
  return unanswered("what answers on its port is not credd")
}
