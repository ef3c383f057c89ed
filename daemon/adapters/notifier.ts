/** Notify on the desktop's own program: `notify-send` on Linux, `osascript` on macOS. Where there is none, silence. */
import { execFile } from "node:child_process"
import type { Log, Notify } from "../core/ports.ts"
import { freeCommand } from "./child-command.ts"

const deadlineMs = 5_000

export function notifier(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): Notify {
  return (title, text) => {
    const [program, args] = platform === "darwin" ? osascript(title, text) : notifySend(title, text)
    const child = execFile(
      ...freeCommand(program, args),
      { env: { ...env }, timeout: deadlineMs, killSignal: "SIGKILL" },
      (error) => {
        if (error !== null) log.debug("notification_not_shown", () => ({ program, error: error.code ?? error.name }))
      },
    )
    child.unref()
  }
}

function notifySend(title: string, text: string): readonly [string, string[]] {
  // The body is markup to most servers; the title never is.
  const body = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
  return ["notify-send", ["--app-name=credd", "--icon=dialog-password", "--", title, body]]
}

/** The texts are arguments of the script, never part of it. */
function osascript(title: string, text: string): readonly [string, string[]] {
  const script = ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"]
  return ["osascript", [...script.flatMap((line) => ["-e", line]), title, text]]
}
