/** A real terminal: tmux, with a server of its own for each test. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, onTestFinished, vi } from "vitest"

const execute = promisify(execFile)

export interface Terminal {
  /** Types text, letter by letter as a person would. */
  type(text: string): Promise<void>
  /** Pastes text as a terminal does: in brackets, where the program has asked for them. */
  paste(text: string): Promise<void>
  /** Presses keys by tmux's names: `Enter`, `Tab`, `C-c`. */
  press(...keys: readonly string[]): Promise<void>
  /** What is on the screen now, with no space at the ends of lines. */
  screen(): Promise<string>
  /** Waits until the screen shows it, and gives the screen. */
  shows(wanted: string | RegExp): Promise<string>
  resize(columns: number, rows: number): Promise<void>
}

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly columns?: number
  readonly rows?: number
}

export async function openTerminal(
  command: readonly string[],
  { env = {}, columns = 80, rows = 24 }: TerminalOptions = {},
): Promise<Terminal> {
  const folder = mkdtempSync(join(tmpdir(), "credd-terminal-"))
  const socket = join(folder, "tmux")
  const config = join(folder, "tmux.conf")
  writeFileSync(config, "set -g status off\nset -g remain-on-exit on\nset -g default-terminal xterm-256color\n")
  const tmux = async (...args: readonly string[]): Promise<string> =>
    (
      await execute("tmux", ["-u", "-S", socket, "-f", config, ...args], {
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, LANG: "C.UTF-8", TERM: "xterm-256color", ...env },
      })
    ).stdout
  onTestFinished(async () => {
    await tmux("kill-server").catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  })
  await tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), ...command)

  const screen = async (): Promise<string> =>
    (await tmux("capture-pane", "-p"))
      .split("\n")
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd()
  return {
    async type(text) {
      await tmux("send-keys", "-l", text)
    },
    async paste(text) {
      await tmux("set-buffer", "--", text)
      await tmux("paste-buffer", "-p")
    },
    async press(...keys) {
      await tmux("send-keys", ...keys)
    },
    screen,
    async shows(wanted) {
      return await vi.waitFor(
        async () => {
          const now = await screen()
          if (typeof wanted === "string") expect(now).toContain(wanted)
          else expect(now).toMatch(wanted)
          return now
        },
        { timeout: 20_000, interval: 100 },
      )
    },
    async resize(columns_, rows_) {
      await tmux("resize-window", "-x", String(columns_), "-y", String(rows_))
    },
  }
}
