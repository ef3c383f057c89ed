/** A scene: a command line, and what is around it. Its transcript is what a person would see, and the exit status. */
import { credd, type Options, type Outcome } from "../client/fake-context.ts"
import { runCredd } from "../client/real-process.ts"

export interface Scene {
  /** What is shown, as the end of "credd …": the heading in the transcript. */
  readonly title: string
  readonly args: readonly string[]
  /** A function where something in it changes while the command runs. */
  readonly around?: Options | (() => Options)
  /** Runs the built program, with these variables alone: for what fakes cannot stand in for. */
  readonly real?: Readonly<Record<string, string>>
}

type Shown = Pick<Outcome, "stdout" | "stderr"> & { readonly status: number | null; readonly asked?: readonly string[] }

export async function transcriptOf(scenes: readonly Scene[]): Promise<string> {
  const parts: string[] = []
  for (const scene of scenes) {
    const around = typeof scene.around === "function" ? scene.around() : scene.around
    parts.push(transcript(scene, around, await outcome(scene, around)))
  }
  return parts.join("\n")
}

async function outcome({ args, real }: Scene, around: Options | undefined): Promise<Shown> {
  return real === undefined ? await credd(args, around) : await runCredd(args, { env: real })
}

function transcript(
  { title, args, real }: Scene,
  around: Options | undefined,
  { status, stdout, stderr, asked = [] }: Shown,
): string {
  const env = Object.entries(around?.env ?? real ?? {}).map(([name, value]) => `${name}=${quoted(value)} `)
  return [
    `# ${title}`,
    `$ ${env.join("")}${["credd", ...args.map(quoted), ...rest(around)].join(" ")}`,
    `exit status ${status}`,
    ...asked.map((question) => `asked: ${question}`),
    ...block("stdout", stdout),
    ...block("stderr", stderr),
    "",
  ].join("\n")
}

/** With a bar before each line, so that an empty one and a space at an end can be seen. */
function block(name: string, text: string): readonly string[] {
  if (text === "") return []
  const lines = text.split("\n")
  const isWhole = lines.at(-1) === ""
  return [
    `${name}:`,
    ...(isWhole ? lines.slice(0, -1) : lines).map((line) => `|${line.replaceAll("\u001b", "<ESC>")}`),
    ...(isWhole ? [] : ["(no line break at the end)"]),
  ]
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`
}

function rest(around: Options | undefined): readonly string[] {
  return around?.rest === undefined ? [] : ["--", ...around.rest.map(quoted)]
}
