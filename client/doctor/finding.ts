/** What the doctor found, and what it looked at to find it. */
import type { KeptKeyStatus, Status } from "../../daemon/api.ts"
import type { Context } from "../context.ts"
import type { Failure } from "../failure.ts"
import type { Machine } from "../machine.ts"
import { families, type Family } from "./families.ts"
import type { Shell } from "./shell.ts"
import type { Source, Winner } from "./winner.ts"

export interface Finding {
  /** Stable, for scripts. */
  readonly id: string
  /** `problem`: keeps credd from being used. `warning`: will, or is unsafe. `note`: good to know. */
  readonly level: "problem" | "warning" | "note"
  readonly what: string
  readonly why: string
  /** A command, or what to do where there is none. */
  readonly fix: string
  /** Whose SDKs it concerns, where not all. */
  readonly families?: readonly string[]
  /** The classic danger: a role with few rights is in place, and something forgotten gives this shell more. */
  readonly isDanger?: boolean
  /** What `--fix` does after a yes. */
  readonly mend?: Mend
}

export interface Mend {
  readonly question: string
  /** A command line of credd's own, or a change to a file. */
  readonly how: readonly string[] | (() => Promise<void> | void)
}

export interface Verdict {
  readonly family: Family
  readonly winner: Winner
}

/** All that checks may look at. */
export interface Visit {
  readonly context: Context
  readonly machine: Machine
  readonly shell: Shell
  readonly verdicts: readonly Verdict[]
  /** The daemon's port as the settings have it; 0 where they cannot be read. */
  readonly port: number
  readonly settingsProblem: readonly Finding[]
  readonly status: Status | undefined
  readonly daemonFailure: Failure | undefined
  readonly keys: readonly KeptKeyStatus[]
  /** Whether AWS is asked who each of the credentials is. */
  readonly isIdentified: boolean
}

export type Check = (visit: Visit) => readonly Finding[] | Promise<readonly Finding[]>

/** A key id as it may be shown. */
export function maskedId(accessKeyId: string): string {
  return `****${accessKeyId.slice(-4)}`
}

/** What makes two sources the same one. */
export function sourceKey({ kind, where }: Source): string {
  return `${kind} ${where}`
}

/** The families by name; by those that are missing where these are few. */
export function sdksOf(verdicts: readonly Verdict[]): string {
  const rest = families.filter(({ id }) => !verdicts.some(({ family }) => family.id === id))
  if (rest.length === 0) return "every SDK"
  return rest.length <= 3 ? `every SDK but ${names(rest)}` : names(verdicts.map(({ family }) => family))
}

function names(of: readonly Family[]): string {
  return of.map(({ name }) => name).join("; ")
}
