/**
 * `npm run bench`: what credd costs, beside a reference that runs at the same time on the same machine: a bare
 * node:http server for the daemon, an empty module for the client. Ratios of medians, from runs that alternate, since
 * a machine has bad moments. Nothing here passes or fails; the numbers go to `.cache/bench.json` too.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { flagsOf } from "../support/flags.ts"
import { daemonStart } from "./daemon-start.ts"
import { bareTwin, hotPath, hotPathSeconds } from "./hot-path.ts"
import { credd, install, type InstallOptions, type Installation } from "./installation.ts"
import { alternating, load, rowOf, served, type Served } from "./measure.ts"
import { node, ran, restingMiB, stopped } from "./processes.ts"
import { scale } from "./scale.ts"
import { isMet, table, type Row } from "./table.ts"

const { seconds } = flagsOf("npm run bench -- [--seconds N]", { seconds: 3 })
const clientPairs = 25

const results = fileURLToPath(new URL("../../../.cache/bench.json", import.meta.url))

async function clientTimes({ home, env }: Installation): Promise<Row[]> {
  const empty = join(home, "empty.mjs")
  await writeFile(empty, "")
  const rows: Row[] = []
  for (const [args, most] of [
    [["env", "dev"], 1.2],
    [["process", "dev"], 1.5],
    [["exec", "dev", "--", "true"], 1.4],
    [["status"], 1.5],
    [["status", "--short"], 1.35],
  ] as const) {
    const command = args[0] === "exec" ? args.slice(args.indexOf("--") + 1) : []
    const sides = [
      // What a command takes by itself is not ours.
      async () =>
        (await node([credd, ...args], env)).tookMs - (command.length > 0 ? (await ran(command, env)).tookMs : 0),
      async () => (await node([empty], env)).tookMs,
    ] as const
    await alternating(2, sides)
    const pairs = await alternating(clientPairs, sides)
    const what = `credd ${args.join(" ")}${command.length > 0 ? ", less the command" : ""}`
    rows.push(rowOf({ what, unit: "ms", target: { of: "ratio", most } }, pairs, (ms) => ms))
  }
  return rows
}

/** Signs in and starts the server that says what the daemon says; ends it with the installation. */
type Start = () => Promise<{ readonly daemon: Served; readonly bare: Served }>

async function installed(
  options: InstallOptions,
  measure: (installation: Installation, start: Start) => Promise<Row[]>,
): Promise<Row[]> {
  const installation = await install(options)
  let bare: Served | undefined
  try {
    return await measure(installation, async () => {
      await installation.login()
      const { url, token } = await installation.endpoint()
      bare = await bareTwin(url, token)
      return { daemon: served(installation.daemon, Number(url.port), url.pathname, token), bare }
    })
  } finally {
    if (bare !== undefined) await stopped(bare.process)
    await installation.close()
  }
}

/** As the service is: its manager has opened a netlink socket for it. */
async function asService(installation: Installation, start: Start): Promise<Row[]> {
  const { daemon: child } = installation
  const daemonRest = await restingMiB(child)
  const { daemon, bare } = await start()
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
  return [...(await hotPath(daemon, bare, { seconds })), ...memory, ...client]
}

/** What the daemon needs when it is the service. */
async function memoryOfService({ daemon }: Installation, start: Start): Promise<Row[]> {
  const daemonRest = await restingMiB(daemon)
  const { bare } = await start()
  const bareRest = await restingMiB(bare.process)
  const what = "memory at rest, signed out, the service"
  const target = { of: "ratio", most: 1.4 } as const
  return [rowOf({ what, unit: "MiB", target }, [[daemonRest, bareRest]], (mebibytes) => mebibytes)]
}

/** Nobody has opened one: a new connection's user stands in the kernel's table only. */
async function byHand(_: Installation, start: Start): Promise<Row[]> {
  const { daemon, bare } = await start()
  return await hotPath(daemon, bare, { seconds, isAnewOnly: true, note: ", by hand" })
}

async function main(): Promise<void> {
  const cores = availableParallelism()
  const minutes = Math.ceil((hotPathSeconds(seconds) + 60) / 60)
  console.log(`credd bench: node ${process.version}, ${cores} cores; about ${minutes} min\n`)
  const rows = [
    ...(await installed({ hasInetDiag: true }, asService)),
    ...(await installed({ isSupervised: true, env: { MALLOC_ARENA_MAX: "1" } }, memoryOfService)),
    ...(await installed({}, byHand)),
    ...(await daemonStart()),
    ...(await scale()),
  ]
  console.log(table(rows))
  const measured = rows.map((row) => ({ ...row, met: isMet(row) ?? null }))
  const report = { at: new Date().toISOString(), node: process.version, cores, seconds, rows: measured }
  await mkdir(join(results, ".."), { recursive: true })
  await writeFile(results, `${JSON.stringify(report, null, 2)}\n`)
}

await main()
