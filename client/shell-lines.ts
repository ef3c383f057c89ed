/** An environment as lines that a shell evaluates. Values are quoted so that no shell reads anything in them. */
import type { Environment } from "./environment.ts"
import { usageWrong } from "./failure.ts"

export type Shell = "sh" | "fish" | "powershell" | "nu" | "json"

const shells: readonly Shell[] = ["sh", "fish", "powershell", "nu", "json"]

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
    // A universal variable would show through: a global one that is not exported covers it.
    unset: (name) => `set -e ${name}; set -q ${name}; and set -gu ${name}; or true`,
  },
  powershell: {
    // PowerShell takes typographic quotes for quotes, too.
    set: (name, value) => `$env:${name} = '${value.replaceAll(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`,
    unset: (name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`,
  },
  nu: {
    set: (name, value) => `$env.${name} = ${JSON.stringify(value).replaceAll(/\\u([0-9a-f]{4})/g, String.raw`\u{$1}`)}`,
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

/** The command that a person types to have the lines evaluated. */
export function evaluation(profile: string, env: Readonly<Record<string, string | undefined>>): string {
  const command = `credd env ${word(profile)}`
  switch (shellFrom(undefined, env)) {
    case "fish":
      return `${command} | source`
    case "nu":
      return `${command} --shell json | from json | load-env`
    case "powershell":
      return `${command} | Out-String | Invoke-Expression`
    default:
      return `eval "$(${command})"`
  }
}

/** A profile name as a word of the shell, for lines that people paste. */
export function word(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`
}
