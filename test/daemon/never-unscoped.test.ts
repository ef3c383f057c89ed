/**
 * The real core and the real SDK against the sandbox: every failure at every step of a scoped lease's life, and the
 * sandbox says of each key that was handed out what AWS would let it do.
 */
import { describe, expect, it, onTestFinished } from "vitest"
import { openAwsHttp } from "../../daemon/adapters/aws-http.ts"
import type { AwsClock } from "../../daemon/adapters/clock.ts"
import { memoryStore } from "../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../daemon/adapters/secret-store.ts"
import { awsSts } from "../../daemon/adapters/sts.ts"
import { accessOf } from "../../daemon/core/access.ts"
import { createBroker } from "../../daemon/core/broker.ts"
import type { Lease } from "../../daemon/core/leases.ts"
import { readOnlyPolicy } from "../../daemon/core/read-only-policy.ts"
import type { Scope } from "../../daemon/core/scope.ts"
import { fakeClock, hours, minutes } from "../fakes/clock.ts"
import { someAccessKey } from "../fakes/credentials.ts"
import { fakeIam } from "../fakes/iam.ts"
import { fakeLog } from "../fakes/log.ts"
import { fakeProfileSource } from "../fakes/profile-source.ts"
import type { Fault, Misbehaviour } from "../sandbox/faults.ts"
import { startSandbox } from "../sandbox/sandbox.ts"

const policy = `{"Statement":{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}}`
const managed = "arn:aws:iam::aws:policy/ReadOnlyAccess"

const errors = [
  "AccessDenied",
  "ExpiredToken",
  "InsufficientSessionLifetime",
  "InternalFailure",
  "InvalidAction",
  "InvalidClientTokenId",
  "InvalidSubjectCredentials",
  "MalformedPolicyDocument",
  "PackedPolicyTooLarge",
  "RegionDisabledException",
  "ServiceUnavailable",
  "SignatureDoesNotMatch",
  "Throttling",
  "ValidationError",
  "SomethingNew",
]
const misbehaviours: readonly Misbehaviour[] = [
  ...errors.map((code) => ({ kind: "error", code }) as const),
  { kind: "drop", when: "before" },
  { kind: "drop", when: "after" },
  { kind: "malformed" },
  { kind: "html" },
  { kind: "huge" },
]

async function setup(scope: Scope) {
  const fake = fakeClock()
  const sandbox = await startSandbox({ now: fake.now })
  const clock: AwsClock = { ...fake, timeCall: () => () => undefined, offsetMs: () => fake.now() - Date.now() }
  const http = await openAwsHttp({ clock, env: {} })
  const sts = awsSts({ clock, http: async () => http })
  const store = secretStore(memoryStore(), { onDamaged: () => undefined })
  await store.writeAccessKey("acme", someAccessKey)
  const target = { endpoint_url: sandbox.url, region: "eu-west-1" }
  const broker = createBroker({
    clock,
    sts,
    iam: fakeIam(clock, someAccessKey),
    store,
    log: fakeLog(),
    notify: () => undefined,
    outside: { fromProcess: async () => someAccessKey, fromEnvironment: () => someAccessKey },
    signIn: { signinToken: async () => someAccessKey.secretAccessKey },
    breathe: async () => undefined,
    random: () => 1,
    defaults: {},
    source: fakeProfileSource({
      acme: { mfa_serial: "arn:aws:iam::123456789012:mfa/alice", ...target },
      dev: { role_arn: "arn:aws:iam::123456789012:role/developer", source_profile: "acme", ...target },
    }),
  })
  onTestFinished(async () => {
    await sandbox.close()
  })
  await broker.settle()
  await broker.login("acme", sandbox.mfaCode("alice"), 43_200)
  const lease: Lease = {
    id: "lease",
    name: "agent",
    profiles: ["acme", "dev"],
    scope,
    createdAt: fake.now(),
    expiration: fake.now() + 30 * 24 * hours,
    tokenHash: "",
  }
  /** Somebody whole-hearted at work beside it, so that there is something wider to hand out by mistake. */
  const whole = async (): Promise<void> => {
    await Promise.all([broker.credentialsFor("acme"), broker.credentialsFor("dev")])
  }
  await whole()
  return { fake, sandbox, broker, access: accessOf(lease), whole }
}

describe.each<[string, Scope, readonly string[], readonly string[]]>([
  ["read-only", { kind: "read-only" }, ["acme", "dev"], [readOnlyPolicy]],
  ["a policy", { kind: "policy", policy }, ["acme", "dev"], [policy]],
  ["managed policies", { kind: "policy-arns", policyArns: [managed] }, ["dev"], []],
])("a lease for %s", (_, scope, profiles, texts) => {
  it("is never given a key that may do more, whatever fails, and whenever", async () => {
    const { fake, sandbox, broker, access, whole } = await setup(scope)
    const handed = new Set<string>()
    let refused = 0
    const ask = async (): Promise<void> => {
      for (const profile of profiles) {
        try {
          handed.add((await broker.credentialsFor(profile, access)).accessKeyId)
        } catch {
          refused += 1
        }
      }
    }
    const everything = async (fault: Fault): Promise<void> => {
      sandbox.faults.add(fault)
      // Nothing held yet; a renewal ahead of time; the last minutes of what is held; and past its end.
      broker.forgetAccess(access)
      await ask()
      sandbox.faults.clear()
      fake.advance(2 * minutes)
      await ask()
      sandbox.faults.add(fault)
      fake.advance(36 * minutes)
      await ask()
      fake.advance(20 * minutes)
      await ask()
      fake.advance(5 * minutes)
      await ask()
      sandbox.faults.clear()
      broker.forgetAccess(access)
      fake.advance(2 * minutes)
    }

    for (const action of ["AssumeRole", "GetScopedCredentials"]) {
      for (const each of misbehaviours) {
        await everything({ ...each, action })
        // The session may have been taken for dead, or the day be over: log in again, as a person would.
        await broker.login("acme", sandbox.mfaCode("alice"), 43_200)
        await whole()
      }
    }

    expect(handed.size).toBeGreaterThan(misbehaviours.length)
    expect(refused).toBeGreaterThan(misbehaviours.length)
    for (const key of handed) {
      const layers = sandbox.policiesOf(key)
      expect(layers.length).toBeGreaterThan(0)
      if (texts.length > 0) expect(layers.at(-1)).toEqual(texts)
    }
  }, 120_000)

  it("is given nothing once it is forgotten, logged out or locked", async () => {
    const { sandbox, broker, access } = await setup(scope)
    const [profile = ""] = profiles
    const before = await broker.credentialsFor(profile, access)

    await broker.logoutAll()

    await expect(broker.credentialsFor(profile, access)).rejects.toMatchObject({ code: "LoginRequired" })
    expect(sandbox.policiesOf(before.accessKeyId)).not.toEqual([])
  })
})
