/** `12h`, `90m`, `3600s`, `1d` or plain seconds, as seconds. */
import { usageWrong } from "./failure.ts"

const units: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 }

/** An MFA session's duration. */
export function secondsFrom(text: string): number {
  const seconds = anySeconds(text)
  if (!(seconds >= 900 && seconds <= 129_600)) {
    throw usageWrong(`"${text}" is not a session duration between 15m and 36h`, "run: credd login --duration 12h")
  }
  return seconds
}

/** NaN where it is no duration at all. */
export function anySeconds(text: string): number {
  const [, number, unit = ""] = /^(\d+)([smhd]?)$/.exec(text.trim()) ?? []
  return Number(number) * (units[unit] ?? Number.NaN)
}

/** Of anything else; its bounds are its own to know. */
export function secondsOf(text: string, hint: string): number {
  const seconds = anySeconds(text)
  if (!Number.isSafeInteger(seconds)) throw usageWrong(`"${text}" is not a time such as 45m or 8h`, hint)
  return seconds
}
