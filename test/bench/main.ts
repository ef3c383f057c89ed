/**
 * `npm run bench`: what credd costs, beside a reference that runs at the same time on the same machine: a bare
 * node:http server for the daemon, an empty module for the client. Ratios of medians, from runs that alternate, since
 * a machine has bad moments. Nothing here passes or fails; the numbers go to `.cache/bench.json` too.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import type { BareAnswer } from "./bare-server.ts"
import { credd, install, type Installation } from "./installation.ts"
import type { Loaded } from "./load.ts"
import { alternating, load, rowOf, served, type Served } from "./measure.ts"
import { node, processorMs, restingMiB, stopped } from "./processes.ts"
import { scale } from "./scale.ts"
import { isMet, table, type Row } from "./table.ts"

const seconds = Number(process.env["CREDD_BENCH_SECONDS"] ?? 5)
const loadPairs = 3
const clientPairs = 25
const warmUpSeconds = 2

const bareServer = fileURLToPath(new URL("./bare-server.js", import.meta.url))
const results = fileURLToPath(new URL("../../../.cache/bench.json", import.meta.url))

/** A server that says, byte for byte, what the daemon says to this request (its Date is its own). */
async function bareTwin(url: URL, token: string): Promise<Served> {
  const asked = request(url, { headers: { authorization: token } }).end()
  const [response] = (await once(asked, "response")) as [Parameters<typeof text>[0] & { rawHeaders: string[] }]
  const { rawHeaders } = response
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ""] as const] : []))
  const answer: BareAnswer = {
    headers: Object.fromEntries(pairs.filter(([name]) => !/^(date|connection|keep-alive)$/i.test(name))),
    body: await text(response),
    tokenHash: createHash("sha256").update(token).digest("hex"),
  }
  const bare = spawn(process.execPath, [bareServer, JSON.stringify(answer)], {
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  })
  const [port] = await once(bare.stdout, "data")
  bare.stdout.destroy()
  return served(bare, Number(port), url.pathname, token)
}

async function throughput(daemon: Served, bare: Served, connections: number): Promise<Row[]> {
  const measured = async (server: Served): Promise<Loaded & { processorUs: number }> => {
    const before = processorMs(server.process)
    const loaded = await load(server, { connections, seconds })
    return { ...loaded, processorUs: ((processorMs(server.process) - before) * 1_000) / loaded.requests }
  }
  const pairs = await alternating(loadPairs, [() => measured(daemon), () => measured(bare)])
  const named = connections === 1 ? "1 connection" : `${connections} connections`
  const p99Target = connections === 1 ? {} : { target: { of: "credd", most: 20 } as const }
  return [
    rowOf({ what: `requests, ${named}`, unit: "/s", target: { of: "ratio", least: 0.6 } }, pairs, (x) => x.perSecond),
    rowOf({ what: `p50, ${named}`, unit: "ms" }, pairs, (x) => x.p50Ms),
    rowOf({ what: `p99, ${named}`, unit: "ms", ...p99Target }, pairs, (x) => x.p99Ms),
    rowOf({ what: `processor a request, ${named}`, unit: "µs" }, pairs, (x) => x.processorUs),
  ]
}

async function clientTimes({ home, env }: Installation): Promise<Row[]> {
  const empty = join(home, "empty.mjs")
  await writeFile(empty, "")
  const rows: Row[] = []
  for (const [args, most] of [
    [["env", "dev"], 1.35],
    [["status"], 1.8],
    [["status", "--short"], 1.35],
  ] as const) {
    const sides = [() => node([credd, ...args], env), () => node([empty], env)] as const
    await alternating(2, sides)
    const pairs = await alternating(clientPairs, sides)
    const what = `credd ${args.join(" ")}`
    rows.push(rowOf({ what, unit: "ms", target: { of: "ratio", most } }, pairs, (x) => x.tookMs))
  }
  return rows
}

async function measure(installation: Installation, onBare: (bare: Served) => void): Promise<Row[]> {
  const { daemon: child } = installation
  const daemonRest = await restingMiB(child)
  await installation.login()
  const { url, token } = await installation.endpoint()
  const daemon = served(child, Number(url.port), url.pathname, token)
  const bare = await bareTwin(url, token)
  onBare(bare)
  const bareRest = await restingMiB(bare.process)

  for (const server of [daemon, bare]) await load(server, { connections: 64, seconds: 60, requests: 10_000 })
  const [daemonBusy, bareBusy] = [await restingMiB(child), await restingMiB(bare.process)]
  const memory = [
    rowOf(
      { what: "memory at rest, signed out", unit: "MiB", target: { of: "ratio", most: 1.6 } },
      [[daemonRest, bareRest]],
      (mebibytes) => mebibytes,
    ),
    rowOf({ what: "memory after 10,000 requests", unit: "MiB" }, [[daemonBusy, bareBusy]], (mebibytes) => mebibytes),
  ]

  const client = await clientTimes(installation)
  for (const server of [daemon, bare]) await load(server, { connections: 64, seconds: warmUpSeconds })
  return [...(await throughput(daemon, bare, 64)), ...(await throughput(daemon, bare, 1)), ...memory, ...client]
}

async function main(): Promise<void> {
  const cores = availableParallelism()
  const minutes = Math.ceil((4 * loadPairs * seconds + 25) / 60)
  console.log(`credd bench: node ${process.version}, ${cores} cores; about ${minutes} min\n`)
  const installation = await install()
  let bare: Served | undefined
  try {
    const rows = await measure(installation, (started) => {
      bare = started
    })
    rows.push(...(await scale()))
    console.log(table(rows))
    const measured = rows.map((row) => ({ ...row, met: isMet(row) ?? null }))
    const report = { at: new Date().toISOString(), node: process.version, cores, seconds, rows: measured }
    await mkdir(join(results, ".."), { recursive: true })
    await writeFile(results, `${JSON.stringify(report, null, 2)}\n`)
  } finally {
    if (bare !== undefined) await stopped(bare.process)
    await installation.close()
  }
}

await main()
