/** `credd login`: asks for the MFA code as late as possible, sends it once, and says what is served now. */
import type { LoginPlan } from "../../daemon/api.ts"
import type { Command } from "../app.ts"
import type { Context } from "../context.ts"
import { secondsFrom } from "../duration.ts"
import { Failure, usageWrong } from "../failure.ts"
import { errorWithHint, note, span, warning } from "../output.ts"
import { profileFor } from "../profile.ts"
import { unlocking } from "./unlock.ts"

type LoginFlags = {
  readonly "mfa-code"?: string
  readonly duration?: string
}

const tries = 3

export const login: Command<LoginFlags, [profile?: string]> = async (
  context,
  { "mfa-code": given, duration },
  named,
) => {
  const { stderr } = context.process
  const durationSeconds = secondsFrom(duration ?? "12h")
  const profile = await profileFor(context, named)
  // Whatever stands in the way is said before a person types a code.
  const plan = await unlocking(context, () => context.daemon("GET /login-plan", { profile }))
  const { session, profiles, warnings } = await attempt(context, plan, given, durationSeconds)
  for (const each of warnings) warning(stderr, each)
  const leftMs = Date.parse(session.expiration ?? "") - context.now()
  note(
    stderr,
    `signed in to "${session.sourceProfile}" as ${session.arn ?? "?"} until ${localTime(session.expiration)} (${span(leftMs + 500)})`,
  )
  note(stderr, `serves ${profiles.length === 1 ? "1 profile" : `${profiles.length} profiles`}: ${few(profiles)}`)
  note(stderr, `next: eval "$(credd env ${profile})"`)
  return 0
}

async function attempt(context: Context, plan: LoginPlan, given: string | undefined, durationSeconds: number) {
  for (let left = tries - 1; ; left -= 1) {
    const mfaCode = given ?? (await codeFrom(context, plan))
    try {
      return await context.daemon("POST /login", { profile: plan.profile, mfaCode, durationSeconds })
    } catch (error) {
      const isTypo =
        error instanceof Failure && ["MfaCodeRejected", "MfaCodeUsed", "MfaCodeMalformed"].includes(error.code)
      const canAskAgain = context.isInteractive && given === undefined && plan.mfaProcess === undefined && left > 0
      if (!isTypo || !canAskAgain) throw error
      errorWithHint(context.process.stderr, error.message, "wait for the next code and type it here")
    }
  }
}

async function codeFrom(context: Context, { mfaSerial, mfaProcess }: LoginPlan): Promise<string> {
  if (!context.isInteractive) {
    const [line] = await context.readLines(1)
    if (line) return line
    if (mfaProcess === undefined)
      throw usageWrong("an MFA code is expected on standard input", "run: credd login --mfa-code CODE")
  }
  if (mfaProcess !== undefined) return await context.runShell(mfaProcess)
  return await context.ask({ message: `MFA code of ${mfaSerial}`, isSecret: false })
}

function few(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 4).join(", ")}, …`
}

function localTime(iso: string | undefined): string {
  if (iso === undefined) return "?"
  const at = new Date(iso)
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`
}
