/** Which program listens on a port of this machine. */
import { readFile, readdir, readlink } from "node:fs/promises"

/** Linux tells by /proc whose socket it is; elsewhere the next command is the best that can be said. */
export async function holderOf(port: number): Promise<string> {
  const unknown = `another program (to see which: lsof -nP -iTCP:${port})`
  try {
    const rows = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((row) => row.trim().split(/\s+/))
    const hexPort = port.toString(16).toUpperCase().padStart(4, "0")
    const row = rows.find(([, local = "", , state]) => local.endsWith(`:${hexPort}`) && state === "0A")
    if (row === undefined) return unknown
    const [uid, inode] = [row[7], row[9]]
    const pid = await processWith(`socket:[${inode}]`)
    if (pid === undefined) return `a program of user id ${uid}`
    const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim()
    return `${name} (pid ${pid}, user id ${uid})`
  } catch {
    return unknown
  }
}

async function processWith(link: string): Promise<string | undefined> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const fd of fds) {
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")) === link) return pid
    }
  }
  return undefined
}
