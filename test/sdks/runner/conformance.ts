/** Puts one SDK through every cell of the table: a test each, against what its file says. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { hours, minutes } from "../../fakes/clock.ts"
import { isPythonMissing, pythonMissing } from "../../support/python.ts"
import { oddNames, startMachine, strayVariables, type Environment, type Machine } from "./machine.ts"
import {
  afterHours,
  cells,
  isNotApplicable,
  type Answer,
  type Cell,
  type Outcome,
  type Running,
  type Sdk,
} from "./sdk.ts"
import { told } from "./told.ts"
import { inTurn } from "./turns.ts"

const developer = "arn:aws:sts::123456789012:assumed-role/developer/credd"
/** Old SDKs do not look into the config file without it. */
const loadConfig = "export AWS_SDK_LOAD_CONFIG=1"
const auditor = /^arn:aws:sts::210987654321:assumed-role\/auditor\/[\w+=,.@-]+$/

export interface Measured {
  readonly sdk: Pick<Sdk, "name" | "since" | "limits" | "cells" | "clock">
  readonly version: string
  readonly cell: Cell
  readonly outcome: Outcome
}

/** An SDK or tool that this suite would have, and why it does not. */
export interface NotHad {
  readonly name: string
  readonly why: string
}

declare module "vitest" {
  interface TaskMeta {
    /** For the table: `runner/table.ts` collects them. */
    cell?: Measured
    notHad?: NotHad
  }
}

/** A test for each, so that they are counted. */
export function notHad(...all: readonly NotHad[]): void {
  for (const each of all) {
    it(each.name, ({ task, skip }) => {
      task.meta.notHad = each
      skip(each.why)
    })
  }
}

export function conformance(sdk: Sdk): void {
  const missing = sdk.program.missing() ?? (sdk.speaks === "s3" && isPythonMissing ? pythonMissing : undefined)
  const ends: (() => void | Promise<void>)[] = []
  let machine: Machine
  let version = ""
  let longRunning: Running | undefined
  let metadataRunning: Running | undefined

  describe(sdk.name, () => {
    beforeAll(async () => {
      if (missing !== undefined) return
      const prepared = await sdk.program.prepare()
      ;({ version } = prepared)
      machine = await startMachine(sdk, prepared, (end) => void ends.push(end))
    }, 15 * minutes)
    beforeEach(({ skip }) => skip(missing !== undefined, missing))
    afterAll(async () => {
      await longRunning?.close()
      await metadataRunning?.close()
      for (const end of ends.toReversed()) await end()
    })

    cell("variable", async () => await once({ args: [machine.profile] }))
    cell("file", async () => await once({ args: [machine.profile, "--token-file"] }))
    cell("strayProfile", async () => await once({ before: strayVariables }))
    cell("names", async () => {
      const outcomes: Outcome[] = []
      for (const name of oddNames) {
        // AWS is asked now: what is looked at is the way of the name, not the patience of the caller.
        expect(await machine.box.run(["refresh", "--", name])).toMatchObject({ status: 0 })
        const outcome = await once({ args: [...machine.how, "--", name] })
        outcomes.push(outcome === "served" ? outcome : { other: `${name}: ${JSON.stringify(outcome)}` })
      }
      return combined(outcomes)
    })
    cell("processes", async () => await atOnce(sdk.processes ?? 50))
    cell("ecs", async () => await once({ after: `${loadConfig} AWS_PROFILE=chained` }, auditor))
    cell("process", async () => {
      const region = "AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1"
      const after = `${loadConfig} ${region} AWS_PROFILE=through-${machine.profile} AWS_EC2_METADATA_DISABLED=true`
      return await once({ before: { CREDD_HOME: machine.box.env["CREDD_HOME"] ?? "" }, lines: () => "", after })
    })
    cell("proxy", async () => {
      machine.proxy.forget()
      return silentProxy(await once({ before: proxyVariables(machine.proxy.url) }))
    })
    cell("bareProxy", async () => {
      machine.proxy.forget()
      const before = { ...proxyVariables(machine.proxy.url), AWS_MAX_ATTEMPTS: "1" }
      await once({ before, lines: lessNoProxy })
      return machine.proxy.heard().includes("/credentials/") ? { other: "token to the proxy" } : "served"
    })
    cell("renewal", async () => {
      const program = await running()
      const outcomes = [await outcomeOf(program)]
      const first = machine.lastKey()
      expect(await machine.box.run(["refresh", machine.profile])).toMatchObject({ status: 0 })
      // The credentials that it began with end after an hour.
      const times = sdk.clock === "own" ? [0] : [45, 55, 59.5, 61]
      for (const time of times) {
        machine.setClock(time * minutes)
        outcomes.push(await outcomeOf(program))
      }
      return machine.lastKey() === first ? { other: "signs with the old key" } : combined(outcomes)
    })
    cell("restart", async () => {
      const program = await running()
      await machine.restartDaemon()
      if (sdk.clock !== "own") machine.setClock(2 * hours + 2 * minutes)
      return await outcomeOf(program)
    })
    cell("expiry", async () => {
      const program = await running()
      machine.setClock(sdk.clock === "own" ? 16 * minutes : afterTheSession)
      return await outcomeOf(program)
    })
    cell("recovery", async () => {
      const program = await running()
      await machine.logIn()
      return await outcomeOf(program)
    })
    cell("imds", async () => await outcomeOf(await onMetadata()))
    cell("imdsNames", async () => {
      const name = oddNames.at(-1) ?? ""
      expect(await machine.box.run(["refresh", "--", name])).toMatchObject({ status: 0 })
      expect(await machine.box.run(["imds", "enable", "--", name])).toMatchObject({ status: 0 })
      return await once({ args: ["--imds", "--", name] })
    })
    cell("imdsProxy", async () => {
      machine.proxy.forget()
      const before = { ...strayVariables, ...proxyVariables(machine.proxy.url) }
      return silentProxy(await once({ args: ["--imds", "dev"], before }))
    })
    cell("imdsProcesses", async () => await atOnce(10, { args: ["--imds", "dev"] }))
    cell("imdsRenewal", async () => {
      const program = await onMetadata()
      const outcomes: Outcome[] = []
      for (const time of [0, 45, 55, 61]) {
        machine.setClock(afterTheSession + time * minutes)
        outcomes.push(await outcomeOf(program))
      }
      return combined(outcomes)
    })
    cell("imdsRestart", async () => {
      const program = await onMetadata()
      await machine.restartDaemon()
      machine.setClock(afterTheSession + 2 * hours + 2 * minutes)
      return await outcomeOf(program)
    })
    cell("imdsEnd", async () => {
      const program = await onMetadata()
      machine.setClock(2 * afterTheSession)
      return await outcomeOf(program)
    })
    cell("imdsRecovery", async () => {
      const program = await onMetadata()
      await machine.logIn()
      // Some stretch what has ended by a quarter of an hour and more before they look again.
      machine.setClock(2 * afterTheSession + 30 * minutes)
      const outcome = await outcomeOf(program)
      if (!isOfWhatHasEnded(outcome)) return outcome
      // It went on with what it had, as it does where it has no answer within its second, and looks again in its time. A
      // busy machine may be too slow for it once.
      machine.setClock(2 * afterTheSession + 60 * minutes)
      return await outcomeOf(program)
    })
  })

  function cell(name: Cell, look: () => Promise<Outcome>): void {
    // Its clock stands where the session has ended: there are no hours to go by.
    if (sdk.clock === "own" && afterHours.includes(name)) return
    const usual = name === "expiry" ? { refused: sdk.expiry ?? "" } : "served"
    const expected = sdk.cells?.[name] ?? usual
    if (isNotApplicable(expected)) return
    const [, meaning] = cells[name]
    // Many SDKs wait a second for a local endpoint and do not try again, which a busy machine may be too slow for. After a
    // login there is one try: that the second call goes would be another story.
    it(meaning, { timeout: 300_000, retry: retries(name) }, async ({ task }) => {
      const outcome = await inTurn(crowds.includes(name) ? "alone" : "beside others", look)
      // Without the functions in it, which do not travel to the reporter.
      const { program: _, ...facts } = sdk
      task.meta.cell = { sdk: facts, version, cell: name, outcome }
      expect(outcome).toEqual(expected)
    })
  }

  async function once(environment: Environment = {}, arn?: RegExp): Promise<Outcome> {
    const start = await machine.shell(environment)
    return await onlyCall(start(), arn)
  }

  async function atOnce(count: number, environment?: Environment): Promise<Outcome> {
    const start = await machine.shell(environment)
    const programs = Array.from({ length: count }, start)
    return combined(await Promise.all(programs.map(async (program) => await onlyCall(program))))
  }

  function silentProxy(outcome: Outcome): Outcome {
    return machine.proxy.heard() === "" ? outcome : { other: `the proxy heard ${machine.proxy.heard()}` }
  }

  async function onlyCall(program: Running, arn?: RegExp): Promise<Outcome> {
    try {
      return await outcomeOf(program, arn)
    } finally {
      await program.close()
    }
  }

  async function running(): Promise<Running> {
    longRunning ??= (await machine.shell())()
    return longRunning
  }

  async function onMetadata(): Promise<Running> {
    if (metadataRunning === undefined) {
      expect(await machine.box.run(["imds", "enable", "dev"])).toMatchObject({ status: 0 })
      metadataRunning = (await machine.shell({ args: ["--imds", "dev"] }))()
    }
    return metadataRunning
  }

  async function outcomeOf(program: Running, arn?: RegExp): Promise<Outcome> {
    return outcomeIn(await program.call(), arn)
  }

  function outcomeIn(answer: Answer, arn?: RegExp): Outcome {
    if ("error" in answer) return { refused: told(answer.error, machine.box.home) }
    const isWho = arn === undefined ? answer.arn === developer : arn.test(answer.arn)
    if (isWho) return "served"
    return { other: arn !== undefined && answer.arn === developer ? "the profile is ignored" : `is ${answer.arn}` }
  }
}

function isOfWhatHasEnded(outcome: Outcome): boolean {
  return outcome !== "served" && "refused" in outcome && outcome.refused.includes("ExpiredToken")
}

const firstCallCounts: readonly Cell[] = ["recovery", "imdsRecovery"]
const crowds: readonly Cell[] = ["processes", "imdsProcesses"]

function retries(name: Cell): number {
  if (firstCallCounts.includes(name)) return 0
  return crowds.includes(name) ? 2 : 1
}

/** A session lives for twelve hours. */
const afterTheSession = 14 * hours

/** All served, or the first that was not. */
function combined(outcomes: readonly Outcome[]): Outcome {
  return outcomes.find((outcome) => outcome !== "served") ?? "served"
}

function lessNoProxy(printed: string): string {
  return printed.replaceAll(/^.*no_proxy.*$/gim, "")
}

function proxyVariables(url: string): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
  return Object.fromEntries(names.map((name) => [name, url]))
}
