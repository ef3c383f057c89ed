/** `credd status`: what is served, and for how long. */
import type { ProfileStatus, SessionStatus, Status } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import { columnsOf, cut, padded } from "../columns.ts"
import type { Context } from "../context.ts"
import { paint, span, type Paint } from "../output.ts"
import { processName, profileFrom, readEndpoint, shellProfile } from "../profile.ts"
import { word } from "../environment.ts"
import { Failure, usageWrong } from "../failure.ts"

const sessionMs = 12 * 3_600_000
const roleMs = 3_600_000
const barCells = 10
const watchMs = 2_000

type StatusFlags = {
  readonly json: boolean
  readonly short: boolean
  readonly watch: boolean
}

export const status: Command<StatusFlags> = async (context, flags) => {
  if (Number(flags.json) + Number(flags.short) + Number(flags.watch) > 1) {
    throw usageWrong("--json, --short and --watch exclude each other", "run: credd status")
  }
  const { stdout } = context.process
  if (flags.watch) return context.isPlain ? await tell(context) : await watch(context)
  if (flags.short) stdout.write(await oneLine(context))
  else {
    const answer = await context.daemon("GET /status", {})
    stdout.write(flags.json ? `${JSON.stringify(answer, null, 2)}\n` : await page(context, answer))
  }
  return 0
}

/** `dev 6h12m`: the profile of this shell, and how long its MFA session lasts. */
async function oneLine(context: Context): Promise<string> {
  const profile = shellProfile(context) ?? profileFrom(context, undefined, readEndpoint(context))
  if (profile === undefined) return "-\n"
  try {
    const { state, expiration } = await context.daemon("GET /session", { profile })
    return `${profile}${state !== "signed-in" ? ` ${state}` : expiration === undefined ? "" : ` ${left(context, expiration)}`}\n`
  } catch (error) {
    // A prompt is no place for an error about a profile that credd does not serve.
    if (error instanceof Failure && ["ProfileNotFound", "ProfileUnsupported"].includes(error.code)) return "-\n"
    throw error
  }
}

/** Draws the page again and again over itself, until Ctrl-C. */
async function watch(context: Context): Promise<never> {
  const { stdout } = context.process
  if (stdout.isTTY !== true) throw usageWrong("--watch needs a terminal", "run: credd status")
  for (let drawn = 0; ;) {
    const lines = (await currentPage(context)).trimEnd().split("\n")
    const room = Math.max(1, (stdout.rows ?? 24) - 1)
    const shown = lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines
    const up = drawn === 0 ? "" : `\u001b[${drawn}A\r`
    stdout.write(`${up}${shown.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`)
    drawn = shown.length
    await context.pause(watchMs)
  }
}

/** Says what is new, and never draws over what was said; times left count as new by the minute. */
async function tell(context: Context): Promise<never> {
  for (let before: readonly string[] = []; ;) {
    const lines = (await currentPage(context)).trimEnd().split("\n")
    const said = new Set(before)
    for (const line of lines) if (!said.has(line)) context.process.stdout.write(`${line}\n`)
    before = lines
    await context.pause(watchMs)
  }
}

async function currentPage(context: Context): Promise<string> {
  try {
    return await page(context, await context.daemon("GET /status", {}))
  } catch (error) {
    // The daemon may come back: what watches it waits for that.
    if (error instanceof Failure) return `${error.message}; waiting for it`
    throw error
  }
}

async function page(context: Context, told: Status): Promise<string> {
  const answer = { ...told, profiles: told.profiles.filter((profile) => !isMadeByCredd(profile, told.profiles)) }
  if (context.isPlain) {
    const { statusInWords } = await import("../status-words.ts")
    return `${statusInWords(answer, context.now()).join("\n")}\n`
  }
  const { daemon, sessions, profiles, warnings } = answer
  const { stdout } = context.process
  const color = paint(stdout, context)
  const width = Math.max(40, Math.min(stdout.columns ?? 80, 120))
  const names = [...profiles.map(({ name }) => name), ...sessions.map(({ sourceProfile }) => sourceProfile)]
  const nameWidth = Math.min(Math.max(...names.map(columnsOf), 8), Math.floor(width / 3))
  const room = width - nameWidth - 4
  const cell = (name: string): string => padded(cut(name, nameWidth), nameWidth)
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

/** `credd process --setup` wrote it for tools that must be given a profile: the one behind it is in the list. */
function isMadeByCredd({ name, kind }: ProfileStatus, all: readonly ProfileStatus[]): boolean {
  return kind === "unsupported" && all.some((other) => other.kind !== "unsupported" && name === processName(other.name))
}

function sessionCells(context: Context, session: SessionStatus, color: Paint, room: number): string {
  const { state, sourceProfile, expiration, arn = "" } = session
  if (state !== "signed-in") {
    return `${color.yellow(state.padEnd(10))}  ${cut(`run: credd login ${word(sourceProfile)}`, room - 12)}`
  }
  return `${bar(context, expiration, sessionMs, color)}  ${left(context, expiration).padEnd(6)}  ${cut(arn, room - 20)}`
}

function profileCells(context: Context, profile: ProfileStatus, color: Paint, room: number): string {
  const { state, kind, expiration, reason = "", notes = [] } = profile
  const about = [kind, ...notes].join("; ")
  switch (state) {
    case "ready": {
      const wholeMs = kind === "role" ? roleMs : sessionMs
      return `${bar(context, expiration, wholeMs, color)}  ${left(context, expiration).padEnd(6)}  ${cut(about, room - 20)}`
    }
    case "idle":
      return color.dim(cut(["fetched at the first request", ...notes].join("; "), room))
    case "login-required":
      return color.yellow("login required")
    case "refused":
      return color.red(cut(reason || "refused", room))
    default:
      return color.dim(cut(`unsupported: ${reason}`, room))
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
