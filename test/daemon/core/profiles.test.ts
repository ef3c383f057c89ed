// What botocore makes of the same files is compared in test/differential; here is what is credd's own.
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { baseOf, resolveProfiles, type Profile, type ProfileDefaults } from "../../../daemon/core/profiles.ts"
import { sectionsOf } from "../../fakes/profile-source.ts"

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>

async function resolved(
  profiles: Sections,
  keyed: readonly string[] = ["acme"],
  defaults: ProfileDefaults = {},
): Promise<ReadonlyMap<string, Profile>> {
  const files = { sections: sectionsOf(profiles), services: new Map() }
  return await resolveProfiles(files, keyed, defaults, async () => undefined)
}

async function resolve(name: string, ...of: Parameters<typeof resolved>): Promise<Profile | undefined> {
  return (await resolved(...of)).get(name)
}

const serial = "arn:aws:iam::123456789012:mfa/alice"
const role = { role_arn: "arn:aws:iam::123456789012:role/developer" }
const dev = { ...role, source_profile: "acme" }

describe(resolveProfiles.name, () => {
  it("takes a profile with an access key for its own session", async () => {
    expect(await resolve("acme", { acme: { mfa_serial: serial, region: "eu-west-1" } })).toMatchObject({
      kind: "session",
      sourceProfile: "acme",
      mfaSerial: serial,
      target: { region: "eu-west-1" },
    })
  })

  it("takes a key that no config file mentions", async () => {
    expect(await resolve("lone", {}, ["lone"])).toMatchObject({ kind: "session", sourceProfile: "lone" })
  })

  it("puts a role above its source profile, with the source's MFA device and how to ask it", async () => {
    const acme = { mfa_serial: serial, mfa_process: "ykman oath code -s aws" }
    const more = { external_id: "x", role_session_name: "me" }

    expect(await resolve("dev", { acme, dev: { ...dev, ...more } })).toMatchObject({
      kind: "role",
      sourceProfile: "acme",
      mfaSerial: serial,
      mfaProcess: "ykman oath code -s aws",
      request: { externalId: "x", roleSessionName: "me", durationSeconds: 3_600 },
      notes: [],
    })
  })

  it("takes mfa_serial from the role where it has one of its own", async () => {
    const other = "arn:aws:iam::123456789012:mfa/alice-phone"

    for (const acme of [{}, { mfa_serial: serial }]) {
      expect(await resolve("dev", { acme, dev: { ...dev, mfa_serial: other } })).toMatchObject({ mfaSerial: other })
    }
  })

  it.each([
    ["43200", 3_600, "an hour at most"],
    ["300", 900, "the least that STS gives"],
    ["1h", 3_600, "is no number"],
  ])("asks STS for what it gives when the file asks for %s s, and says so", async (asked, given, why) => {
    expect(await resolve("dev", { acme: {}, dev: { ...dev, duration_seconds: asked } })).toMatchObject({
      request: { durationSeconds: given },
      notes: [expect.stringContaining(why)],
    })
  })

  it("reads aws-vault's session tags and source identity", async () => {
    const tags = { session_tags: "team=core, cost center=4 2,empty=", transitive_session_tags: "team , cost center" }

    expect(await resolve("dev", { acme: {}, dev: { ...dev, ...tags, source_identity: "alice" } })).toMatchObject({
      request: {
        sourceIdentity: "alice",
        transitiveTagKeys: ["team", "cost center"],
        tags: [
          { key: "team", value: "core" },
          { key: "cost center", value: "4 2" },
          { key: "empty", value: "" },
        ],
      },
    })
  })

  it.each([
    ["an SSO profile", { sso_session: "x" }, "SSO"],
    ["an aws login profile", { login_session: "arn" }, "aws login"],
    ["a web identity profile", { ...role, web_identity_token_file: "/t" }, "web identity"],
    ["a credential process", { credential_process: "x" }, "run by the SDKs themselves"],
    ["credd's own credential process", { credential_process: "/usr/bin/credd process dev" }, "credd itself"],
    ["an empty environment", { ...role, credential_source: "Environment" }, "holds no access key"],
    ["another credential source", { ...role, credential_source: "EcsContainer" }, "EcsContainer is not served"],
    ["a role without a source", role, "no source_profile"],
    ["a source that is not there", { ...role, source_profile: "nope" }, "not in the AWS config file"],
    ["a region-only profile", { region: "x" }, "no access key"],
    ["tags that are none", { ...dev, session_tags: "team" }, "session_tags"],
    ["an STS mode that is none", { ...dev, sts_regional_endpoints: "often" }, "neither regional nor legacy"],
    ["a services section that is not there", { ...dev, services: "s" }, 'services section "s"'],
    [
      "a role above MFA-less credentials that wants MFA",
      { ...role, source_profile: "tool", mfa_serial: serial },
      "add tool",
    ],
  ])("says why it does not serve %s", async (_, keys, why) => {
    const profile = await resolve("it", { acme: {}, tool: { credential_process: "x" }, it: keys })

    expect(profile).toMatchObject({ kind: "unsupported" })
    expect(profile?.kind === "unsupported" && profile.reason).toContain(why)
  })

  it("names the profile below that cannot be served, however far below it is", async () => {
    const profiles = {
      sso: { sso_account_id: "1" },
      a: { ...role, source_profile: "sso" },
      b: { ...role, source_profile: "a" },
    }

    expect(await resolve("b", profiles)).toMatchObject({
      reason: 'its source_profile "sso": SSO profiles are not served yet',
    })
  })

  it("names the way round when source profiles go in a circle", async () => {
    const profiles = { a: { ...role, source_profile: "b" }, b: { ...role, source_profile: "a" } }

    expect(await resolve("a", profiles)).toMatchObject({
      reason: "its source profiles go round in a circle: a -> b -> a",
    })
  })

  it("assumes roles with what a credential_process or the environment brings, once an access key is not kept", async () => {
    const profiles = {
      tool: { credential_process: "/usr/bin/creds" },
      a: { ...role, source_profile: "tool" },
      b: { ...role, credential_source: "Environment" },
    }

    const without = await resolved(profiles, [], { hasEnvironmentKey: true })
    expect(without.get("a")).toMatchObject({
      sourceProfile: "tool",
      above: { kind: "outside", process: "/usr/bin/creds" },
    })
    expect(without.get("b")).toMatchObject({ sourceProfile: "b", above: { kind: "outside" } })
    expect(await resolve("a", profiles, ["tool"])).toMatchObject({ above: { kind: "session" } })
  })

  it.each([
    ["its own", { ...dev, region: "eu-west-1" }, { region: "us-east-2" }, {}, "eu-west-1"],
    ["that of the profile below", dev, { region: "us-east-2" }, { region: "x" }, "us-east-2"],
    ["that of the environment", dev, {}, { region: "eu-north-1" }, "eu-north-1"],
    ["us-east-1", dev, {}, {}, "us-east-1"],
    [
      "one in the role's partition",
      { ...dev, role_arn: "arn:aws-cn:iam::1:role/x" },
      {},
      { region: "eu-north-1" },
      "cn-north-1",
    ],
    [
      "one in GovCloud",
      { ...dev, role_arn: "arn:aws-us-gov:iam::1:role/x" },
      { region: "us-gov-east-1" },
      {},
      "us-gov-east-1",
    ],
  ])("asks STS in %s region", async (_, keys, acme, defaults, region) => {
    expect(await resolve("dev", { acme, dev: keys }, ["acme"], defaults)).toMatchObject({ target: { region } })
  })

  it("finds the partition of a session in its MFA device", async () => {
    const device = "arn:aws-us-gov:iam::123456789012:mfa/alice"

    expect(await resolve("acme", { acme: { mfa_serial: device } })).toMatchObject({
      target: { region: "us-gov-west-1" },
    })
  })

  it("takes the STS endpoint of the environment before that of the profile, and neither where they are to be ignored", async () => {
    const profiles = { acme: { endpoint_url: "https://file.example" } }
    const environment = { endpoint: "https://env.example" }

    expect(await resolve("acme", profiles)).toMatchObject({ target: { endpoint: "https://file.example" } })
    expect(await resolve("acme", profiles, ["acme"], environment)).toMatchObject({ target: environment })
    expect(await resolve("acme", profiles, ["acme"], { ...environment, ignoreEndpoints: "true" })).not.toHaveProperty(
      "target.endpoint",
    )
  })

  const names = fc.constantFrom("a", "b", "c", "d", "e")
  test.prop([
    fc.dictionary(names, fc.record({ role_arn: fc.constant("arn:x"), source_profile: names }, { requiredKeys: [] })),
  ])("always ends, whatever points at whatever", async (profiles) => {
    const plain = Object.fromEntries(Object.entries(profiles).map(([name, keys]) => [name, { ...keys }]))

    for (const profile of (await resolved(plain, ["a"])).values()) {
      if (profile.kind !== "unsupported") expect(baseOf(profile).name).toBe("a")
    }
  })

  it("builds a chain of a thousand roles", async () => {
    const chain = Array.from({ length: 1_000 }, (_, i) => [
      `r${i}`,
      { ...role, source_profile: i === 0 ? "acme" : `r${i - 1}` },
    ])

    const top = await resolve("r999", { acme: {}, ...Object.fromEntries(chain) })

    expect(top?.kind === "role" && baseOf(top).name).toBe("acme")
  })
})
