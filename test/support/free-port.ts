/** A port that is free with the three above it, outside the range that outgoing connections take. */
import { createServer } from "node:net"
import { listenOnPort } from "../../daemon/adapters/listen.ts"

export async function freePort(): Promise<number> {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 18_000)
    const probes = [0, 1, 2, 3].map(() => createServer())
    const held = await Promise.allSettled(probes.map(async (probe, i) => await listenOnPort(probe, first + i)))
    await Promise.all(probes.map(async (probe) => await new Promise((resolve) => void probe.close(resolve))))
    if (held.every(({ status }) => status === "fulfilled")) return first
  }
}
