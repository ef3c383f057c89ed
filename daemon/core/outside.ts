/** Credentials from elsewhere, asked for once however many roles need them, and forgotten soon: they may be long-lived. */
import type { AccessKey, Credentials } from "./credentials.ts"
import type { Clock, OutsideCredentials } from "./ports.ts"
import type { OutsideProfile } from "./profiles.ts"

const reuseMs = 60_000

export type Outside = (profile: OutsideProfile) => Promise<AccessKey | Credentials>

export function outside(source: OutsideCredentials, clock: Clock): Outside {
  const answers = new Map<string, Promise<AccessKey | Credentials>>()

  return async ({ process: command }) => {
    if (command === undefined) return source.fromEnvironment()
    const known = answers.get(command)
    if (known !== undefined) return await known
    const answer = source.fromProcess(command)
    answers.set(command, answer)
    const forget = (): void => void answers.delete(command)
    answer.then(() => clock.after(reuseMs, forget), forget)
    return await answer
  }
}
