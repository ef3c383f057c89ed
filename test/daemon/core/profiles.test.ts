import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { resolveProfiles, similarName, type Profile } from "../../../daemon/core/profiles.ts"
import { sectionsOf } from "../../fakes/profile-source.ts"

function resolve(
  profiles: Readonly<Record<string, Readonly<Record<string, string>>>>,
  keyed: readonly string[] = ["acme"],
  defaults = {},
): (name: string) => Profile | undefined {
  const resolved = resolveProfiles(sectionsOf(profiles), keyed, defaults)
  return (name) => resolved.get(name)
}

const serial = "arn:aws:iam::123456789012:mfa/alice"
const role = { role_arn: "arn:aws:iam::123456789012:role/developer" }

describe(resolveProfiles.name, () => {
  it("takes a profile with an access key for its own session", () => {
    const profile = resolve({ acme: { mfa_serial: serial, region: "eu-west-1" } })("acme")

    expect(profile).toMatchObject({
      kind: "session",
      sourceProfile: "acme",
      mfaSerial: serial,
      target: { region: "eu-west-1" },
    })
  })

  it("takes a key that no config file mentions", () => {
    expect(resolve({}, ["lone"])("lone")).toMatchObject({ kind: "session", sourceProfile: "lone" })
  })

  it("puts a role above its source profile, with the source's MFA device", () => {
    const profile = resolve({
      acme: { mfa_serial: serial },
      dev: { ...role, source_profile: "acme", external_id: "x", role_session_name: "me" },
    })("dev")

    expect(profile).toMatchObject({
      kind: "role",
      sourceProfile: "acme",
      mfaSerial: serial,
      externalId: "x",
      roleSessionName: "me",
      durationSeconds: 3_600,
    })
  })

  it("takes mfa_serial from the role where the source has none", () => {
    expect(resolve({ acme: {}, dev: { ...role, source_profile: "acme", mfa_serial: serial } })("dev")).toMatchObject({
      mfaSerial: serial,
    })
  })

  it("never asks STS for more than an hour above a session", () => {
    expect(
      resolve({ acme: {}, dev: { ...role, source_profile: "acme", duration_seconds: "43200" } })("dev"),
    ).toMatchObject({ durationSeconds: 3_600 })
    expect(
      resolve({ acme: {}, dev: { ...role, source_profile: "acme", duration_seconds: "900" } })("dev"),
    ).toMatchObject({ durationSeconds: 900 })
  })

  it("follows a role above a role above a user", () => {
    const profile = resolve({
      acme: {},
      dev: { ...role, source_profile: "acme" },
      audit: { ...role, source_profile: "dev" },
    })("audit")

    expect(profile).toMatchObject({
      kind: "role",
      sourceProfile: "acme",
      above: { name: "dev", above: { name: "acme" } },
    })
  })

  it("takes a role that is its own source", () => {
    expect(resolve({ acme: { ...role, source_profile: "acme" } })("acme")).toMatchObject({
      kind: "role",
      above: { kind: "session", name: "acme" },
    })
  })

  it.each([
    ["an SSO profile", { sso_session: "x" }, "SSO"],
    ["an aws login profile", { login_session: "arn" }, "aws login"],
    ["a web identity profile", { ...role, web_identity_token_file: "/t" }, "web identity"],
    ["a credential process", { credential_process: "x" }, "credential_process"],
    ["a credential source", { ...role, credential_source: "Environment" }, "credential_source"],
    ["a role without a source", role, "no source_profile"],
    ["a source that is not there", { ...role, source_profile: "nope" }, "not in the AWS config file"],
    ["a region-only profile", { region: "x" }, "no access key"],
    ["a duration that is no number", { ...role, source_profile: "acme", duration_seconds: "1h" }, "duration_seconds"],
  ])("says why it does not serve %s", (_, keys, why) => {
    const profile = resolve({ acme: {}, it: keys })("it")

    expect(profile).toMatchObject({ kind: "unsupported" })
    expect(profile?.kind === "unsupported" && profile.reason).toContain(why)
  })

  it("names the way round when source profiles go in a circle", () => {
    const profile = resolve({ a: { ...role, source_profile: "b" }, b: { ...role, source_profile: "a" } })("a")

    expect(profile).toMatchObject({
      kind: "unsupported",
      reason: "its source profiles go round in a circle: a -> b -> a",
    })
  })

  it("takes the STS endpoint of the environment before that of the profile", () => {
    const profiles = { acme: { endpoint_url: "https://file.example" } }

    expect(resolve(profiles)("acme")).toMatchObject({ target: { endpoint: "https://file.example" } })
    expect(
      resolve(profiles, ["acme"], { endpoint: "https://env.example", region: "eu-north-1" })("acme"),
    ).toMatchObject({
      target: { endpoint: "https://env.example", region: "eu-north-1" },
    })
  })

  const names = fc.constantFrom("a", "b", "c", "d", "e")
  test.prop([
    fc.dictionary(names, fc.record({ role_arn: fc.constant("arn:x"), source_profile: names }, { requiredKeys: [] })),
  ])("always ends, whatever points at whatever", (profiles) => {
    const plain = Object.fromEntries(Object.entries(profiles).map(([name, keys]) => [name, { ...keys }]))
    const resolved = resolveProfiles(sectionsOf(plain), ["a"], {})

    for (const profile of resolved.values()) if (profile.kind !== "unsupported") expect(profile.sourceProfile).toBe("a")
  })
})

describe(similarName.name, () => {
  it.each([
    ["dve", "dev"],
    ["prdo-admin", "prod-admin"],
    ["DEV", "dev"],
    ["something-else", undefined],
  ])("for %s proposes %s", (typed, meant) => {
    expect(similarName(typed, ["dev", "prod-admin", "acme"])).toBe(meant)
  })
})
