/** `credd login`: asks for the MFA code as late as possible, sends it once, and says what is served now. */
import type { ControlRoutes, LoginPlan } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { secondsFrom } from "../duration.ts"
import { Failure, usageWrong } from "../failure.ts"
import { counted, errorWithHint, note, span, warning } from "../output.ts"
import { profileFor } from "../profile.ts"
import { evaluation } from "../environment.ts"
import { unlocking } from "./unlock.ts"

type LoginFlags = {
  readonly "mfa-code"?: string
  readonly duration?: string
  readonly gui: boolean
}

type Login = ControlRoutes["POST /login"]["answer"]

const tries = 3

export const login: Command<LoginFlags, [profile?: string]> = async (
  caller,
  { "mfa-code": given, duration, gui },
  named,
) => {
  // In windows as at a terminal: a person is there.
  const context: Context = gui ? { ...caller, isInteractive: true, ask: caller.askInWindow } : caller
  const { stderr } = context.process
  const durationSeconds = secondsFrom(duration ?? "12h")
  const profile = await profileFor(context, named)
  // Whatever stands in the way is said before a person types a code.
  const plan = await unlocking(context, () => context.daemon("GET /login-plan", { profile }))
  const { session, profiles, warnings } = await signIn(context, plan, given, durationSeconds)
  for (const each of warnings) warning(stderr, each)
  const { sourceProfile, arn = "?", expiration = "" } = session
  const leftMs = Date.parse(expiration) - context.now()
  note(stderr, `signed in to "${sourceProfile}" as ${arn} until ${localTime(expiration)} (${span(leftMs + 500)})`)
  note(stderr, `serves ${counted(profiles.length, "profile")}: ${few(profiles)}`)
  note(stderr, `next: ${evaluation(profile, context.env)}`)
  return 0
}

/** A person who mistypes is asked again; what a script or a command gave is not a matter of typing. */
async function signIn(
  context: Context,
  plan: LoginPlan,
  given: string | undefined,
  durationSeconds: number,
): Promise<Login> {
  const isTyped = context.isInteractive && given === undefined && plan.mfaProcess === undefined
  const sent = new Set<string>()
  let problem: string | undefined
  for (let left = tries; ;) {
    left -= 1
    // Apps show "123 456".
    const mfaCode = (given ?? (await codeFrom(context, plan, problem))).replaceAll(/\s/g, "")
    try {
      insistOnFreshCode(mfaCode, sent)
      sent.add(mfaCode)
      return await context.daemon("POST /login", { profile: plan.profile, mfaCode, durationSeconds })
    } catch (error) {
      if (!isTyped || left === 0 || !isTypo(error)) throw error
      problem = error.message
      errorWithHint(context.process.stderr, error.message, "type the next code that the device shows")
    }
  }
}

/** AWS takes a code once, and locks nobody out only as long as nobody guesses: a code that cannot do is not sent. */
function insistOnFreshCode(mfaCode: string, sent: ReadonlySet<string>): void {
  if (!/^\d{6}$/.test(mfaCode)) {
    throw new Failure({ code: "MfaCodeMalformed", message: "an MFA code is six digits", hint: "run: credd login" })
  }
  if (sent.has(mfaCode)) {
    throw new Failure({ code: "MfaCodeUsed", message: "this MFA code was sent already", hint: "run: credd login" })
  }
}

function isTypo(error: unknown): error is Failure {
  return error instanceof Failure && ["MfaCodeRejected", "MfaCodeUsed", "MfaCodeMalformed"].includes(error.code)
}

async function codeFrom(context: Context, { mfaSerial, mfaProcess }: LoginPlan, problem?: string): Promise<string> {
  if (!context.isInteractive) {
    const [line = ""] = await context.readLines(1)
    if (line.trim() !== "") return line
    if (mfaProcess === undefined) {
      throw usageWrong("an MFA code is expected on standard input", "run: credd login --mfa-code CODE")
    }
  }
  if (mfaProcess !== undefined) return await context.runShell(mfaProcess, mfaProcessFailed)
  const question = { message: `MFA code for ${mfaSerial}`, isSecret: false, isMfaCode: true }
  return await context.ask(problem === undefined ? question : { ...question, problem })
}

function mfaProcessFailed(how: string): Failure {
  return new Failure({
    code: "MfaCodeMalformed",
    message: `mfa_process ended with ${how}`,
    hint: "run the profile's mfa_process by hand",
  })
}

function few(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 4).join(", ")}, …`
}

function localTime(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return "?"
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`
}
