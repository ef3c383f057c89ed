import { describe, expect, it } from "vitest"
import { memoryStore } from "../../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../../daemon/adapters/secret-store.ts"
import type { AccessKey, Credentials } from "../../../daemon/core/credentials.ts"
import { CreddError, policyDenied } from "../../../daemon/core/errors.ts"
import type { SecretStore } from "../../../daemon/core/ports.ts"
import { createRotation, type RotationState, type RotationSteps } from "../../../daemon/core/rotation.ts"
import { fakeClock, hours, minutes } from "../../fakes/clock.ts"
import { someAccessKey, someCredentials } from "../../fakes/credentials.ts"
import { fakeIam } from "../../fakes/iam.ts"
import { fakeLog } from "../../fakes/log.ts"
import { fakeSts } from "../../fakes/sts.ts"

/** The power goes: before or after the n-th of all calls to AWS and writes to the store has taken effect. */
class PowerCut extends Error {}

interface Circumstances {
  readonly session?: Credentials | undefined
  readonly kind?: SecretStore["kind"]
}

async function setup({ session, kind = "file" }: Circumstances = {}) {
  const clock = fakeClock()
  const cut = { at: Number.POSITIVE_INFINITY, when: "before" as "before" | "after", count: 0, last: "" }
  const before = (name: string): void => {
    cut.count += 1
    cut.last = name
    if (cut.count === cut.at && cut.when === "before") throw new PowerCut(name)
  }
  const after = (name: string): void => {
    if (cut.count === cut.at && cut.when === "after") throw new PowerCut(name)
  }
  const iam = fakeIam(clock, someAccessKey, before, after)
  const sts = fakeSts(clock)
  sts.getCallerIdentity.mockImplementation(async (as: AccessKey) => {
    before("prove")
    iam.check(as)
    after("prove")
    return { accountId: someAccessKey.accountId, arn: someAccessKey.arn, userId: "AIDAEXAMPLE" }
  })
  const items = memoryStore()
  const real = secretStore({ ...items, kind }, { onDamaged: () => undefined })
  async function write<T>(name: string, effect: () => Promise<T>): Promise<T> {
    before(name)
    const result = await effect()
    after(name)
    return result
  }
  const store: SecretStore = {
    ...real,
    writeAccessKey: (...args) => write("store key", () => real.writeAccessKey(...args)),
    writeRotation: (...args) => write("store step", () => real.writeRotation(...args)),
    removeRotation: (...args) => write("forget", () => real.removeRotation(...args)),
  }
  await real.writeAccessKey("acme", someAccessKey)
  await real.writeAccessKey("copy", { ...someAccessKey, mfaSerial: "arn:aws:iam::123456789012:mfa/other" })
  const log = fakeLog()
  const target = { region: "eu-west-1" }
  const rotation = createRotation({
    store,
    sts,
    iam,
    clock,
    log,
    session: () => session,
    targets: () => ({ sts: target, iam: target }),
  })
  return { clock, cut, iam, sts, store: real, items, log, rotation }
}

type Setup = Awaited<ReturnType<typeof setup>>

async function run(step: () => Promise<RotationState>, last: RotationState["step"]): Promise<readonly string[]> {
  const steps: string[] = []
  while (steps.at(-1) !== last) {
    steps.push((await step()).step)
    expect(steps.length, steps.join()).toBeLessThan(10)
  }
  return steps
}
const forward = (rotation: RotationSteps, isDeleting = false): Promise<readonly string[]> =>
  run(() => rotation.forward("acme", isDeleting), isDeleting ? "deleted" : "deactivated")
const back = (rotation: RotationSteps): Promise<readonly string[]> => run(() => rotation.back("acme"), "undone")

/** What AWS has and what both profiles have. */
async function keys({ iam, store }: Setup) {
  return {
    aws: iam.keys.map(({ accessKeyId, isActive }) => `${accessKeyId} ${isActive ? "on" : "off"}`),
    kept: [(await store.readAccessKey("acme"))?.accessKeyId, (await store.readAccessKey("copy"))?.accessKeyId],
  }
}

const old = someAccessKey.accessKeyId

/** Forward, the old key being off already: there is nothing to do but to delete it. */
const left = { code: "AccessKeyQuota", hint: expect.stringContaining("credd rotate acme --delete") }

describe(createRotation.name, () => {
  it("makes, proves and keeps a new key in every profile that had the old one, then turns the old one off", async () => {
    const parts = await setup()

    expect(await forward(parts.rotation)).toEqual(["created", "stored", "deactivated"])

    expect(await keys(parts)).toEqual({
      aws: [`${old} off`, "AKIAEXAMPLENEW1 on"],
      kept: ["AKIAEXAMPLENEW1", "AKIAEXAMPLENEW1"],
    })
    expect((await parts.store.readAccessKey("copy"))?.mfaSerial).toBe("arn:aws:iam::123456789012:mfa/other")
    expect(parts.log.lines.join("")).not.toContain("EXAMPLEsecret")
  })

  it("deletes the old key with --delete, and then remembers nothing", async () => {
    const parts = await setup()

    expect(await forward(parts.rotation, true)).toEqual(["created", "stored", "deactivated", "deleted"])

    expect((await keys(parts)).aws).toEqual(["AKIAEXAMPLENEW1 on"])
    expect(await parts.items.names()).toEqual(["access-key/acme", "access-key/copy"])
  })

  it("deletes with --delete what an earlier rotation left, and begins no other", async () => {
    const parts = await setup()
    await forward(parts.rotation)

    await expect(parts.rotation.forward("acme", false)).rejects.toMatchObject({
      code: "AccessKeyQuota",
      hint: expect.stringContaining("credd rotate acme --delete"),
    })
    expect(await forward(parts.rotation, true)).toEqual(["deleted"])
    expect(await forward(parts.rotation, true)).toEqual(["created", "stored", "deactivated", "deleted"])
    expect((await keys(parts)).aws).toEqual(["AKIAEXAMPLENEW2 on"])
  })

  it("begins anew when the old key was deleted by hand", async () => {
    const parts = await setup()
    await forward(parts.rotation)
    parts.iam.keys.shift()

    expect(await forward(parts.rotation)).toEqual(["created", "stored", "deactivated"])
  })

  it.each(["created", "stored", "deactivated"])("goes all the way back from %s", async (from) => {
    const parts = await setup()
    await run(() => parts.rotation.forward("acme", false), from as RotationState["step"])

    await back(parts.rotation)

    expect(await keys(parts)).toEqual({ aws: [`${old} on`], kept: [old, old] })
    expect(await parts.items.names()).toEqual(["access-key/acme", "access-key/copy"])
    await expect(parts.rotation.back("acme")).rejects.toMatchObject({ code: "UsageWrong" })
  })

  it("changes nothing while AWS does not know the new key, and goes on once it does", async () => {
    const parts = await setup()
    await parts.rotation.forward("acme", false)
    parts.iam.keys[1]!.isActive = false

    expect((await parts.rotation.forward("acme", false)).step).toBe("waiting")
    expect((await keys(parts)).kept).toEqual([old, old])
    parts.iam.keys[1]!.isActive = true
    expect(await forward(parts.rotation)).toEqual(["stored", "deactivated"])
  })

  describe.each(["before", "after"] as const)("cut off %s a call to AWS or a write", (when) => {
    it.each(Array.from({ length: 12 }, (_, index) => index + 1))("(number %i) goes on to the end", async (at) => {
      const parts = await setup()
      Object.assign(parts.cut, { at, when })

      const cut = await forward(parts.rotation, true).catch((error: unknown) => error)
      // One more than there are would prove nothing.
      expect(cut, `there is no number ${at}`).toBeInstanceOf(PowerCut)
      await noKeyIsLost(parts)
      await forward(parts.rotation, true).catch((error: unknown) => expect(error).toBe("never"))

      const { aws, kept } = await keys(parts)
      expect(aws).toEqual([`${kept[0]} on`])
      expect(kept[0]).toMatch(/NEW/)
      expect(kept[1]).toBe(kept[0])
    })

    it.each(Array.from({ length: 9 }, (_, index) => index + 1))("(number %i) goes back", async (at) => {
      const parts = await setup()
      Object.assign(parts.cut, { at, when })
      await expect(forward(parts.rotation)).rejects.toBeInstanceOf(PowerCut)

      const isThere = (await parts.store.readRotation("acme")) !== undefined
      if (isThere) await back(parts.rotation)

      expect(await keys(parts)).toEqual({ aws: [`${old} on`], kept: [old, old] })
    })

    it.each(Array.from({ length: 7 }, (_, index) => index + 1))(
      "(number %i on the way back) goes back, or on",
      async (at) => {
        for (const then of [back, forward]) {
          const parts = await setup()
          await forward(parts.rotation)
          Object.assign(parts.cut, { at: parts.cut.count + at, when })
          await expect(back(parts.rotation)).rejects.toBeInstanceOf(PowerCut)
          await noKeyIsLost(parts)

          const isThere = (await parts.store.readRotation("acme")) !== undefined
          if (isThere) await then(parts.rotation).catch((error: unknown) => expect(error).toMatchObject(left))

          const { aws, kept } = await keys(parts)
          expect(aws).toContain(`${kept[0]} on`)
          expect(kept[1]).toBe(kept[0])
        }
      },
    )
  })

  it("deletes a key whose secret never arrived, and leaves one alone that somebody else has made", async () => {
    for (const { agoMs, isUsed, code } of [
      { agoMs: 0, isUsed: true, code: "AccessKeyQuota" },
      { agoMs: 5 * minutes, isUsed: false, code: "AccessKeyQuota" },
      { agoMs: 0, isUsed: false, code: undefined },
    ]) {
      const parts = await setup()
      Object.assign(parts.cut, { at: 3, when: "after" })
      await expect(forward(parts.rotation)).rejects.toThrow("create")
      Object.assign(parts.iam.keys[1]!, { isUsed, createdAt: parts.clock.now() - agoMs })

      const error = await parts.rotation.forward("acme", false).catch((each: unknown) => each)

      expect(error instanceof CreddError ? error.code : undefined).toBe(code)
      expect(parts.iam.keys.map(({ accessKeyId }) => accessKeyId)).toEqual([
        old,
        code === undefined ? "AKIAEXAMPLENEW2" : "AKIAEXAMPLENEW1",
      ])
    }
  })

  it("signs with the MFA session while there is one", async () => {
    const clock = fakeClock()
    const session = someCredentials(clock.now() + 12 * hours)
    const parts = await setup({ session })
    // The session needs no key to be active.
    parts.iam.keys[0]!.isActive = false

    expect((await parts.rotation.forward("acme", false)).step).toBe("created")
  })

  it.each([
    [undefined, "without an MFA session", "credd login acme"],
    [someCredentials(0), "access keys", "ask for this policy statement"],
  ])("says which right is missing, and to log in where that may help (%#)", async (session, words, hint) => {
    const parts = await setup({ session })
    parts.iam.listAccessKeys = async () => {
      throw policyDenied("x", "no identity-based policy allows it", undefined)
    }

    const error = await parts.rotation.forward("acme", false).catch((each: unknown) => each)

    expect(error).toMatchObject({ code: "AccessDenied", message: expect.stringMatching(new RegExp(`${words}$`)) })
    expect(error).toMatchObject({ hint: expect.stringContaining(hint) })
    expect(error).toMatchObject({ hint: expect.stringContaining("iam:CreateAccessKey") })
    expect(await parts.store.readRotation("acme")).toBe(undefined)
  })

  it("refuses a user with two keys, the memory store and the root user, before anything is changed", async () => {
    const two = await setup()
    two.iam.keys.push({ accessKeyId: "AKIAEXAMPLEOTHER", secret: "x", createdAt: 0, isActive: false, isUsed: true })
    await expect(forward(two.rotation)).rejects.toMatchObject({
      code: "AccessKeyQuota",
      hint: expect.stringContaining("aws iam delete-access-key --access-key-id AKIAEXAMPLEOTHER"),
    })
    const memory = await setup({ kind: "memory" })
    await expect(forward(memory.rotation)).rejects.toMatchObject({ code: "UsageWrong" })
    const root = await setup()
    await root.store.writeAccessKey("acme", { ...someAccessKey, arn: "arn:aws:iam::123456789012:root" })
    await expect(forward(root.rotation)).rejects.toMatchObject({ code: "UsageWrong" })
    const none = await setup()
    await expect(none.rotation.forward("nobody", false)).rejects.toMatchObject({ code: "AccessKeyMissing" })
    for (const { iam } of [two, memory, root, none]) expect(iam.calls).not.toContain("create")
  })

  it("forgets a rotation when another key has been added since", async () => {
    const parts = await setup()
    await parts.rotation.forward("acme", false)
    await parts.store.writeAccessKey("acme", { ...someAccessKey, accessKeyId: "AKIAEXAMPLEADDED" })

    await expect(parts.rotation.back("acme")).rejects.toMatchObject({ code: "UsageWrong" })
    expect(await parts.store.readRotation("acme")).toBe(undefined)
  })

  it("refuses a new key that is somebody else's", async () => {
    const parts = await setup()
    await parts.rotation.forward("acme", false)
    parts.sts.getCallerIdentity.mockResolvedValue({ accountId: "1", arn: "arn:aws:iam::1:user/eve", userId: "x" })

    await expect(parts.rotation.forward("acme", false)).rejects.toMatchObject({ code: "AccessKeyRejected" })
    expect((await keys(parts)).kept).toEqual([old, old])
  })
})

/** At every moment some active key is kept: in a profile, or in what was written down. */
async function noKeyIsLost({ iam, store }: Setup): Promise<void> {
  const rotation = await store.readRotation("acme")
  const kept = [
    (await store.readAccessKey("acme"))?.accessKeyId,
    rotation?.oldKey.accessKeyId,
    rotation?.at.step === "asked" ? undefined : rotation?.at.newKey.accessKeyId,
  ]
  expect(iam.keys.some(({ accessKeyId, isActive }) => isActive && kept.includes(accessKeyId))).toBe(true)
}
