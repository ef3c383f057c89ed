/** What only `credd doctor` wants to know of this machine: file modes, other programs, ports, and who a key is. */
import { spawn } from "node:child_process"
import { readdirSync, statSync } from "node:fs"
import { get } from "node:http"
import { connect } from "node:net"
import type { Identity } from "../daemon/api.ts"
import { holderOf, identityOf, type KeyInPlainSight } from "../daemon/for-doctor.ts"

export interface Machine {
  readonly cwd: string
  readonly platform: NodeJS.Platform
  stat(
    path: string,
  ): { readonly mode: number; readonly size: number; readonly kind: "file" | "folder" | "other" } | undefined
  /** The names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[]
  /** What a program prints, on either stream; undefined where it is not there, fails, or takes longer than 5 s. */
  run(program: string, args: readonly string[]): Promise<string | undefined>
  /** Asks a server on this machine; undefined where nobody answers within 2 s. */
  ask(url: string, authorization: string): Promise<{ readonly status: number; readonly body: string } | undefined>
  /** Who listens on a port of 127.0.0.1, as far as the system tells; undefined where nobody does. */
  holderOf(port: number): Promise<string | undefined>
  identityOf(key: KeyInPlainSight, env: Readonly<Record<string, string | undefined>>): Promise<Identity>
  chmod(path: string, mode: number): Promise<void>
}

const programMs = 5_000
const answerMs = 2_000
const mostBytes = 65_536

export const realMachine: Machine = {
  cwd: process.cwd(),
  platform: process.platform,
  stat(path) {
    try {
      const found = statSync(path, { throwIfNoEntry: false })
      if (found === undefined) return undefined
      return {
        mode: found.mode,
        size: found.size,
        kind: found.isFile() ? "file" : found.isDirectory() ? "folder" : "other",
      }
    } catch {
      return undefined
    }
  },
  list(folder) {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  },
  run: async (program, args) =>
    await new Promise((resolve) => {
      const child = spawn(program, args, {
        stdio: ["ignore", "pipe", "pipe"],
        timeout: programMs,
        killSignal: "SIGKILL",
      })
      let said = ""
      const listen = (chunk: Buffer): void => {
        if (said.length < mostBytes) said += chunk.toString("utf8")
      }
      child.stdout.on("data", listen)
      child.stderr.on("data", listen)
      child.once("error", () => resolve(undefined))
      child.once("close", (status) => resolve(status === 0 ? said : undefined))
    }),
  ask: async (url, authorization) =>
    await new Promise((resolve) => {
      const request = get(url, { headers: { authorization }, timeout: answerMs }, (response) => {
        let body = ""
        response.setEncoding("utf8").on("data", (chunk: string) => {
          if (body.length < mostBytes) body += chunk
        })
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body }))
      })
      request.once("timeout", () => request.destroy())
      request.once("error", () => resolve(undefined))
    }),
  holderOf: async (port) => ((await isHeld(port)) ? await holderOf(port) : undefined),
  identityOf,
  async chmod(path, mode) {
    const { chmod } = await import("node:fs/promises")
    await chmod(path, mode)
  },
}

async function isHeld(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = connect({ host: "127.0.0.1", port, timeout: answerMs })
    const answer = (held: boolean) => () => {
      probe.destroy()
      resolve(held)
    }
    probe.once("connect", answer(true)).once("timeout", answer(true)).once("error", answer(false))
  })
}
