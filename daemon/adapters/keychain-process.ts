/** The keychain's helper as a process: for one question, which may come later than its start. */
import { spawn } from "node:child_process"
import { helperFlags } from "./child-command.ts"

export interface HelperOptions {
  /** The helper as JavaScript. */
  readonly file: string
  /** The name that a keychain program shows for each item. */
  readonly service: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal | undefined
}

export interface Helper {
  /** Whether it can still be asked its one question. */
  isWaiting(): boolean
  /** Its answer; nothing when the deadline ended it. Throws what the system says where it could not be started. */
  ask(question: string): Promise<string | undefined>
  /** Sends it home where nobody has asked it. */
  dismiss(): void
}

/** A keyring that is stopped never answers; people and SDKs do not wait that long. */
export const deadlineMs = 2_500

export const keychainService = "credd"

/** All that the helper needs to find the session bus and, on macOS, the user's keychain. */
const passedOn = ["HOME", "USER", "LOGNAME", "PATH", "LANG", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"]

export function startHelper({ file, service, env, signal }: HelperOptions): Helper {
  const child = spawn(process.execPath, [...helperFlags(), file, service], {
    env: helperEnvironment(env),
    stdio: ["pipe", "pipe", "ignore"],
    ...(signal === undefined ? {} : { signal }),
  })
  let isWaiting = true
  let isLate = false
  child.once("exit", () => {
    isWaiting = false
  })
  const answered = new Promise<string | undefined>((resolve, reject) => {
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk
      // One line, and whole: its process may take its time to end.
      if (output.endsWith("\n")) resolve(output)
    })
    child.once("error", reject)
    // A helper that somebody else killed has broken off.
    child.once("close", () => resolve(isLate ? undefined : output))
  })
  // Who asks hears of it.
  answered.catch(() => undefined)
  // A helper that died early makes the pipe fail; "close" says what happened.
  child.stdin.on("error", () => undefined)
  return {
    isWaiting: () => isWaiting,
    async ask(question) {
      isWaiting = false
      // For the answer, and for its end: what it knows is not to stay in memory somewhere.
      const deadline = setTimeout(() => {
        isLate = true
        child.kill("SIGKILL")
      }, deadlineMs).unref()
      child.once("exit", () => clearTimeout(deadline))
      child.stdin.end(question)
      return await answered
    },
    dismiss() {
      if (!isWaiting) return
      isWaiting = false
      // It may hang with the keyring.
      child.kill("SIGKILL")
    },
  }
}

function helperEnvironment(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.includes(name) || name.startsWith("XDG_")))
}
