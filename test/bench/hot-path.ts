/** What an answer costs beside a bare server that sends the same bytes: kept connections and new ones, few and many. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { request } from "node:http"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import type { BareAnswer } from "./bare-server.ts"
import type { Loaded } from "./load.ts"
import { alternating, load, rowOf, served, type Served } from "./measure.ts"
import { processorMs } from "./processes.ts"
import type { Row } from "./table.ts"

const bareServer = fileURLToPath(new URL("./bare-server.js", import.meta.url))
const loadPairs = 3
const warmUpSeconds = 2
const crowds = [1, 64, 512] as const

/** How long one `hotPath` of every load takes, about, and one of new connections alone. */
export function hotPathSeconds(seconds: number): number {
  return 3 * crowds.length * (loadPairs * 2 * seconds + 1) + 4 * warmUpSeconds
}

export interface HotPathOptions {
  readonly seconds: number
  /** Only where each request has a connection of its own. */
  readonly isAnewOnly?: boolean
  /** Follows the name of each row. */
  readonly note?: string
}

export async function hotPath(
  daemon: Served,
  bare: Served,
  { seconds, isAnewOnly = false, note = "" }: HotPathOptions,
): Promise<Row[]> {
  for (const server of [daemon, bare]) await load(server, { connections: 64, seconds: warmUpSeconds })
  const rows: Row[] = []
  for (const connections of crowds)
    for (const isAnew of isAnewOnly ? [true] : [false, true])
      rows.push(...(await throughput(daemon, bare, { connections, isAnew, seconds, note })))
  return rows
}

/** A server that says, byte for byte, what the daemon says to this request (its Date is its own). */
export async function bareTwin(url: URL, token: string): Promise<Served> {
  const asked = request(url, { headers: { authorization: token } }).end()
  const [response] = (await once(asked, "response")) as [Parameters<typeof text>[0] & { rawHeaders: string[] }]
  const { rawHeaders } = response
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ""] as const] : []))
  const answer: BareAnswer = {
    headers: Object.fromEntries(pairs.filter(([name]) => !/^(date|connection|keep-alive)$/i.test(name))),
    body: await text(response),
    token,
  }
  const bare = spawn(process.execPath, [bareServer], {
    env: { CREDD_BENCH_ANSWER: JSON.stringify(answer) },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const [port] = await once(bare.stdout, "data")
  bare.stdout.destroy()
  return served(bare, Number(port), url.pathname, token)
}

interface How {
  readonly connections: number
  readonly isAnew: boolean
  readonly seconds: number
  readonly note: string
}

const most = (ratio: number) => ({ of: "ratio", most: ratio }) as const

async function throughput(daemon: Served, bare: Served, how: How): Promise<Row[]> {
  const measured = async (server: Served): Promise<Loaded & { processorUs: number }> => {
    const before = processorMs(server.process)
    const loaded = await load(server, how)
    return { ...loaded, processorUs: ((processorMs(server.process) - before) * 1_000) / loaded.requests }
  }
  const pairs = await alternating(loadPairs, [() => measured(daemon), () => measured(bare)])
  const { connections, isAnew, note } = how
  const named = `${connections}${isAnew ? " new each time" : connections === 1 ? " connection" : " connections"}${note}`
  return [
    rowOf({ what: `requests, ${named}`, unit: "/s", target: { of: "ratio", least: 0.8 } }, pairs, (x) => x.perSecond),
    rowOf({ what: `p50, ${named}`, unit: "ms", target: most(1 / 0.8) }, pairs, (x) => x.p50Ms),
    rowOf({ what: `p99, ${named}`, unit: "ms", target: most(3) }, pairs, (x) => x.p99Ms),
    rowOf({ what: `processor a request, ${named}`, unit: "µs" }, pairs, (x) => x.processorUs),
  ]
}
