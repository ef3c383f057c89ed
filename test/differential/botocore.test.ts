/** The resolver against botocore itself: the same source keys, role chain, region and endpoint, or an error from both. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { awsConfig } from "../../daemon/adapters/aws-config.ts"
import type { ProfileFiles } from "../../daemon/core/ports.ts"
import { resolveProfiles, type Profile, type RoleProfile } from "../../daemon/core/profiles.ts"
import { isPythonMissing, python, pythonMissing } from "../support/python.ts"
import type { Case } from "./case.ts"
import { generatedCases } from "./generated.ts"
import { handMadeCases } from "./hand-made.ts"
import { stsHost } from "./sts-host.ts"

interface AskedRole {
  readonly RoleArn: string
  readonly RoleSessionName?: string
  readonly ExternalId?: string
  readonly DurationSeconds?: number
  readonly SerialNumber?: string
}

interface Theirs {
  readonly region: string | null
  readonly source?: string
  readonly roles?: readonly AskedRole[]
  readonly token?: string | null
  readonly error?: string
  readonly endpoint?: string
}

type Outcome = { readonly error: string } | { readonly profiles: Readonly<Record<string, Theirs>> }

const cases = [...handMadeCases, ...generatedCases(400)]
const oracle = fileURLToPath(new URL("oracle.py", import.meta.url))

describe.skipIf(isPythonMissing)(`resolveProfiles and botocore${isPythonMissing ? ` (${pythonMissing})` : ""}`, () => {
  let outcomes: readonly Outcome[] = []
  beforeAll(async () => {
    const { status, stdout, stderr } = await python(await readFile(oracle, "utf8"), {}, JSON.stringify(cases))
    expect(status, stderr).toBe(0)
    outcomes = JSON.parse(stdout) as Outcome[]
  }, 300_000)

  it("have enough to agree about", () => {
    const profiles = outcomes.flatMap((outcome) => ("profiles" in outcome ? Object.values(outcome.profiles) : []))

    expect(handMadeCases.length).toBeGreaterThanOrEqual(40)
    expect(cases.length).toBeGreaterThanOrEqual(400)
    expect(outcomes.filter((outcome) => "error" in outcome).length).toBeGreaterThan(8)
    expect(profiles.filter(({ error }) => error !== undefined).length).toBeGreaterThan(100)
    expect(profiles.filter(({ roles = [] }) => roles.length === 1).length).toBeGreaterThan(50)
    expect(profiles.filter(({ roles = [] }) => roles.length > 1).length).toBeGreaterThan(20)
  })

  it.each(cases.map((each, index) => [each.title, each, index] as const))("agree on %s", async (_, each, index) => {
    const theirs = outcomes[index]

    const files = await reading(each)

    if (theirs === undefined || "error" in theirs) {
      expect(files.problem, JSON.stringify(theirs)).toBeDefined()
      return
    }
    expect(files.problem).toBeUndefined()
    const ours = await resolveProfiles(files, [], { hasEnvironmentKey: true }, async () => undefined)
    expect([...ours.keys()].toSorted()).toEqual(Object.keys(theirs.profiles).toSorted())
    for (const [name, profile] of ours) {
      const other = theirs.profiles[name]
      expect(described(profile, files), `${name}: ${JSON.stringify(other)}`).toEqual(expected(other, profile))
      if (other?.endpoint !== undefined) expect(await endpointOf(profile), name).toBe(asError(other.endpoint))
    }
  })
})

async function reading({ config, credentials }: Case): Promise<ProfileFiles> {
  const folder = await mkdtemp(join(tmpdir(), "credd-differential-"))
  try {
    const files = { config: join(folder, "config"), credentials: join(folder, "credentials") }
    await writeFile(files.config, config)
    if (credentials !== undefined) await writeFile(files.credentials, credentials)
    const source = awsConfig(files)
    await source.reload()
    return source.current()
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Ours, in botocore's words. */
function described(profile: Profile, { sections }: ProfileFiles): unknown {
  const region = profile.region ?? null
  if (profile.kind === "unsupported") return { region, outcome: "not served" }
  const roles: unknown[] = []
  let at: RoleProfile["above"] = profile
  for (; at.kind === "role"; at = at.above) {
    const { roleArn, roleSessionName, externalId, durationSeconds } = at.request
    roles.unshift({ roleArn, roleSessionName, externalId, durationSeconds })
  }
  if (at.kind === "outside") {
    return { region, source: at.process === undefined ? "ENVIRONMENT" : `PROCESS ${at.process}`, roles }
  }
  const section = sections.get(at.name)
  const file =
    section?.credentialsKey === "whole" ? "credentials" : section?.configKey === "whole" ? "config" : undefined
  // A profile that only wants an access key is one that botocore has nothing for.
  return file === undefined ? { region, outcome: "not served" } : { region, source: `KEY ${at.name} ${file}`, roles }
}

/** Theirs, and what we leave out on purpose. */
function expected(theirs: Theirs | undefined, ours: Profile): unknown {
  const { region = null, source = "", roles = [], token, error, endpoint = "" } = theirs ?? {}
  const reason = ours.kind === "unsupported" ? ours.reason : ""
  const notServed = { region, outcome: "not served" }
  if (error !== undefined || endpoint.startsWith("error")) return notServed
  const left = {
    SSO: "SSO",
    LOGIN: "aws login",
    WEB: "web identity",
  }[source]
  if (left !== undefined) return reason.includes(left) ? notServed : `not served, as ${left}`
  const isOutside = source.startsWith("PROCESS") || source === "ENVIRONMENT"
  if (isOutside && roles.length === 0) return reason.includes("credential_process") ? notServed : "not served"
  if (isOutside && roles.some(({ SerialNumber }) => SerialNumber !== undefined)) {
    return reason.includes("mfa_serial needs an access key") ? notServed : "not served for its mfa_serial"
  }
  if (token || reason.includes("aws_session_token")) return notServed
  return {
    region,
    source,
    roles: roles.map(({ RoleArn, RoleSessionName = "", ExternalId, DurationSeconds = 3_600 }) => ({
      roleArn: RoleArn,
      roleSessionName: RoleSessionName.startsWith("botocore-session-") ? "credd" : RoleSessionName,
      externalId: ExternalId,
      durationSeconds: Math.max(900, Math.min(3_600, DurationSeconds)),
    })),
  }
}

async function endpointOf(profile: Profile): Promise<string> {
  return profile.kind === "unsupported" ? "error" : await stsHost(profile.target)
}

function asError(endpoint: string): string {
  return endpoint.startsWith("error") ? "error" : endpoint
}
