/**
 * OutsideCredentials: a `credential_process`, run as the SDKs run it
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html), and the daemon's environment.
 */
import { execFile } from "node:child_process"
import * as v from "valibot"
import type { AccessKey, Credentials } from "../core/credentials.ts"
import { sourceFailed } from "../core/errors.ts"
import type { OutsideCredentials } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import { freeCommand, noSuchProgram } from "./child-command.ts"
import { errnoCode } from "./errno.ts"
import { shellWords } from "./shell-words.ts"

type Env = Readonly<Record<string, string | undefined>>

/** Password managers wait for a finger; nobody waits for ever. */
const deadlineMs = 60_000
const maxBytes = 65_536

const answer = v.object({
  Version: v.literal(1),
  AccessKeyId: v.pipe(v.string(), v.nonEmpty()),
  SecretAccessKey: v.pipe(v.string(), v.nonEmpty()),
  SessionToken: v.nullish(v.string()),
  Expiration: v.nullish(v.pipe(v.string(), v.isoTimestamp())),
})

const what = "a credential_process"

export function outsideCredentials(env: Env): OutsideCredentials {
  return {
    async fromProcess(command) {
      const [program, ...args] = shellWords(command) ?? []
      if (program === undefined) throw sourceFailed(what, "its command line is not one that a shell could split")
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), answer), await output(program, args, env))
      // Its output is never quoted: it may hold the secret.
      if (!parsed.success) throw sourceFailed(what, "it printed something else than credentials, version 1")
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = parsed.output
      return credentials(AccessKeyId, SecretAccessKey, SessionToken ?? undefined, Expiration ?? undefined)
    },
    fromEnvironment() {
      const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
      if (!id || !secret) throw sourceFailed("the daemon's environment", "it holds no access key")
      return credentials(id, secret, token || undefined, undefined)
    },
  }
}

function credentials(
  accessKeyId: string,
  secretAccessKey: string,
  sessionToken: string | undefined,
  expiration: string | undefined,
): AccessKey | Credentials {
  const key = { accessKeyId, secretAccessKey: new Secret(secretAccessKey) }
  if (!sessionToken) return key
  const ends = expiration === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiration)
  return { ...key, sessionToken: new Secret(sessionToken), expiration: ends }
}

async function output(program: string, args: readonly string[], env: Env): Promise<string> {
  const limits = { timeout: deadlineMs, maxBuffer: maxBytes, killSignal: "SIGKILL" as const }
  return await new Promise((resolve, reject) => {
    const child = execFile(...freeCommand(program, args), { env: { ...env }, ...limits }, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(sourceFailed(what, failure(program, error)))
    })
    child.stdin?.on("error", () => undefined).end()
  })
}

function failure(program: string, error: Error & { readonly code?: unknown; readonly killed?: boolean }): string {
  if (errnoCode(error) === "ENOENT" || error.code === noSuchProgram) return `there is no program "${program}"`
  if (error.killed === true) return `it did not end within ${deadlineMs / 1_000} s`
  return typeof error.code === "number" ? `it ended with status ${error.code}` : "it could not be run"
}
