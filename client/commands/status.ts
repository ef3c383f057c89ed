/** `credd status`: what is served, and for how long. */
import type { ProfileStatus, SessionStatus, Status } from "../../daemon/api.ts"
import type { Command } from "../app.ts"
import type { Context } from "../context.ts"
import { paint, span, type Paint } from "../output.ts"
import { profileFrom, readEndpoint } from "../profile.ts"
import { word } from "../environment.ts"

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
  const width = Math.max(40, Math.min(stdout.columns ?? 80, 120))
  const names = [...profiles.map(({ name }) => name), ...sessions.map(({ sourceProfile }) => sourceProfile)]
  const nameWidth = Math.min(Math.max(...names.map((name) => name.length), 8), Math.floor(width / 3))
  const room = width - nameWidth - 4
  const cell = (name: string): string => cut(name, nameWidth).padEnd(nameWidth)
  const state = daemon.storeState === "ready" ? "" : ` (${daemon.storeState})`
  const head = `${daemon.version}  ${daemon.endpoint}  store: ${daemon.store}${state}  pid ${daemon.pid}`
  const lines = [
    `${color.bold("credd")} ${cut(head, width - 6)}`,
    "",
    color.dim("sessions"),
    ...sessions.map((each) => `  ${cell(each.sourceProfile)}  ${sessionCells(context, each, color, room)}`),
    ...(sessions.length === 0 ? ["  none yet; run: credd add PROFILE"] : []),
    "",
    color.dim("profiles"),
    ...profiles.map((each) => `  ${cell(each.name)}  ${profileCells(context, each, color, room)}`),
    ...(profiles.length === 0 ? ["  none yet"] : []),
    ...warnings.map((each) => `\n${color.yellow("warning")}: ${each}`),
  ]
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`
}

function sessionCells(context: Context, session: SessionStatus, color: Paint, room: number): string {
  const { state, sourceProfile, expiration, arn = "" } = session
  if (state !== "signed-in") {
    return `${color.yellow(state.padEnd(10))}  ${cut(`run: credd login ${word(sourceProfile)}`, room - 12)}`
  }
  return `${bar(context, expiration, sessionMs, color)}  ${left(context, expiration).padEnd(6)}  ${cut(arn, room - 20)}`
}

function profileCells(context: Context, profile: ProfileStatus, color: Paint, room: number): string {
  const { state, kind, expiration, reason = "" } = profile
  switch (state) {
    case "ready": {
      const wholeMs = kind === "role" ? roleMs : sessionMs
      return `${bar(context, expiration, wholeMs, color)}  ${left(context, expiration).padEnd(6)}  ${cut(kind, room - 20)}`
    }
    case "idle":
      return color.dim(cut("fetched at the first request", room))
    case "login-required":
      return color.yellow("login required")
    case "refused":
      return color.red(cut(reason || "refused", room))
    default:
      return color.dim(cut(`unsupported: ${reason}`, room))
  }
}

function cut(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text
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
