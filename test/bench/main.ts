/**
 * `npm run bench`: what credd costs, beside a reference that runs at the same time on the same machine: a bare
 * node:http server for the daemon, an empty module for the client. Ratios of medians, from runs that alternate, since
 * a machine has bad moments. Nothing here passes or fails; the numbers go to `.cache/bench.json` too.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bareTwin, hotPath, hotPathSeconds } from "./hot-path.ts"
import { credd, install, type Installation } from "./installation.ts"
import { alternating, load, rowOf, served, type Served } from "./measure.ts"
import { node, restingMiB, stopped } from "./processes.ts"
import { scale } from "./scale.ts"
import { isMet, table, type Row } from "./table.ts"

const seconds = Number(process.env["CREDD_BENCH_SECONDS"] ?? 3)
const clientPairs = 25

const results = fileURLToPath(new URL("../../../.cache/bench.json", import.meta.url))

async function clientTimes({ home, env }: Installation): Promise<Row[]> {
  const empty = join(home, "empty.mjs")
  await writeFile(empty, "")
  const rows: Row[] = []
  for (const [args, most] of [
    [["env", "dev"], 1.2],
    [["process", "dev"], 1.8],
    [["exec", "dev", "--", "true"], 1.4],
    [["status"], 1.5],
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
      { what: "memory at rest, signed out", unit: "MiB", target: { of: "ratio", most: 1.4 } },
      [[daemonRest, bareRest]],
      (mebibytes) => mebibytes,
    ),
    rowOf({ what: "memory after 10,000 requests", unit: "MiB" }, [[daemonBusy, bareBusy]], (mebibytes) => mebibytes),
  ]

  const client = await clientTimes(installation)
  return [...(await hotPath(daemon, bare, seconds)), ...memory, ...client]
}

async function main(): Promise<void> {
  const cores = availableParallelism()
  const minutes = Math.ceil((hotPathSeconds(seconds) + 60) / 60)
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
