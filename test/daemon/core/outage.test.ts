// Whole days in the life of many profiles, with AWS gone for a while: a virtual clock, the real broker.
import { describe, expect, it } from "vitest"
import { serviceUnavailable } from "../../../daemon/core/errors.ts"
import { virtualDay } from "../../fakes/virtual-day.ts"
import { hours, minutes, seconds } from "../../fakes/clock.ts"

/** 120 roles whose credentials are of every age when the outage begins; half of them lie above other roles. */
async function beforeOutage() {
  const day = await virtualDay({ roles: 120, chained: true })
  for (const [index, name] of day.names.entries()) {
    await day.ask(name)
    if (index % 2 === 1) await day.pass(30 * seconds)
  }
  await day.pass(5 * minutes, day.askAll)
  return day
}

describe("an outage of STS for 50 minutes", () => {
  const outageMs = 50 * minutes
  const gone = serviceUnavailable("STS", "eu-west-1", "the connection was reset")

  it("is not felt by whoever asks for what still lives", async () => {
    const day = await beforeOutage()
    day.fail(gone)
    const ends = new Map<string, number>()
    for (const name of day.names) ends.set(name, (await day.ask(name)).expiration)

    for (let passed = 0; passed < outageMs; passed += 1 * minutes) {
      await day.pass(1 * minutes)
      for (const [name, end] of ends) {
        const asked = day.ask(name)
        if (end > day.clock.now()) expect((await asked).expiration).toBe(end)
        else await expect(asked).rejects.toMatchObject({ code: "Unavailable" })
      }
    }
  }, 30_000)

  it("is over for all within a minute of the return, one call at a time for each, and spread", async () => {
    const day = await beforeOutage()
    day.fail(gone)
    await day.pass(outageMs, day.askAll)
    day.fail(undefined)
    const returnedAt = day.clock.now()

    // Nobody asks meanwhile: the daemon does it by itself.
    await day.pass(60 * seconds)

    const calls = day.calls.filter(({ at }) => at >= returnedAt)
    expect(new Set(calls.map(({ roleArn }) => roleArn)).size).toBe(day.names.length)
    for (const name of day.names) expect((await day.ask(name)).expiration).toBeGreaterThan(returnedAt + 55 * minutes)
    expect(day.mostAtOnce).toBe(1)
    expect(calls.length).toBe(day.names.length)
    expect(day.busiest(calls, 1 * seconds)).toBeLessThan(day.names.length / 4)
  }, 30_000)

  it("does not make the daemon hammer AWS", async () => {
    const day = await beforeOutage()
    day.fail(gone)
    const startedAt = day.clock.now()

    await day.pass(outageMs, day.askAll)

    const tries = day.calls.filter(({ at }) => at >= startedAt)
    // About one in 20 s for each.
    expect(tries.length / day.names.length).toBeLessThan(outageMs / (14 * seconds))
    expect(day.mostAtOnce).toBe(1)
  }, 30_000)
})

describe("a laptop", () => {
  it.each([5 * minutes, 40 * minutes, 3 * hours])(
    "that slept for %d ms serves nothing that is over",
    async (sleptMs) => {
      const day = await virtualDay({ roles: 20 })
      await day.askAll()

      day.clock.jump(sleptMs)

      for (const name of day.names)
        expect((await day.ask(name)).expiration).toBeGreaterThan(day.clock.now() + 15 * minutes)
      expect(day.mostAtOnce).toBe(1)
    },
  )

  it("that slept past the session's end asks for a login, and serves what lives on above it", async () => {
    const day = await virtualDay({ roles: 2 })
    await day.askAll()
    await day.pass(11 * hours + 40 * minutes, day.askAll)

    day.clock.jump(25 * minutes)

    await expect(day.broker.credentialsFor("acme")).rejects.toMatchObject({ code: "SessionExpired" })
    await expect(day.ask("role-0")).resolves.toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) })
    day.clock.jump(40 * minutes)
    await expect(day.ask("role-0")).rejects.toMatchObject({ code: "SessionExpired", hint: "run: credd login acme" })
  })

  it("that wakes with many roles in use renews them spread out", async () => {
    const day = await virtualDay({ roles: 200 })
    await day.askAll()
    await day.pass(20 * minutes, day.askAll)
    const startedAt = day.clock.now()

    day.clock.jump(22 * minutes)
    await day.pass(60 * seconds)

    const renewals = day.calls.filter(({ at }) => at >= startedAt)
    expect(renewals.length).toBe(200)
    expect(day.busiest(renewals, 1 * seconds)).toBeLessThan(40)
  })
})

describe("a day across midnight and the end of summer time", () => {
  it.each(["Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC"])("in %s is like any other", async (zone) => {
    const before = process.env["TZ"]
    process.env["TZ"] = zone
    try {
      const day = await virtualDay({ roles: 3, start: Date.parse("2026-10-24T20:00:00Z") })
      await day.pass(11 * hours, day.askAll)
      expect(day.calls.length).toBeGreaterThanOrEqual(3 * 18)
      expect(day.calls.length).toBeLessThanOrEqual(3 * 22)
      expect(day.least).toBeGreaterThan(15 * minutes)
    } finally {
      if (before === undefined) delete process.env["TZ"]
      else process.env["TZ"] = before
    }
  })
})

describe("500 profiles in use", () => {
  it("cost no more than a tenth more calls than they must, and never come in a crowd", async () => {
    const day = await virtualDay({ roles: 500, sessionHours: 12 })
    await day.askAll()
    await day.pass(1 * hours, day.askAll)
    const from = day.clock.now()

    await day.pass(7 * hours, day.askAll)

    const calls = day.calls.filter(({ at }) => at >= from)
    // 3,600 s credentials that are renewed with 25 minutes left: one call in 35 minutes.
    const least = (500 * 7 * 60) / 35
    expect(calls.length).toBeLessThanOrEqual(least * 1.1)
    expect(day.busiest(calls, 10 * seconds)).toBeLessThanOrEqual((calls.length / 7) * 0.05)
    expect(day.least).toBeGreaterThan(15 * minutes)
  }, 60_000)
})
