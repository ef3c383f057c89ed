/** From the exec of the daemon to the first credentials that it serves, the session in a real keychain; beside a bare node's whole life. */
import { spawn, type ChildProcess } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/free-port.ts"
import { startKeyring } from "../support/keyring.ts"
import { credd, install } from "./installation.ts"
import { alternating, rowOf } from "./measure.ts"
import { node, stopped } from "./processes.ts"
import type { Row } from "./table.ts"

const pairs = 25
const deadlineMs = 10_000

export async function daemonStart(): Promise<Row[]> {
  const keyring = await startKeyring()
  const port = await freePort()
  const installation = await install({ env: { ...keyring.env, CREDD_STORE: "keychain", CREDD_PORT: String(port) } })
  try {
    await installation.login()
    const { token } = await installation.endpoint()
    await stopped(installation.daemon)
    const empty = join(installation.home, "empty.mjs")
    await writeFile(empty, "")
    // The session's own credentials: a role's are AWS's to hand out anew, in AWS's time.
    const request = `GET /credentials/acme HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${token}\r\nConnection: close\r\n\r\n`
    const sides = [
      () => servedAfter(installation.env, port, request),
      async () => (await node([empty], installation.env)).tookMs,
    ] as const
    await alternating(2, sides)
    const measured = await alternating(pairs, sides)
    const what = "daemon, from exec to the first credentials"
    return [rowOf({ what, unit: "ms", target: { of: "ratio", most: 2.5 } }, measured, (ms) => ms)]
  } finally {
    await installation.close()
    await keyring.close()
  }
}

async function servedAfter(env: NodeJS.ProcessEnv, port: number, request: string): Promise<number> {
  const startedAt = performance.now()
  const daemon = spawn(process.execPath, [credd, "daemon", "--supervised"], { env, stdio: "ignore" })
  try {
    while (!(await isServed(port, request))) {
      if (performance.now() - startedAt > deadlineMs || hasEnded(daemon)) throw new Error("the daemon did not start")
      await sleep(1)
    }
    return performance.now() - startedAt
  } finally {
    await stopped(daemon)
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

async function isServed(port: number, request: string): Promise<boolean> {
  return await new Promise((resolve) => {
    let answer = ""
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(request))
    socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk))
    // Refused: nobody listens yet, and "close" says so.
    socket.on("error", () => undefined).once("close", () => resolve(answer.startsWith("HTTP/1.1 200 ")))
  })
}
