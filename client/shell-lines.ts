/** An environment as lines that a shell evaluates. Values are quoted so that no shell reads anything in them. */
import type { Environment } from "./environment.ts"
import { usageWrong } from "./failure.ts"

export type Shell = "sh" | "fish" | "powershell" | "nu" | "json"

export const shells: readonly Shell[] = ["sh", "fish", "powershell", "nu", "json"]

interface Syntax {
  set(name: string, value: string): string
  unset(name: string): string
}

const syntaxes: Readonly<Record<Exclude<Shell, "json">, Syntax>> = {
  sh: {
    set: (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
    unset: (name) => `unset ${name}`,
  },
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
    unset: (name) => `set -e ${name}`,
  },
  powershell: {
    // PowerShell takes typographic quotes for quotes, too.
    set: (name, value) => `$env:${name} = '${value.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`,
    unset: (name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`,
  },
  nu: {
    set: (name, value) => `$env.${name} = ${JSON.stringify(value)}`,
    unset: (name) => `hide-env --ignore-errors ${name}`,
  },
}

export function shellLines(environment: Environment, shell: Shell): string {
  if (shell === "json") return `${JSON.stringify(Object.fromEntries(environment), null, 2)}\n`
  const { set, unset } = syntaxes[shell]
  return [...environment].map(([name, value]) => `${value === null ? unset(name) : set(name, value)}\n`).join("")
}

/** The shell that evaluates us: named, or guessed from $SHELL. */
export function shellFrom(named: string | undefined, env: Readonly<Record<string, string | undefined>>): Shell {
  if (named !== undefined) {
    const known = shells.find((shell) => shell === named)
    if (known === undefined) throw usageWrong(`there is no shell "${named}"`, `choose one of: ${shells.join(", ")}`)
    return known
  }
  const program = env["SHELL"]?.split("/").at(-1) ?? ""
  if (program === "fish" || program === "nu") return program
  return program === "pwsh" || (program === "" && env["PSModulePath"]) ? "powershell" : "sh"
}
