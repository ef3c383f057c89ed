/**
 * `npm run soak:day`: a working day in some minutes. 200 profiles, a million requests over HTTP, every renewal a call of
 * the real SDK to the sandbox STS, on a clock that is turned; the daemon's memory at rest, through the day and after it.
 * Prints a table, writes `.cache/day.json`, and ends with 1 where an answer was wrong or memory grew.
 */
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { startSandbox, type Sandbox } from "../sandbox/sandbox.ts"
import { flagsOf } from "../support/flags.ts"
import type { FromDaemon, ToDaemon } from "./day-daemon.ts"
import { rawCaller } from "./raw-request.ts"
import { memoryOf, type MemorySample } from "./report.ts"
import { keyOf } from "./world.ts"

const profiles = 200
const callers = 32
const minutesADay = 24 * 60
const stepMs = 5_000
/** After so many V8 has the young generation that it will keep, whatever the day brings. */
const warmUpRequests = 50_000
const sampledMinutes = 30
const results = fileURLToPath(new URL("../../../.cache/day.json", import.meta.url))
/** What memory may be after the day, of what it was at rest; and what may still be added in a day by the trend of its last half. */
const most = { ratio: 1.1, growthRatio: 0.05 }

const { requests } = flagsOf("npm run soak:day -- [--requests N]", { requests: 1_000_000 })

interface InUse {
  readonly mebibytes: number
  /** Of it, V8's heap and what is held outside of it; the rest is code, stacks and what the allocators keep. */
  readonly heap: number
  readonly external: number
}

const start = Date.parse("2026-11-24T06:00:00Z")
let now = start
const names = Array.from({ length: profiles }, (_, i) => `team-${i}/developer`)
const roleArn = (i: number): string => `arn:aws:iam::123456789012:role/team-${i}`
const serial = "arn:aws:iam::123456789012:mfa/alice"

process.exitCode = (await day()) ? 0 : 1

async function day(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), "credd-day-"))
  const sandbox = await startSandbox({
    now: () => now,
    world: {
      users: [
        {
          accountId: "123456789012",
          userName: "alice",
          accessKeys: [keyOf("alice")],
          mfa: { serial, totpSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" },
        },
      ],
      roles: names.map((_, i) => ({ arn: roleArn(i), trust: { requireMfa: true } })),
    },
  })
  let child: ChildProcess | undefined
  try {
    writeFileSync(join(home, "config"), config())
    child = fork(fileURLToPath(new URL("./day-daemon.js", import.meta.url)), {
      env: {
        HOME: home,
        // As launch.sh has it.
        MALLOC_ARENA_MAX: "1",
        CREDD_HOME: home,
        DAY_START: String(start),
        AWS_CONFIG_FILE: join(home, "config"),
        AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
        AWS_ENDPOINT_URL_STS: sandbox.url,
      },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: ["--expose-gc"],
    })
    return await measure(child, sandbox)
  } finally {
    child?.disconnect()
    await sandbox.close()
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function config(): string {
  const sections = [`[profile alice]\nregion = eu-west-1\nmfa_serial = ${serial}\n`]
  for (const [i, name] of names.entries())
    sections.push(`[profile ${name}]\nrole_arn = ${roleArn(i)}\nsource_profile = alice\nregion = eu-west-1\n`)
  return sections.join("\n")
}

async function measure(child: ChildProcess, sandbox: Sandbox): Promise<boolean> {
  const [hello] = (await once(child, "message")) as [FromDaemon]
  if (!("port" in hello)) throw new Error("the daemon did not say its port")
  const { port, token } = hello
  const socketCallers = Array.from({ length: callers }, () => rawCaller(port, true))
  let [asked, wrong] = [0, 0]

  async function tell(what: ToDaemon): Promise<FromDaemon> {
    const answered = once(child, "message")
    child.send(what)
    const [answer] = (await answered) as [FromDaemon]
    return answer
  }
  async function login(): Promise<void> {
    await tell({ ask: "login", profile: "alice", code: sandbox.mfaCode("alice"), durationSeconds: 43_200 })
  }
  async function ask(count: number): Promise<void> {
    const until = asked + count
    await Promise.all(
      socketCallers.map(async (caller) => {
        while (asked < until) {
          const name = names[asked % profiles] ?? ""
          asked += 1
          const answer = await caller.ask(`/credentials/${encodeURIComponent(name)}`, { Authorization: token })
          if (!isRight(answer)) wrong += 1
        }
      }),
    )
  }

  let highest = 0
  /** What is in use: garbage that waits for its collection is measured apart, as the highest that was seen. */
  async function inUse(): Promise<InUse> {
    highest = Math.max(highest, residentMiB(child))
    const answer = await tell({ ask: "collect" })
    const { heapBytes, externalBytes } = "heapBytes" in answer ? answer : { heapBytes: 0, externalBytes: 0 }
    return { mebibytes: residentMiB(child), heap: heapBytes / 1_048_576, external: externalBytes / 1_048_576 }
  }
  await tell({ ask: "add", profile: "alice", ...keyOf("alice") })
  const signedOut = await inUse()
  await login()
  await ask(Math.min(requests, warmUpRequests))
  const rest = await inUse()

  const samples: (MemorySample & InUse)[] = []
  const perMinute = Math.ceil(Math.max(0, requests - asked) / minutesADay)
  for (let minute = 1; minute <= minutesADay; minute += 1) {
    for (let passed = 0; passed < 60_000; passed += stepMs) {
      now += stepMs
      await tell({ ask: "advance", ms: stepMs })
    }
    // Before the session of 12 hours is at its end.
    if (minute === 11 * 60 || minute === 22 * 60) await login()
    await ask(perMinute)
    if (minute % sampledMinutes === 0)
      samples.push({ at: (now - start) / 1_000, age: Number.POSITIVE_INFINITY, ...(await inUse()) })
  }
  const after = await inUse()
  for (const caller of socketCallers) caller.close()

  const { perHour } = memoryOf(samples)
  const calls = sandbox.calls.length
  const growth = perHour * 24
  const isWell =
    wrong === 0 && after.mebibytes <= rest.mebibytes * most.ratio && growth <= rest.mebibytes * most.growthRatio
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    profiles,
    requests: asked,
    wrong,
    calls,
    signedOut,
    rest,
    after,
    perHour,
    highest,
    samples,
    isWell,
  }
  await mkdir(dirname(results), { recursive: true })
  await writeFile(results, `${JSON.stringify(report, null, 2)}\n`)
  console.log(
    [
      `credd, a day: ${profiles} profiles, ${asked} requests (${wrong} wrong), ${calls} STS calls, node ${process.version}`,
      "",
      `at rest, signed out            ${amounts(signedOut)}`,
      `at rest, warm                  ${amounts(rest)}`,
      ...samples
        .filter((_, i) => (i + 1) % 8 === 0)
        .map(
          (each) => `after ${String(Math.round(each.at / 3_600)).padStart(2)} hours                 ${amounts(each)}`,
        ),
      `at rest, after the day         ${amounts(after)}   ${(after.mebibytes / rest.mebibytes).toFixed(2)} of rest (at most ${most.ratio})`,
      `highest, garbage included      ${mebibytes(highest)}`,
      `trend of the last half         ${mebibytes(growth)} a day (at most ${mebibytes(rest.mebibytes * most.growthRatio).trim()})`,
      isWell ? "memory is steady" : "memory grew, or an answer was wrong",
    ].join("\n"),
  )
  return isWell
}

function isRight(answer: Awaited<ReturnType<ReturnType<typeof rawCaller>["ask"]>>): boolean {
  if (answer.kind !== "answer" || answer.status !== 200) return false
  const end = /"Expiration":"([^"]+)"/.exec(answer.body)?.[1] ?? ""
  // As the contract has it: never less than 15 minutes while AWS can be reached.
  return Date.parse(end) - now >= 15 * 60_000
}

function residentMiB({ pid }: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024
}

function mebibytes(value: number): string {
  return `${value.toFixed(1).padStart(7)} MiB`
}

function amounts({ mebibytes: all, heap, external }: InUse): string {
  return `${mebibytes(all)} (heap ${heap.toFixed(1)}, external ${external.toFixed(1)})`
}
