/** What thousands of profiles cost beside a handful, and what hundreds in use cost AWS. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { hours } from "../fakes/clock.ts"
import { virtualDay } from "../fakes/virtual-day.ts"
import { awsConfig, install, type Installation } from "./installation.ts"
import { alternating, load, rowOf, served, type Served } from "./measure.ts"
import { restingMiB } from "./processes.ts"
import type { Row } from "./table.ts"

const profiles = 5_000
const sources = 200
const inUse = 500

export async function scale(): Promise<Row[]> {
  return [...(await manyProfiles()), ...(await manyInUse())]
}

/** `profiles` of them over `sources`, the two of the small config among them. */
function manyConfig(): string {
  const sections = [awsConfig]
  for (let i = 1; i < sources; i += 1) {
    sections.push(`[profile source-${i}]\nregion = eu-west-1\nmfa_serial = arn:aws:iam::123456789012:mfa/user-${i}\n`)
  }
  for (let i = 0; i < profiles - sources - 1; i += 1) {
    const source = i % sources === 0 ? "acme" : `source-${i % sources}`
    const role = `arn:aws:iam::${100_000_000_000 + i}:role/developer`
    sections.push(
      `[profile team-${i}/developer]\nrole_arn = ${role}\nsource_profile = ${source}\nregion = eu-central-1\n`,
    )
  }
  return sections.join("\n")
}

async function manyProfiles(): Promise<Row[]> {
  const many = manyConfig()
  const few = `${awsConfig}${["a", "b", "c"].map((name) => `[profile ${name}]\nrole_arn = arn:aws:iam::123456789012:role/developer\nsource_profile = acme\n`).join("")}`
  const starts = await alternating(5, [() => startMs(many), () => startMs(few)])

  const installations = [await install({ config: many }), await install({ config: few })] as const
  try {
    const [large, small] = installations
    const memory = [await restingMiB(large.daemon), await restingMiB(small.daemon)] as const
    const perProfile = ((memory[0] - memory[1]) * 1_024) / (profiles - 5)
    const sides = [await serving(large), await serving(small)] as const
    for (const side of sides) await load(side, { connections: 1, seconds: 2 })
    const latencies = await alternating(5, [() => latencyMs(sides[0]), () => latencyMs(sides[1])])
    const blocks = await alternating(3, [() => longest(large, sides[0], many), () => longest(small, sides[1], few)])
    const named = `${profiles.toLocaleString("en")} profiles`
    return [
      rowOf({ what: `GET, ${named} beside 5`, unit: "ms", target: { of: "ratio", most: 1.2 } }, latencies, (x) => x),
      rowOf({ what: `start, ${named}`, unit: "ms", target: { of: "ratio", most: 2 } }, starts, (x) => x),
      rowOf(
        { what: `longest answer in a reload, ${named}`, unit: "ms", target: { of: "credd", most: 50 } },
        blocks,
        (x) => x,
      ),
      rowOf({ what: `memory, ${named}`, unit: "MiB" }, [memory], (x) => x),
      rowOf(
        { what: "memory a profile (reference: what it may be)", unit: "KiB", target: { of: "credd", most: 4 } },
        [[perProfile, 4]],
        (x) => x,
      ),
    ]
  } finally {
    await Promise.all(installations.map((each) => each.close()))
  }
}

async function startMs(config: string): Promise<number> {
  const installation = await install({ config })
  await installation.close()
  return installation.startMs
}

async function serving(installation: Installation): Promise<Served> {
  await installation.login()
  const { url, token } = await installation.endpoint()
  return served(installation.daemon, Number(url.port), url.pathname, token)
}

async function latencyMs(side: Served): Promise<number> {
  return (await load(side, { connections: 1, seconds: 2 })).p50Ms
}

/** The slowest answer while the config file is read again, three times over. */
async function longest({ home, daemon }: Installation, side: Served, config: string): Promise<number> {
  const loaded = load(side, { connections: 1, seconds: 4 })
  for (let edit = 0; edit < 3; edit += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await writeFile(join(home, "config"), `${config}\n# edit ${edit}\n`)
    daemon.kill("SIGHUP")
  }
  return (await loaded).maxMs
}

/** Eight hours of 500 profiles on a virtual clock, beside the fewest calls that 3,600 s renewed at 25 minutes need. */
async function manyInUse(): Promise<Row[]> {
  const measuredHours = 7
  const day = await virtualDay({ roles: inUse })
  await day.askAll()
  await day.pass(1 * hours, day.askAll)
  const from = day.clock.now()
  await day.pass(measuredHours * hours, day.askAll)

  const calls = day.calls.filter(({ at }) => at >= from)
  const perHour = calls.length / measuredHours
  const least = (inUse * 60) / 35
  const crowd = day.busiest(calls, 10_000)
  return [
    rowOf(
      { what: `STS calls an hour, ${inUse} in use`, unit: "", target: { of: "ratio", most: 1.1 } },
      [[perHour, least]],
      (x) => x,
    ),
    rowOf(
      { what: "most in 10 s (reference: 5 % of an hour's)", unit: "", target: { of: "ratio", most: 1 } },
      [[crowd, perHour * 0.05]],
      (x) => x,
    ),
  ]
}
