import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, vi } from "vitest"
import type { Credentials } from "../../../daemon/core/credentials.ts"
import { accessDenied, serviceUnavailable } from "../../../daemon/core/errors.ts"
import { refreshing } from "../../../daemon/core/refreshing.ts"
import { fakeClock, hours, minutes, seconds } from "../../fakes/clock.ts"
import { someCredentials } from "../../fakes/credentials.ts"

function setup(lifeMs = 1 * hours) {
  const clock = fakeClock()
  const fetch = vi.fn<() => Promise<Credentials>>(async () => someCredentials(clock.now() + lifeMs))
  const onRenewalFailure = vi.fn<(error: unknown) => void>()
  const role = refreshing(fetch, { clock, random: () => 1, onRenewalFailure })
  return { clock, fetch, onRenewalFailure, role }
}

const offline = serviceUnavailable("STS", "eu-west-1", "connection refused")
const denied = accessDenied("role arn:aws:iam::123456789012:role/developer", undefined)
const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

describe(refreshing.name, () => {
  it("asks AWS exactly once for 500 callers at a cold start", async () => {
    const { fetch, role } = setup()

    const answers = await Promise.all(Array.from({ length: 500 }, () => role.get(700)))

    expect(fetch).toHaveBeenCalledTimes(1)
    expect(new Set(answers).size).toBe(1)
  })

  it("answers from memory while more than 25 minutes are left", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get()

    clock.advance(34 * minutes)

    expect(await role.get()).toBe(first)
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it("renews behind the caller's back between 25 and 15 minutes, once", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get()
    clock.advance(40 * minutes)

    const during = await Promise.all([role.get(), role.get(), role.get()])
    await settled()
    const after = await role.get()

    expect(during.every((each) => each === first)).toBe(true)
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(after).not.toBe(first)
  })

  it("makes the caller wait for the renewal below 15 minutes", async () => {
    const { clock, role } = setup()
    const first = await role.get()
    clock.advance(46 * minutes)

    const next = await role.get()

    expect(next.expiration - clock.now()).toBe(1 * hours)
    expect(next).not.toBe(first)
  })

  it("keeps the old credentials when an early renewal is throttled", async () => {
    const { clock, fetch, onRenewalFailure, role } = setup()
    const first = await role.get()
    clock.advance(40 * minutes)
    fetch.mockRejectedValueOnce(offline)

    await role.get()
    await settled()

    expect(onRenewalFailure).toHaveBeenCalledWith(offline)
    expect(await role.get()).toBe(first)
  })

  it("serves what is left to its last second while AWS cannot be reached, and then says so", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get()
    fetch.mockRejectedValue(offline)

    for (let minute = 0; minute < 59; minute += 1) {
      clock.advance(1 * minutes)
      expect(await role.get(700)).toBe(first)
    }
    clock.advance(59 * seconds)
    expect(await role.get(700)).toBe(first)
    clock.advance(1 * seconds)

    await expect(role.get(700)).rejects.toBe(offline)
  })

  it("serves what is left until 60 s before its end when AWS refuses the renewal", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get()
    fetch.mockRejectedValue(denied)

    clock.advance(58 * minutes + 59 * seconds)
    expect(await role.get(700)).toBe(first)
    clock.advance(1 * seconds)

    await expect(role.get(700)).rejects.toBe(denied)
  })

  it("remembers a refusal for 60 s and asks again after it", async () => {
    const { clock, fetch, role } = setup()
    fetch.mockRejectedValue(denied)

    for (let second = 0; second < 60; second += 1) {
      await expect(role.get(700)).rejects.toBe(denied)
      clock.advance(1 * seconds)
    }
    expect(fetch).toHaveBeenCalledTimes(1)
    await expect(role.get(700)).rejects.toBe(denied)

    expect(fetch).toHaveBeenCalledTimes(2)
  })

  it("asks at once again after retry(): a login has taken the reason away", async () => {
    const { fetch, role } = setup()
    fetch.mockRejectedValueOnce(denied)
    await expect(role.get()).rejects.toBe(denied)

    role.retry()

    await expect(role.get()).resolves.toBeDefined()
  })

  it("waits longer after each failure, up to 20 s, and honours Retry-After", async () => {
    const { clock, fetch, role } = setup()
    fetch.mockRejectedValue(offline)
    const askedAt: number[] = []
    const start = clock.now()
    fetch.mockImplementation(async () => {
      askedAt.push((clock.now() - start) / seconds)
      throw askedAt.length === 7
        ? serviceUnavailable("STS", "eu-west-1", "throttled", { retryAfterMs: 40_000 })
        : offline
    })

    for (let second = 0; second < 130; second += 1) {
      await role.get(700).catch(() => undefined)
      clock.advance(1 * seconds)
    }

    expect(askedAt).toEqual([0, 1, 3, 7, 15, 31, 51, 91, 111])
  })

  it("stops waiting after 700 ms, and the renewal goes on for the next caller", async () => {
    const { clock, fetch, role } = setup()
    const answers: ((credentials: Credentials) => void)[] = []
    fetch.mockImplementation(() => new Promise((resolve) => answers.push(resolve)))

    const impatient = role.get(700)
    clock.advance(700)
    await expect(impatient).rejects.toMatchObject({ code: "Unavailable" })
    const next = role.get(700)
    answers[0]?.(someCredentials(clock.now() + 1 * hours))

    await expect(next).resolves.toBeDefined()
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it("asks anew for what has changed below while it asks, and once where it does not", async () => {
    const { clock, fetch, role } = setup()
    const answers: ((credentials: Credentials) => void)[] = []
    fetch.mockImplementation(() => new Promise((resolve) => answers.push(resolve)))
    const [before, after] = [someCredentials(clock.now() + 1 * hours), someCredentials(clock.now() + 2 * hours)]

    const [first, second] = [role.renew(), role.renewAnew()]
    answers[0]?.(before)
    expect(await first).toBe(before)
    await vi.waitFor(() => expect(answers).toHaveLength(2))
    answers[1]?.(after)

    expect(await second).toBe(after)
    expect(await role.get()).toBe(after)
    const third = role.renewAnew()
    await vi.waitFor(() => expect(answers).toHaveLength(3))
    answers[2]?.(before)
    expect(await third).toBe(before)
  })

  it("does not take credentials that have ended for a renewal", async () => {
    const { clock, fetch, role } = setup()
    fetch.mockImplementation(async () => someCredentials(clock.now() - 1 * seconds))

    await expect(role.get()).rejects.toMatchObject({ code: "Unavailable" })
  })

  it("does not renew 15 minute credentials on every call", async () => {
    const { clock, fetch, role } = setup(15 * minutes)
    await role.get()

    for (let second = 0; second < 5 * 60; second += 1) {
      clock.advance(1 * seconds)
      await role.get()
    }

    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it("asks again when the clock went back past a refusal", async () => {
    const { clock, fetch, role } = setup()
    fetch.mockRejectedValueOnce(denied)
    await expect(role.get()).rejects.toBe(denied)

    clock.jump(-3 * hours)

    await expect(role.get()).resolves.toBeDefined()
  })

  test.prop([
    fc.array(
      fc.record({
        waitMs: fc.integer({ min: 0, max: 20 * minutes }),
        outcome: fc.constantFrom("ok", "offline", "denied"),
      }),
      { maxLength: 60 },
    ),
  ])("never hands out ended credentials, and never fails while some live longer than 60 s", async (steps) => {
    const { clock, fetch, role } = setup()
    for (const { waitMs, outcome } of steps) {
      clock.advance(waitMs)
      fetch.mockImplementation(async () => {
        if (outcome === "ok") return someCredentials(clock.now() + 1 * hours)
        throw outcome === "offline" ? offline : denied
      })
      const heldMs = (role.held()?.expiration ?? 0) - clock.now()
      const served = await role.get(700).catch(() => undefined)
      await settled()

      if (served !== undefined) expect(served.expiration).toBeGreaterThan(clock.now())
      if (heldMs > 60 * seconds) expect(served).toBeDefined()
    }
  })
})

describe("callers who want 25 minutes left, as instance metadata's do", () => {
  const wanted = 25 * minutes

  it("get no less while AWS answers, whenever they ask, and hardly ever wait for it", async () => {
    const { clock, fetch, role } = setup()
    let waits = 0
    fetch.mockImplementation(async () => {
      waits += 1
      return someCredentials(clock.now() + 1 * hours)
    })
    await role.get(700, wanted)
    waits = 0

    for (let minute = 0; minute < 600; minute += 1) {
      // The pulse, twice a minute.
      role.renewIfDue()
      await settled()
      clock.advance(30 * seconds)
      role.renewIfDue()
      await settled()
      clock.advance(30 * seconds)
      const before = waits
      const held = await role.get(700, wanted)
      expect(held.expiration - clock.now()).toBeGreaterThan(wanted)
      expect(waits).toBe(before)
    }
    expect(waits).toBeLessThan(22)
  })

  it("have the renewal begun behind them even when the pulse has slept", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get(700, wanted)
    clock.advance(34.75 * minutes)

    expect(await role.get(700, wanted)).toBe(first)
    await settled()
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  it("wait for AWS below that, and are not served less when it refuses", async () => {
    const { clock, fetch, role } = setup()
    await role.get(700, wanted)
    clock.advance(36 * minutes)
    fetch.mockRejectedValueOnce(denied)

    await expect(role.get(700, wanted)).rejects.toBe(denied)
    // Others are: their SDKs do not stretch it.
    expect((await role.get(700)).expiration).toBeGreaterThan(clock.now())
  })

  it("are served what is left when AWS cannot be reached, to its end", async () => {
    const { clock, fetch, role } = setup()
    const first = await role.get(700, wanted)
    fetch.mockRejectedValue(offline)

    clock.advance(59 * minutes)
    expect(await role.get(700, wanted)).toBe(first)
    clock.advance(1 * minutes)
    await expect(role.get(700, wanted)).rejects.toBe(offline)
  })

  test.prop([fc.integer({ min: 31, max: 720 }), fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 40 })])(
    "get more than that from a role of %i minutes, at whatever times they ask",
    async (life, pauses) => {
      const { clock, fetch, role } = setup(life * minutes)
      for (const pause of pauses) {
        expect((await role.get(700, wanted)).expiration - clock.now()).toBeGreaterThan(wanted)
        clock.advance(pause * minutes)
      }
      expect(fetch.mock.calls.length).toBeLessThanOrEqual(2 * pauses.length + 1)
    },
  )
})
