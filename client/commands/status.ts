/** `credd status`: what is served, and for how long. */
import type { ProfileStatus, SessionStatus, Status } from "../../daemon/api.ts"
import type { Command } from "../app.ts"
import type { Context } from "../context.ts"
import { paint, span, type Paint } from "../output.ts"
import { profileFrom, readEndpoint } from "../profile.ts"

const sessionMs = 12 * 3_600_000
const roleMs = 3_600_000
const barCells = 10

type StatusFlags = {
  readonly json: boolean
  readonly short: boolean
}

export const status: Command<StatusFlags> = async (context, { json, short }) => {
  const { stdout } = context.process
  const answer = await context.daemon("GET /status", {})
  if (json) stdout.write(`${JSON.stringify(answer, null, 2)}\n`)
  else stdout.write(short ? oneLine(context, answer) : page(context, answer))
  return 0
}

/** `dev 6h12m`: the profile of this shell, and how long its MFA session lasts. */
function oneLine(context: Context, { profiles, sessions }: Status): string {
  const name = shellProfile(context, profiles) ?? profileFrom(context, undefined, readEndpoint(context))
  const profile = profiles.find((each) => each.name === name)
  const session = sessions.find((each) => each.sourceProfile === profile?.sourceProfile)
  if (profile === undefined || session === undefined) return "-\n"
  return `${profile.name} ${session.state === "signed-in" ? left(context, session.expiration) : session.state}\n`
}

/** The profile that this shell asks for, once `credd env` was evaluated in it. */
function shellProfile({ env }: Context, profiles: readonly ProfileStatus[]): string | undefined {
  return profiles.find(({ fullUri }) => fullUri === env["AWS_CONTAINER_CREDENTIALS_FULL_URI"])?.name
}

function page(context: Context, { daemon, sessions, profiles, warnings }: Status): string {
  const { stdout } = context.process
  const color = paint(stdout, context.env)
  const width = Math.min(stdout.columns ?? 80, 120)
  const nameWidth = Math.min(Math.max(...profiles.map(({ name }) => name.length), 7), Math.max(12, width - 50))
  const cell = (name: string): string =>
    name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}…` : name.padEnd(nameWidth)
  const storeNote = daemon.storeState === "ready" ? "" : color.yellow(` (${daemon.storeState})`)
  const lines = [
    `${color.bold("credd")} ${daemon.version}  ${daemon.endpoint}  store: ${daemon.store}${storeNote}  pid ${daemon.pid}`,
    "",
    color.dim("sessions"),
    ...sessions.map((each) => `  ${cell(each.sourceProfile)}  ${sessionCells(context, each, color)}`),
    ...(sessions.length === 0 ? ["  none yet: run: credd add PROFILE"] : []),
    "",
    color.dim("profiles"),
    ...profiles.map((each) => `  ${cell(each.name)}  ${profileCells(context, each, color, width - nameWidth - 4)}`),
    ...warnings.map((each) => `\n${color.yellow("warning")}: ${each}`),
  ]
  return `${lines.join("\n")}\n`
}

function sessionCells(context: Context, session: SessionStatus, color: Paint): string {
  if (session.state !== "signed-in")
    return `${color.yellow(session.state.padEnd(10))}  run: credd login ${session.sourceProfile}`
  return `${bar(context, session.expiration, sessionMs, color)}  ${left(context, session.expiration).padEnd(6)}  ${session.arn ?? ""}`
}

function profileCells(context: Context, profile: ProfileStatus, color: Paint, room: number): string {
  const cut = (text: string): string => (text.length > room ? `${text.slice(0, Math.max(1, room - 1))}…` : text)
  switch (profile.state) {
    case "ready":
      return `${bar(context, profile.expiration, profile.kind === "role" ? roleMs : sessionMs, color)}  ${left(context, profile.expiration).padEnd(6)}  ${profile.kind}`
    case "idle":
      return color.dim("fetched at the first request")
    case "login-required":
      return color.yellow("login required")
    case "refused":
      return color.red(cut(profile.reason ?? "refused"))
    default:
      return color.dim(cut(`unsupported: ${profile.reason ?? ""}`))
  }
}

function bar(context: Context, expiration: string | undefined, wholeMs: number, color: Paint): string {
  const share = Math.min(1, Math.max(0, msLeft(context, expiration) / wholeMs))
  const full = Math.ceil(share * barCells)
  const text = "█".repeat(full) + "░".repeat(barCells - full)
  return share > 0.25 ? color.green(text) : color.yellow(text)
}

function left(context: Context, expiration: string | undefined): string {
  return span(msLeft(context, expiration))
}

function msLeft({ now }: Context, expiration: string | undefined): number {
  return expiration === undefined ? 0 : Date.parse(expiration) - now()
}
