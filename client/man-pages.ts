/** The man pages, in mdoc, from the command table itself: one for credd, and one for each command. */
import type { Command, RouteMap } from "@stricli/core"
import { routes } from "./routes.ts"
import type { Context } from "./context.ts"
import { manualOf, usualExits, type Exits, type Manual } from "./manual.ts"

type Target = Command<Context> | RouteMap<Context>

export interface CommandEntry {
  /** `["lease", "new"]` */
  readonly words: readonly string[]
  readonly command: Command<Context>
  readonly manual: Manual
}

/** Every command that a person may type, nested ones too. */
export function allCommands(from: Target = routes, words: readonly string[] = []): readonly CommandEntry[] {
  if (!("getAllEntries" in from)) {
    const manual = manualOf(from)
    return manual === undefined ? [] : [{ words, command: from, manual }]
  }
  return from
    .getAllEntries()
    .filter(({ hidden }) => !hidden)
    .flatMap(({ name, target }) => allCommands(target, [...words, name.original]))
}

/** File name to text. */
export function manPages(): ReadonlyMap<string, string> {
  const commands = allCommands()
  return new Map([
    ["credd.1", mainPage(commands)],
    ...commands.map((entry) => [`${pageName(entry)}.1`, commandPage(entry)] as const),
  ])
}

function pageName({ words }: CommandEntry): string {
  return ["credd", ...words].join("-")
}

function mainPage(commands: readonly CommandEntry[]): string {
  return page("credd", routes.brief, [
    section("SYNOPSIS", ".Nm", ".Ar command", ".Op Ar argument ...", ".Nm", ".Cm help", ".Op Ar command"),
    section(
      "DESCRIPTION",
      ...text(
        "A daemon keeps MFA sessions in the keychain of the operating system and serves them to every AWS SDK, CLI and tool on this machine, as fresh, temporary credentials. The commands here set it up and look after it.",
      ),
      ".Pp",
      ...text(
        "Without a profile, a command takes AWS_PROFILE, else the default profile, else the only one that can be served. Results go to standard output and everything else to standard error.",
      ),
    ),
    section(
      "COMMANDS",
      ".Bl -tag -width Ds",
      ...commands.flatMap((entry) => [`.It Xr ${pageName(entry)} 1`, ...text(entry.manual.brief)]),
      ".El",
    ),
    section(
      "ENVIRONMENT",
      ".Bl -tag -width Ds",
      ...variables.flatMap(([name, meaning]) => [`.It Ev ${name}`, ...text(meaning)]),
      ".El",
    ),
    exitSection(usualExits),
  ])
}

const variables = [
  ["CREDD_HOME", "A folder for settings, state and socket together."],
  ["AWS_PROFILE", "The profile of commands that name none."],
  ["CREDD_PLAIN", "As --plain, which every command takes: no bars, colours or redrawing, words instead."],
  ["NO_COLOR", "No colour, on a terminal either."],
] as const

function commandPage(entry: CommandEntry): string {
  const { words, command, manual } = entry
  const { flags = {}, positional } = command.parameters
  const names = Object.entries(flags).filter(([, flag]) => flag.hidden !== true)
  return page(pageName(entry), manual.brief, [
    section(
      "SYNOPSIS",
      `.Nm credd`,
      ...words.map((word) => `.Cm ${escaped(word)}`),
      ...names.map(([name, flag]) => `.Op ${flagMacro(name, flag)}`),
      ...positionals(positional).map(({ macro }) => `.${macro}`),
    ),
    section(
      "DESCRIPTION",
      ...text(`${sentence(manual.brief)}.`),
      ...manual.about.flatMap((paragraph) => [".Pp", ...text(paragraph)]),
      ...list(positionals(positional).map(({ name, brief }): readonly [string, string] => [`.It Ar ${name}`, brief])),
      ...list(names.map(([name, flag]): readonly [string, string] => [`.It ${flagMacro(name, flag)}`, flag.brief])),
    ),
    exitSection(manual.exits),
    section(
      "EXAMPLES",
      ...(manual.examples.length === 0 ? [] : [".Bd -literal", ...manual.examples.map((line) => escaped(line)), ".Ed"]),
    ),
    section("SEE ALSO", ".Xr credd 1"),
  ])
}

function page(name: string, brief: string, sections: readonly string[]): string {
  return [
    // The date is that of the text: none is the honest one for what is made from the table.
    ".Dd $Mdocdate$",
    `.Dt ${name.toUpperCase()} 1`,
    ".Os credd",
    section("NAME", `.Nm ${name}`, `.Nd ${escaped(brief)}`),
    ...sections,
    "",
  ].join("\n")
}

function section(title: string, ...lines: readonly string[]): string {
  return [`.Sh ${title}`, ...lines].join("\n")
}

function exitSection(exits: Exits): string {
  const rows = Object.entries(exits).flatMap(([status, meaning]) => [`.It ${status}`, ...text(`${sentence(meaning)}.`)])
  return section("EXIT STATUS", ".Bl -tag -width Ds", ...rows, ".El")
}

function list(rows: readonly (readonly [string, string])[]): readonly string[] {
  if (rows.length === 0) return []
  return [".Bl -tag -width Ds", ...rows.flatMap(([item, brief]) => [item, ...text(`${sentence(brief)}.`)]), ".El"]
}

interface Flag {
  readonly kind: string
  readonly placeholder?: string
}

function flagMacro(name: string, flag: Flag): string {
  const head = `Fl Fl ${escaped(name)}`
  return flag.kind === "boolean" || flag.kind === "counter" ? head : `${head} Ar ${flag.placeholder ?? "value"}`
}

interface Positional {
  readonly name: string
  readonly brief: string
  readonly macro: string
}

function positionals(from: Command<Context>["parameters"]["positional"]): readonly Positional[] {
  if (from === undefined) return []
  if (from.kind === "array") {
    const name = from.parameter.placeholder ?? "argument"
    return [{ name, brief: from.parameter.brief, macro: `Op Ar ${name} ...` }]
  }
  return from.parameters.map(({ placeholder: name = "argument", brief, optional }) => ({
    name,
    brief,
    macro: optional === true ? `Op Ar ${name}` : `Ar ${name}`,
  }))
}

/** A line for each sentence, as mdoc has it. */
function text(paragraph: string): readonly string[] {
  return paragraph.split(/(?<=[.;?!]) +(?=[A-Z])/).map((line) => escaped(line))
}

function sentence(brief: string): string {
  const whole = brief.replace(/[.]$/, "")
  return whole.charAt(0).toUpperCase() + whole.slice(1)
}

/** What roff would take for its own. */
function escaped(line: string): string {
  const plain = line.replaceAll("\\", String.raw`\e`).replaceAll(/(?<!\w)-|-(?!\w)/g, String.raw`\-`)
  return /^[.']/.test(plain) ? String.raw`\&${plain}` : plain
}
