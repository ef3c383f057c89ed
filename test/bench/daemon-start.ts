/** From the exec of the daemon to the first credentials that it serves, the session in a real keychain; beside a bare node's whole life. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { freePort } from "../support/free-port.ts"
import { startKeyring } from "../support/keyring.ts"
import { credd, install } from "./installation.ts"
import { alternating, rowOf } from "./measure.ts"
import { ran, stopped } from "./processes.ts"
import type { Row } from "./table.ts"

const pairs = 25
const program = fileURLToPath(new URL("../../../test/bench/first_credentials.py", import.meta.url))

export async function daemonStart(): Promise<Row[]> {
  const keyring = await startKeyring()
  const port = await freePort()
  const installation = await install({ env: { ...keyring.env, CREDD_STORE: "keychain", CREDD_PORT: String(port) } })
  try {
    await installation.login()
    const { token } = await installation.endpoint()
    // A first start writes down what it has compiled, a second after it: what is measured is the next.
    await sleep(1_500)
    await stopped(installation.daemon)
    const empty = join(installation.home, "empty.mjs")
    await writeFile(empty, "")
    const { env } = installation
    const asked = {
      command: [process.execPath, credd, "daemon", "--supervised"],
      env: { ...env, MALLOC_ARENA_MAX: "1" },
      port,
      socket: join(installation.home, "credd", "credd.sock"),
      // The session's own credentials: a role's are AWS's to hand out anew, in AWS's time.
      request: `GET /credentials/acme HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${token}\r\nConnection: close\r\n\r\n`,
    }
    const bare = async (): Promise<number> => await timed("whole", { command: [process.execPath, empty], env })
    const rows: Row[] = []
    for (const [mode, note] of [
      ["service", ""],
      ["by-hand", ", by hand"],
    ] as const) {
      const sides = [async () => await timed(mode, asked), bare] as const
      await alternating(2, sides)
      const what = `daemon, from exec to the first credentials${note}`
      rows.push(
        rowOf({ what, unit: "ms", target: { of: "ratio", most: 2.5 } }, await alternating(pairs, sides), (ms) => ms),
      )
    }
    return rows
  } finally {
    await installation.close()
    await keyring.close()
  }
}

async function timed(mode: "service" | "by-hand" | "whole", asked: unknown): Promise<number> {
  return Number((await ran(["/usr/bin/python3", program, mode], {}, JSON.stringify(asked))).stdout)
}
