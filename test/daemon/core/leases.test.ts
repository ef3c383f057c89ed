import { describe, expect, it } from "vitest"
import { createLeases, mayRead } from "../../../daemon/core/leases.ts"
import { fakeClock } from "../../fakes/clock.ts"

function setup() {
  const clock = fakeClock()
  const leases = createLeases([], clock)
  const { lease, token } = leases.mint("shell", ["*"])
  return { clock, leases, lease, token: token.reveal() }
}

describe(createLeases.name, () => {
  it("mints a URL-safe token of 256 bits without a newline", () => {
    const { token } = setup()

    expect(token).toMatch(/^[\w-]{43}$/)
  })

  it("knows a lease by its token, raw or after Bearer", () => {
    const { leases, lease, token } = setup()

    expect(leases.verify(token)).toBe(lease)
    expect(leases.verify(`Bearer ${token}`)).toBe(lease)
  })

  it.each([undefined, ""])("says that the token is missing for %j", (header) => {
    expect(() => setup().leases.verify(header)).toThrow(expect.objectContaining({ code: "TokenMissing" }))
  })

  it.each(["x", "Bearer ", "bearer x", "\0", "A".repeat(10_000)])("refuses %j", (header) => {
    expect(() => setup().leases.verify(header)).toThrow(expect.objectContaining({ code: "TokenRejected" }))
  })

  it("refuses the token's own hash", () => {
    const { leases, lease } = setup()

    expect(() => leases.verify(lease.tokenHash)).toThrow(expect.objectContaining({ code: "TokenRejected" }))
  })

  it("ends the old token when a lease is minted again", () => {
    const { leases, token } = setup()

    leases.mint("shell", ["*"])

    expect(() => leases.verify(token)).toThrow(expect.objectContaining({ code: "TokenRejected" }))
  })

  it("ends every token at revokeAll", () => {
    const { leases, token } = setup()

    leases.revokeAll()

    expect(() => leases.verify(token)).toThrow(expect.objectContaining({ code: "TokenRejected" }))
  })

  it("survives a restart by its hash, and the record does not hold the token", () => {
    const { clock, leases, token } = setup()
    const kept = JSON.stringify(leases.all())

    expect(kept).not.toContain(token)
    expect(createLeases(JSON.parse(kept), clock).verify(token).name).toBe("shell")
  })
})

describe(mayRead.name, () => {
  it.each([
    [["*"], "dev", true],
    [["dev"], "dev", true],
    [["dev"], "prod", false],
    [[], "dev", false],
  ])("%j and %s: %s", (profiles, profile, may) => {
    expect(mayRead({ id: "", name: "", profiles, createdAt: 0, tokenHash: "" }, profile)).toBe(may)
  })
})
