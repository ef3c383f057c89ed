/** `credd status --plain`: the same facts as sentences, one a line, whole; for who listens to them, and for log files. */
import type { ProfileStatus, SessionStatus, Status } from "../daemon/api.ts"
import { word } from "./environment.ts"
import { span } from "./output.ts"

export function statusInWords({ daemon, sessions, profiles, warnings }: Status, now: number): readonly string[] {
  const left = (expiration: string | undefined): string =>
    expiration === undefined ? "" : `, ${span(Date.parse(expiration) - now)} left`
  return [
    `credd ${daemon.version} at ${daemon.endpoint}, store ${daemon.store} ${daemon.storeState}, pid ${daemon.pid}`,
    ...sessions.map((each) => `session ${each.sourceProfile}: ${sessionWords(each, left)}`),
    ...(sessions.length === 0 ? ["no sessions yet; run: credd add PROFILE"] : []),
    ...profiles.map((each) => `profile ${each.name}: ${profileWords(each, left)}`),
    ...(profiles.length === 0 ? ["no profiles yet"] : []),
    ...warnings.map((each) => `warning: ${each}`),
  ]
}

type Left = (expiration: string | undefined) => string

function sessionWords({ state, sourceProfile, expiration, arn }: SessionStatus, left: Left): string {
  if (state !== "signed-in") return `${state}; run: credd login ${word(sourceProfile)}`
  return `signed in${left(expiration)}${arn === undefined ? "" : `, ${arn}`}`
}

function profileWords({ state, kind, expiration, reason = "", notes = [] }: ProfileStatus, left: Left): string {
  const words = {
    ready: `${kind}, ready${left(expiration)}`,
    idle: `${kind}, fetched at the first request`,
    "login-required": "login required",
    refused: `refused: ${reason}`,
    unsupported: `unsupported: ${reason}`,
  }
  return [words[state], ...notes].join("; ")
}
