import { describe, expect, it, vi } from "vitest"
import { accessOf, served, wholeAccess, type Access } from "../../../daemon/core/access.ts"
import type { Credentials } from "../../../daemon/core/credentials.ts"
import { scopeRefused, serviceUnavailable } from "../../../daemon/core/errors.ts"
import type { Lease } from "../../../daemon/core/leases.ts"
import { narrowing } from "../../../daemon/core/narrowing.ts"
import { scopeKey, type NarrowScope, type Scope } from "../../../daemon/core/scope.ts"
import { fakeClock, hours, minutes, seconds } from "../../fakes/clock.ts"
import { someCredentials } from "../../fakes/credentials.ts"
import { fakeSts } from "../../fakes/sts.ts"

const policy = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
const readOnly: NarrowScope = { kind: "read-only" }
const arns: NarrowScope = { kind: "policy-arns", policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }

function lease(changes: Partial<Lease>): Lease {
  return { id: "1", name: "agent", profiles: ["dev"], scope: readOnly, createdAt: 0, tokenHash: "", ...changes }
}

function accessTo(scope: Scope): Access {
  return accessOf(lease({ scope }))
}

function keyOfRun(pid: number, scope: Scope): string {
  return accessOf(lease({ id: String(pid), name: `make-${pid}`, pid, scope })).key
}

function setup(changes: Partial<Lease> = {}, lifeMs = 12 * hours) {
  const clock = fakeClock()
  const sts = fakeSts(clock)
  const whole: Credentials = { ...someCredentials(clock.now() + lifeMs), accountId: "123456789012" }
  const access = accessOf(lease(changes))
  const onNotShortened = vi.fn<(error: unknown) => void>()
  const from = vi.fn<() => Promise<Credentials>>(async () => whole)
  const provide = narrowing(from, { region: "eu-west-1" }, access, { clock, sts, onNotShortened })
  return { clock, sts, whole, access, from, provide, onNotShortened }
}

const confirmed = expect.objectContaining({ code: "ScopeRefused", message: expect.stringContaining("did not narrow") })

describe(narrowing.name, () => {
  it("asks AWS for the policy, for an hour, in the lease's name", async () => {
    const { sts, provide, whole, access } = setup({ scope: { kind: "policy", policy }, description: "tidies ü" })

    const credentials = await provide()

    expect(sts.getScopedCredentials).toHaveBeenCalledExactlyOnceWith(
      whole,
      { policy, durationSeconds: 3_600, description: "credd lease agent: tidies ?" },
      { region: "eu-west-1" },
    )
    expect(served(credentials, access)).toMatchObject({ accountId: "123456789012" })
  })

  it("asks for no more than the session has left", async () => {
    const { sts, provide, whole } = setup({}, 20 * minutes)

    const { expiration } = await provide()

    expect(sts.getScopedCredentials.mock.lastCall?.[1]).not.toHaveProperty("durationSeconds")
    expect(expiration).toBe(whole.expiration)
  })

  it("asks for no more than the lease has left", async () => {
    const { clock, provide } = setup({ expiration: fakeClock().now() + 10 * minutes })

    expect((await provide()).expiration).toBe(clock.now() + 10 * minutes)
  })

  it("asks for nothing once the lease has ended", async () => {
    const { clock, provide, from } = setup({ expiration: fakeClock().now() + 10 * minutes })
    clock.advance(10 * minutes)

    await expect(provide()).rejects.toMatchObject({ code: "TokenRejected" })
    expect(from).not.toHaveBeenCalled()
  })

  it.each<[string, (whole: Credentials) => { credentials: Credentials; policies: number }]>([
    ["tells of no policy", ({ expiration }) => ({ credentials: someCredentials(expiration), policies: 0 })],
    ["is the session itself", (whole) => ({ credentials: whole, policies: 1 })],
    [
      "outlives the session",
      ({ expiration }) => ({ credentials: someCredentials(expiration + 5 * seconds), policies: 1 }),
    ],
  ])("takes no answer for AWS's that %s", async (_, answer) => {
    const { sts, provide, whole } = setup({}, 20 * minutes)
    sts.getScopedCredentials.mockResolvedValue(answer(whole))

    await expect(provide()).rejects.toEqual(confirmed)
  })

  it("takes no answer that outlives the lease", async () => {
    const { clock, sts, provide } = setup({ expiration: fakeClock().now() + 10 * minutes })
    sts.getScopedCredentials.mockResolvedValue({ credentials: someCredentials(clock.now() + 1 * hours), policies: 1 })

    await expect(provide()).rejects.toEqual(confirmed)
  })

  it("takes an answer that was long on its way for AWS's: the duration counts from there", async () => {
    const { clock, sts, provide } = setup()
    sts.getScopedCredentials.mockImplementationOnce(async (_, { durationSeconds = 0 }) => {
      clock.advance(9 * seconds)
      return { credentials: someCredentials(clock.now() + durationSeconds * seconds), policies: 1 }
    })

    expect((await provide()).expiration).toBe(clock.now() + 1 * hours)
  })

  it("asks again when the machine slept while AWS was asked, for what the lease still has left", async () => {
    const { clock, sts, provide } = setup({ expiration: fakeClock().now() + 50 * minutes })
    sts.getScopedCredentials.mockImplementationOnce(async (_, { durationSeconds = 0 }) => {
      clock.advance(20 * minutes)
      return { credentials: someCredentials(clock.now() + durationSeconds * seconds), policies: 1 }
    })

    expect((await provide()).expiration).toBe(clock.now() + 30 * minutes)
    expect(sts.getScopedCredentials).toHaveBeenCalledTimes(2)
  })

  it("gives up, for now, when the clock will not stand still", async () => {
    const { clock, sts, provide } = setup()
    sts.getScopedCredentials.mockImplementation(async () => {
      clock.advance(20 * minutes)
      return { credentials: someCredentials(clock.now() + 1 * hours), policies: 1 }
    })

    await expect(provide()).rejects.toMatchObject({ code: "Unavailable" })
    expect(sts.getScopedCredentials).toHaveBeenCalledTimes(2)
  })

  it.each([
    serviceUnavailable("STS", "eu-west-1", "throttled"),
    scopeRefused("no such call"),
    new TypeError("a defect"),
  ])("has nothing to give when AWS answers with %s", async (error) => {
    for (const scope of [readOnly, { kind: "policy", policy } as const]) {
      const { sts, provide } = setup({ scope })
      sts.getScopedCredentials.mockRejectedValue(error)

      await expect(provide()).rejects.toBe(error)
    }
  })

  it("takes a role's session for narrowed by managed policies only if they were sent", async () => {
    const { from, provide, whole, access } = setup({ scope: arns }, 1 * hours)
    await expect(provide()).rejects.toEqual(confirmed)

    from.mockResolvedValue({ ...whole, scopedTo: scopeKey(arns) })

    expect(served(await provide(), access)).toBeDefined()
  })

  describe("of a lease that only has an end", () => {
    const end = { scope: { kind: "whole" } as Scope, expiration: fakeClock().now() + 2 * hours }

    it("shortens the session to an hour at a time, and asks nothing of what is short enough", async () => {
      const { clock, provide } = setup(end)
      expect((await provide()).expiration).toBe(clock.now() + 1 * hours)
      const short = setup(end, 30 * minutes)

      expect(await short.provide()).toBe(short.whole)
      expect(short.sts.getScopedCredentials).not.toHaveBeenCalled()
    })

    it("gives the session where AWS cannot shorten it, and says so", async () => {
      const { sts, provide, whole, onNotShortened } = setup(end)
      sts.getScopedCredentials.mockRejectedValue(scopeRefused("no such call"))

      expect(await provide()).toBe(whole)
      expect(onNotShortened).toHaveBeenCalledTimes(1)
    })

    it("waits for AWS where it only cannot be reached", async () => {
      const { sts, provide } = setup(end)
      sts.getScopedCredentials.mockRejectedValue(serviceUnavailable("STS", "eu-west-1", "throttled"))

      await expect(provide()).rejects.toMatchObject({ code: "Unavailable" })
    })
  })
})

describe(served.name, () => {
  const credentials = someCredentials(0)

  it.each<[string, Credentials, Access]>([
    ["the whole session for a scoped lease", credentials, accessTo(readOnly)],
    ["another scope's", { ...credentials, scopedTo: scopeKey(arns) }, accessTo(readOnly)],
    ["narrowed ones for the shell", { ...credentials, scopedTo: scopeKey(readOnly) }, wholeAccess],
  ])("lets no credentials out that are not the lease's: %s", (_, wrong, of) => {
    expect(() => served(wrong, of)).toThrow(expect.objectContaining({ code: "Internal" }))
  })
})

describe(accessOf.name, () => {
  it("shares a role session between the runs of a command, and never a scope", () => {
    expect(keyOfRun(1, { kind: "whole" })).toBe(keyOfRun(2, { kind: "whole" }))
    expect(keyOfRun(1, readOnly)).not.toBe(keyOfRun(2, readOnly))
  })

  it("names the role session after the lease, in STS's alphabet and length", () => {
    const names = ["agent", "x".repeat(58), "make-7"].map(
      (name) => accessOf(lease({ name, ...(name === "make-7" ? { pid: 7 } : {}) })).roleSessionName ?? "",
    )

    expect(names).toEqual(["credd-agent", `credd-${"x".repeat(58)}`, "credd-make"])
    for (const name of names) expect(name).toMatch(/^[\w+=,.@-]{2,64}$/)
  })

  it("keeps the description within CloudTrail's 256 characters", () => {
    expect(accessOf(lease({ description: "x".repeat(1_000) })).description).toHaveLength(256)
  })
})
