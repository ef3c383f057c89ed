/** Asks a person in a window of whatever the desktop has: pinentry, zenity, kdialog, or macOS's own dialog. */
import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { askByAssuan } from "./assuan.ts"
import type { Question } from "./context.ts"
import { Failure, interrupted } from "./failure.ts"

const title = "credd"
/** Nobody may be at the desk: a login that nobody answers ends by itself. */
const patienceMs = 5 * 60_000

type Way = (question: Question) => Promise<string | undefined>

export async function askInWindow({ problem, ...asked }: Question): Promise<string> {
  const question = problem === undefined ? asked : { ...asked, message: `${problem}; ${asked.message}` }
  const failures: string[] = []
  for (const [program, way] of ways()) {
    try {
      const answer = await way(question)
      if (answer === undefined) throw interrupted()
      return answer
    } catch (error) {
      if (error instanceof Failure) throw error
      failures.push(`${program}: ${error instanceof Error ? error.message : "it failed"}`)
    }
  }
  throw new Failure({
    code: "Unavailable",
    message: `could not ask in a window: ${failures.length === 0 ? "there is no display, or no program that opens one" : failures.join("; ")}`,
    hint: "install pinentry, zenity or kdialog, or set mfa_process for the profile",
  })
}

/** In the order of preference, those that are there. */
function ways(): readonly (readonly [string, Way])[] {
  const { DISPLAY, WAYLAND_DISPLAY, GPG_TTY } = process.env
  const hasDisplay = Boolean(DISPLAY || WAYLAND_DISPLAY) || process.platform === "darwin"
  const all: readonly (readonly [string, Way, boolean])[] = [
    // pinentry-curses and pinentry-tty need no display, but must be told of a terminal.
    ["pinentry-mac", pinentry("pinentry-mac"), hasDisplay],
    ["pinentry", pinentry("pinentry"), hasDisplay || Boolean(GPG_TTY)],
    ["zenity", dialog("zenity", zenity), hasDisplay],
    ["kdialog", dialog("kdialog", kdialog), hasDisplay],
    ["osascript", dialog("osascript", osascript), process.platform === "darwin"],
  ]
  return all
    .filter(([program, , isPossible]) => isPossible && isOnPath(program))
    .map(([program, way]) => [program, way])
}

function pinentry(program: string): Way {
  return async ({ message }) => {
    const { GPG_TTY, TERM, DISPLAY } = process.env
    const child = spawn(program, DISPLAY ? ["--display", DISPLAY] : [], { stdio: ["pipe", "pipe", "ignore"] })
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs)
    child.stdin.on("error", () => undefined)
    const failed = new Promise<never>((_, reject) => {
      child.once("error", reject)
    })
    const options = [
      ...(GPG_TTY ? [`ttyname=${GPG_TTY}`, `ttytype=${TERM ?? "xterm"}`] : []),
      "lc-ctype=C.UTF-8",
      // Editors and agents run in the background: the window must not wait behind theirs.
      "grab",
    ]
    try {
      const question = { options, title, description: message, prompt: "credd" }
      return await Promise.race([askByAssuan(child.stdout, child.stdin, question), failed])
    } finally {
      clearTimeout(timer)
      child.kill()
    }
  }
}

/** A program that shows what its arguments say (never a secret) and prints what was typed; status 1 is "Cancel". */
function dialog(program: string, args: (question: Question) => readonly string[]): Way {
  return async (question) =>
    await new Promise((resolve, reject) => {
      const child = spawn(program, args(question), { stdio: ["ignore", "pipe", "ignore"], timeout: patienceMs })
      let text = ""
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      child.once("error", reject)
      child.once("close", (status) => {
        if (status === 0) resolve(text.replace(/\r?\n$/, ""))
        else if (status === 1) resolve(undefined)
        else reject(new Error(`it ended with status ${status ?? "unknown"}`))
      })
    })
}

function zenity({ message, isSecret }: Question): readonly string[] {
  return ["--entry", `--title=${title}`, `--text=${message}`, ...(isSecret ? ["--hide-text"] : [])]
}

function kdialog({ message, isSecret }: Question): readonly string[] {
  return ["--title", title, isSecret ? "--password" : "--inputbox", message]
}

function osascript({ message, isSecret }: Question): readonly string[] {
  const text = `"${message.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`
  const hidden = isSecret ? " with hidden answer" : ""
  return ["-e", `text returned of (display dialog ${text} default answer ""${hidden} with title "${title}")`]
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder || ".", program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
