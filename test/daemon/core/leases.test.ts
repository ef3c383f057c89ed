import { describe, expect, it } from "vitest"
import { storeWriteFailed } from "../../../daemon/core/errors.ts"
import { checkLeaseName, createLeases, execLeaseName, mayRead } from "../../../daemon/core/leases.ts"
import { whole } from "../../../daemon/core/scope.ts"
import { minutes } from "../../fakes/clock.ts"
import { fakeLeases } from "../../fakes/leases.ts"

const rejected = expect.objectContaining({ code: "TokenRejected" })

async function setup() {
  const parts = fakeLeases()
  return { ...parts, ...(await parts.mint({})) }
}

describe(createLeases.name, () => {
  it("mints a URL-safe token of 256 bits without a newline", async () => {
    const { token } = await setup()

    expect(token).toMatch(/^[\w-]{43}$/)
  })

  it("knows a lease by its token, raw or after Bearer", async () => {
    const { leases, lease, token } = await setup()

    expect(leases.verify(token)).toBe(lease)
    expect(leases.verify(`Bearer ${token}`)).toBe(lease)
  })

  it.each([undefined, ""])("says that the token is missing for %j", async (header) => {
    const { leases } = await setup()

    expect(() => leases.verify(header)).toThrow(expect.objectContaining({ code: "TokenMissing" }))
  })

  it.each(["x", "Bearer ", "bearer x", "\0", "A".repeat(10_000)])("refuses %j", async (header) => {
    const { leases } = await setup()

    expect(() => leases.verify(header)).toThrow(rejected)
  })

  it("refuses the token's own hash", async () => {
    const { leases, lease } = await setup()

    expect(() => leases.verify(lease.tokenHash)).toThrow(rejected)
  })

  it("opens nothing with a token whose lease is a draft", () => {
    const { leases } = fakeLeases()

    const { token } = leases.draft({ name: "agent", profiles: ["dev"], scope: whole })

    expect(() => leases.verify(token.reveal())).toThrow(rejected)
  })

  it("ends the old token when a lease is replaced, and says whose end that is", async () => {
    const { leases, lease, token, mint, onEnd } = await setup()

    await mint({}, true)

    expect(() => leases.verify(token)).toThrow(rejected)
    expect(onEnd).toHaveBeenCalledExactlyOnceWith(lease)
  })

  it("does not replace a living lease unasked, and keeps it", async () => {
    const { leases, mint } = fakeLeases()
    const { token } = await mint({ name: "agent" })

    await expect(mint({ name: "agent" })).rejects.toMatchObject({ code: "LeaseExists" })

    expect(leases.verify(token).name).toBe("agent")
  })

  it("makes one of two leases of a name that are asked for at once", async () => {
    const { leases } = fakeLeases()
    const drafts = [1, 2].map(() => leases.draft({ name: "agent", profiles: ["dev"], scope: whole }))

    const outcomes = await Promise.allSettled(drafts.map(({ lease }) => leases.add(lease)))

    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
    expect(leases.all()).toHaveLength(1)
  })

  it("refuses a lease from the moment of its end, and says when that was", async () => {
    const { clock, leases, mint } = fakeLeases()
    const { lease, token } = await mint({ name: "agent", expiration: clock.now() + 5 * minutes })
    clock.advance(5 * minutes - 1)
    expect(leases.verify(token)).toBe(lease)

    clock.advance(1)

    expect(() => leases.verify(token)).toThrow(/the lease "agent" ended at \d\d:\d\d/)
    expect(leases.isGood(lease)).toBe(false)
    expect(leases.find("agent")).toBeUndefined()
    expect(leases.status()).toEqual([])
  })

  it("forgets ended leases at the next pulse, and not by a clock that is in doubt", async () => {
    const { clock, leases, mint, kept, onEnd } = fakeLeases()
    await mint({ name: "agent", expiration: clock.now() + 5 * minutes })

    clock.doubt(60 * minutes)
    await leases.tidy()
    expect(leases.all()).toHaveLength(1)
    clock.tell()
    clock.advance(6 * minutes)
    await leases.tidy()

    expect(kept()).toEqual([])
    expect(onEnd).toHaveBeenCalledTimes(1)
  })

  it("refuses a revoked lease at once, before it is written", async () => {
    const { leases, token, write } = await setup()
    const order: string[] = []
    write.mockImplementationOnce(async () => {
      try {
        leases.verify(token)
      } catch {
        order.push("refused")
      }
      order.push("written")
    })

    await leases.revoke("shell")

    expect(order).toEqual(["refused", "written"])
  })

  it("has written a revocation, flushed, before it is answered", async () => {
    const { leases, kept, write } = await setup()

    await leases.revoke("shell")

    expect(kept()).toEqual([])
    expect(write).toHaveBeenLastCalledWith([], true)
  })

  it("keeps a lease dead whose revocation could not be written, and writes it at the next pulse", async () => {
    const { leases, token, kept, write } = await setup()
    write.mockRejectedValueOnce(storeWriteFailed("leases.json", "the disk is full"))

    await expect(leases.revoke("shell")).rejects.toMatchObject({ code: "StoreWriteFailed" })
    expect(() => leases.verify(token)).toThrow(rejected)
    expect(kept()).toHaveLength(1)
    await leases.tidy()

    expect(kept()).toEqual([])
  })

  it("answers with no token of a lease that could not be written, and keeps the one before", async () => {
    const { leases, mint, write } = fakeLeases()
    const { token } = await mint({ name: "agent" })
    write.mockRejectedValueOnce(storeWriteFailed("leases.json", "the disk is full"))
    const { lease, token: second } = leases.draft({ name: "agent", profiles: ["dev"], scope: whole }, true)

    await expect(leases.add(lease, true)).rejects.toMatchObject({ code: "StoreWriteFailed" })

    expect(() => leases.verify(second.reveal())).toThrow(rejected)
    expect(leases.verify(token).name).toBe("agent")
  })

  it("shares a write between leases that are made at once, and misses none", async () => {
    const { leases, write, kept } = fakeLeases()
    const drafts = Array.from({ length: 50 }, (_, i) =>
      leases.draft({ name: `agent-${i}`, profiles: ["dev"], scope: whole }),
    )

    await Promise.all(drafts.map(async ({ lease }) => await leases.add(lease)))

    expect(kept()).toHaveLength(50)
    expect(write.mock.calls.length).toBeLessThan(10)
  })

  it("ends every token at revokeAll", async () => {
    const { leases, token } = await setup()

    await leases.revokeAll()

    expect(() => leases.verify(token)).toThrow(rejected)
  })

  it("proposes the name that was meant", async () => {
    const { leases, mint } = fakeLeases()
    await mint({ name: "agent" })

    await expect(leases.revoke("agnet")).rejects.toThrow('did you mean "agent"?')
  })

  it("does not flush what ends with its process anyway", async () => {
    const { leases, mint, write } = fakeLeases()
    const { lease, token } = await mint({ name: "make-7", pid: 7 })
    expect(write).toHaveBeenLastCalledWith([lease], false)

    leases.release(lease)

    expect(() => leases.verify(token)).toThrow(rejected)
  })

  it("survives a restart by its hash, and the record does not hold the token", async () => {
    const { clock, leases, token } = await setup()
    const kept = JSON.stringify(leases.all())

    expect(kept).not.toContain(token)
    expect(fakeLeases(JSON.parse(kept), clock).leases.verify(token).name).toBe("shell")
  })
})

describe(checkLeaseName.name, () => {
  it.each(["agent", "a", "claude-code", "a.b@c=d,e+f", "x".repeat(58)])("takes %s", (name) => {
    expect(() => checkLeaseName(name)).not.toThrow()
  })

  it.each(["shell", "", "a b", "a/b", "é", "a\n", "x".repeat(59)])("refuses %j", (name) => {
    expect(() => checkLeaseName(name)).toThrow(expect.objectContaining({ code: "LeaseNameWrong" }))
  })
})

describe(execLeaseName.name, () => {
  it.each([
    ["terraform", "terraform-7"],
    ["/usr/bin/aws", "aws-7"],
    ["./my script", "my-script-7"],
    ["…", "exec-7"],
    ["x".repeat(300), `${"x".repeat(40)}-7`],
  ])("calls the lease of %s %s", (command, name) => {
    expect(execLeaseName(command, 7)).toBe(name)
    expect(() => checkLeaseName(name)).not.toThrow()
  })
})

describe(mayRead.name, () => {
  it.each([
    [["*"], "dev", true],
    [["dev"], "dev", true],
    [["dev"], "prod", false],
    [[], "dev", false],
  ])("%j and %s: %s", (profiles, profile, may) => {
    expect(mayRead({ id: "", name: "", profiles, scope: whole, createdAt: 0, tokenHash: "" }, profile)).toBe(may)
  })
})
