/**
 * `npm run soak -- --minutes N [--seed S]`: the real daemon among callers, commands, crashes and faults that a seed
 * chooses, and a model that judges every answer. Prints a page, writes `.cache/soak.json`, and ends with 1 where an answer
 * was wrong.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { readFileSync } from "node:fs"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { whyDenied } from "../sandbox/policy.ts"
import type { Principal } from "../sandbox/principal.ts"
import { flagsOf } from "../support/flags.ts"
import { rawCallers, toolCallers, type CallersOptions } from "./callers.ts"
import { createEvents } from "./events.ts"
import { startMachine, type Machine } from "./machine.ts"
import { createModel, type Answer, type Issued, type Question } from "./model.ts"
import { createRandom } from "./random.ts"
import { memoryOf, page, type MemorySample, type Report, type Violation } from "./report.ts"
import { watchStarvation } from "./starvation.ts"
import { createTokens } from "./tokens.ts"
import { configVersion, keyOf, probes, users } from "./world.ts"

const callers = 6
/** Of violations, as they come; the report has them all. */
const shown = 20
const rememberedMs = 180_000
const results = fileURLToPath(new URL("../../../.cache/soak.json", import.meta.url))

const { minutes, seed } = flagsOf("npm run soak -- [--minutes N] [--seed S]", {
  minutes: 10,
  seed: Math.floor(Math.random() * 2 ** 31) + 1,
})
console.log(`credd soak: ${minutes} min, seed ${seed}`)
process.exitCode = (await soak()) ? 0 : 1

async function soak(): Promise<boolean> {
  const machine = await startMachine()
  const starvation = watchStarvation(machine.pid)
  try {
    const report = await run(machine, starvation)
    await mkdir(dirname(results), { recursive: true })
    await writeFile(results, `${JSON.stringify(report, null, 2)}\n`)
    console.log(page(report))
    if (report.violations.length > 0) await writeFile(results.replace(/json$/, "log"), machine.log())
    return report.violations.length === 0
  } finally {
    starvation.stop()
    await machine.close()
  }
}

async function run(machine: Machine, starvation: ReturnType<typeof watchStarvation>): Promise<Report> {
  const startedAt = performance.now()
  const endAt = startedAt + minutes * 60_000
  let isInterrupted = false
  // Ends as at its end, with a report, and leaves no process behind.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (isInterrupted = true))
  const isOver = (): boolean => isInterrupted || performance.now() >= endAt
  const seconds = (at: number): number => (at - startedAt) / 1_000
  const random = createRandom(seed)
  const tokens = createTokens()
  const model = createModel({
    users,
    config: configVersion(new Set(), false, "").config,
    issued: (accessKeyId) => issued(machine, accessKeyId),
    starvedMs: starvation.during,
  })

  const violations: Violation[] = []
  function violation(at: number, who: string, what: string): void {
    violations.push({ at: seconds(at), who, what })
    if (violations.length <= shown) console.log(`violation at ${seconds(at).toFixed(1)} s: ${who}: ${what}`)
  }
  const answers: Record<string, number> = {}
  const tools: Record<string, { served: number; refused: number }> = {}
  const happened: Record<string, number> = {}
  const tookMs: number[] = []
  let unjudged: (readonly [question: Question, answer: Answer])[] = []

  /** Answers wait for what is known of their time: whether the machine had a processor for us. */
  function judge(): void {
    const seenTo = starvation.seenTo()
    const ripe = unjudged.filter(([, { answeredAt }]) => answeredAt <= seenTo)
    unjudged = unjudged.filter(([, { answeredAt }]) => answeredAt > seenTo)
    for (const [question, answer] of ripe) {
      for (const what of model.faultsOf(question, answer)) violation(answer.answeredAt, named(question), what)
    }
    model.forget(performance.now() - rememberedMs)
  }

  const options: CallersOptions = {
    machine,
    tokens,
    random: random.fork("callers"),
    isOver,
    onAnswer(question, answer) {
      tookMs.push(answer.answeredAt - answer.sentAt)
      add(answers, nameOf(answer))
      unjudged.push([question, answer])
    },
    onTool(tool, question, answer) {
      const counted = (tools[tool] ??= { served: 0, refused: 0 })
      if (answer.result.kind === "broken") {
        counted.refused += 1
        if (model.mustServe(question, answer))
          violation(answer.answeredAt, `${tool}, ${named(question)}`, "was not served")
      } else {
        counted.served += 1
        const wide = { ...answer, result: { ...answer.result } }
        for (const what of model.faultsOf(question, wide)) {
          // A tool's own start is in its time.
          if (!what.startsWith("an answer took")) violation(answer.answeredAt, `${tool}, ${named(question)}`, what)
        }
      }
    },
  }
  machine.onDeath((how) => violation(performance.now(), "the daemon", `ended by itself: ${how}`))
  const events = createEvents({
    machine,
    model,
    tokens,
    random: random.fork("events"),
    onViolation: (what) => violation(performance.now(), "the daemon", what),
  })
  const samples: MemorySample[] = []
  const sampler = setInterval(() => {
    judge()
    const sample = memoryNow(machine.pid())
    if (sample !== undefined) samples.push({ at: seconds(performance.now()), ...sample })
  }, 1_000)

  await events.begin()
  const asking = Promise.all([rawCallers(options, callers), toolCallers({ ...options, random: random.fork("tools") })])
  while (!isOver()) {
    const name = await events.next()
    add(happened, name)
    if (process.env["SOAK_VERBOSE"]) console.log(`${seconds(performance.now()).toFixed(1)} s  ${name}`)
  }
  await asking
  await sleep(200)
  clearInterval(sampler)
  judge()

  for (const secret of [
    ...users.map((user) => keyOf(user).secretAccessKey),
    ...tokens.good().map(({ text }) => text),
  ]) {
    if (machine.log().includes(secret)) violation(performance.now(), "the daemon", "a secret in its log")
  }
  const stsCalls: Record<string, number> = {}
  for (const { outcome } of machine.sandbox.calls) add(stsCalls, outcome)
  tookMs.sort((a, b) => a - b)
  const quantile = (q: number): number => tookMs[Math.min(tookMs.length - 1, Math.floor(q * tookMs.length))] ?? 0
  return {
    seed,
    minutes,
    node: process.version,
    requests: tookMs.length,
    answers,
    tools,
    events: happened,
    stsCalls,
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
    memory: { samples, last: memoryOf(samples) },
    violations,
  }
}

function issued({ sandbox }: Machine, accessKeyId: string): Issued | undefined {
  const found = sandbox.issued(accessKeyId)
  if (found === undefined) return undefined
  const { principal, expiration } = found
  const may = probes.filter((action) => whyDenied(principal.limits, action, "*") === undefined)
  return { principalArn: principal.principalArn, expiration, root: rootOf(principal), may }
}

/** The MFA session at the bottom of a chain of roles. */
function rootOf(principal: Principal): Issued["root"] {
  if (principal.kind === "role") return rootOf(principal.assumedBy)
  if (principal.kind !== "session" || principal.mfaAt === undefined) return undefined
  return { user: principal.user.userName, mfaAt: principal.mfaAt }
}

function memoryNow(pid: number | undefined): Omit<MemorySample, "at"> | undefined {
  try {
    const mebibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const startedAt = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) / 100
    const upFor = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0])
    return { age: upFor - startedAt, mebibytes }
  } catch {
    // It is just being started again.
    return undefined
  }
}

function named({ profile, token }: Question): string {
  return `"${profile}" with ${token === undefined ? "no token" : typeof token === "string" ? "nobody's token" : `the token of ${token.name ?? "shell"}`}`
}

function nameOf({ result }: Answer): string {
  if (result.kind === "credentials") return "200"
  return result.kind === "refusal" ? `${result.status} ${result.code}` : result.why
}

function add(counts: Record<string, number>, name: string): void {
  // eslint-disable-next-line no-param-reassign
  counts[name] = (counts[name] ?? 0) + 1
}
