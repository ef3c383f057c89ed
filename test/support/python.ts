/** The AWS CLI, boto3 and moto of the project's own virtual environment (`test/requirements.txt`). */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { onTestFinished, vi } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { finished, type AtEnd, type Ran } from "./daemon.ts"

const bin = fileURLToPath(new URL("../../.cache/python/bin/", import.meta.url))

/** Skipped on a machine without the environment; a machine that calls itself CI must have it. */
export const isPythonMissing = !existsSync(`${bin}moto_server`) && !process.env["CI"]
export const pythonMissing =
  "no Python tools: python3 -m venv .cache/python && .cache/python/bin/pip install -r test/requirements.txt"

export async function aws(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return await finished(spawn(`${bin}aws`, args, { env: { PATH: process.env["PATH"] ?? "", ...env } }))
}

export async function python(script: string, env: Readonly<Record<string, string>>, input = ""): Promise<Ran> {
  return await finished(
    spawn(`${bin}python`, ["-c", script], { env: { PATH: process.env["PATH"] ?? "", ...env } }),
    input,
  )
}

/** A moto server of its own for one test. */
export async function startMoto(atEnd: AtEnd = onTestFinished): Promise<string> {
  const probe = createServer()
  const port = await listenOnPort(probe, 0)
  await new Promise((resolve) => {
    probe.close(resolve)
  })
  const server = spawn(`${bin}moto_server`, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
  atEnd(() => void server.kill("SIGKILL"))
  const url = `http://127.0.0.1:${port}`
  await vi.waitFor(async () => await fetch(url), { timeout: 30_000, interval: 200 })
  return url
}
