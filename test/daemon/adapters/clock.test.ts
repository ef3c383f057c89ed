import { describe, expect, it } from "vitest"
import { systemClock } from "../../../daemon/adapters/clock.ts"
import { hours, minutes, seconds } from "../../fakes/clock.ts"

const start = Date.parse("2026-11-23T10:00:00Z")

function setup(wrongByMs = 0) {
  let [wall, steady] = [start + wrongByMs, 5_000]
  const clock = systemClock({ wall: () => wall, steady: () => steady })
  return {
    clock,
    /** Time goes by. */
    pass(ms: number) {
      wall += ms
      steady += ms
    },
    /** The machine sleeps: its steady clock stands still. */
    sleep(ms: number) {
      wall += ms
    },
    /** Somebody sets the date. */
    set(byMs: number) {
      wall += byMs
    },
    aws: (at: number) => clock.timeCall()(new Date(at).toUTCString()),
  }
}

describe(systemClock.name, () => {
  it("is in doubt until AWS has told the time", () => {
    const { clock, aws } = setup()
    expect(clock.isDoubtful()).toBe(true)

    aws(start)

    expect(clock.isDoubtful()).toBe(false)
    expect(clock.offsetMs()).toBe(0)
  })

  it.each([20 * minutes, -20 * minutes, 26 * hours])(
    "reckons in AWS's time when the machine is %d ms off",
    (wrongByMs) => {
      const { clock, aws, pass } = setup(wrongByMs)

      aws(start)
      pass(5 * seconds)

      expect(Math.abs(clock.now() - start - 5 * seconds)).toBeLessThan(2_000)
    },
  )

  it("goes on after a sleep, and asks whether it was one", () => {
    const { clock, aws, sleep } = setup()
    aws(start)

    sleep(8 * hours)

    expect(clock.now()).toBe(start + 8 * hours)
    expect(clock.isDoubtful()).toBe(true)
  })

  it("never goes back: what was served as ended is not served again", () => {
    const { clock, aws, pass, set } = setup()
    aws(start)
    pass(1 * minutes)

    set(-3 * hours)

    expect(clock.now()).toBe(start + 1 * minutes)
    expect(clock.isDoubtful()).toBe(true)
    expect(clock.offsetMs()).toBe(3 * hours)
  })

  it("is mended by AWS after the clock was set forward", () => {
    const { clock, aws, set } = setup()
    aws(start)
    set(3 * hours)
    expect(clock.now()).toBe(start + 3 * hours)

    aws(start)

    expect(Math.abs(clock.now() - start)).toBeLessThan(2_000)
    expect(clock.isDoubtful()).toBe(false)
  })

  it.each([1 * hours, -1 * hours])("does not believe an answer during which the clock went %d ms", (byMs) => {
    const { clock, aws, set } = setup()
    aws(start)
    const told = clock.timeCall()
    set(byMs)
    const then = clock.now()

    // It was on its way all the time: AWS wrote it before.
    told(new Date(start).toUTCString())

    expect(clock.now()).toBe(then)
    expect(clock.isDoubtful()).toBe(true)
  })

  it("does not mind time that only passes, or a date that is none", () => {
    const { clock, aws, pass } = setup()
    aws(start)

    for (let hour = 0; hour < 100; hour += 1) pass(1 * hours)
    clock.timeCall()("some day")

    expect(clock.isDoubtful()).toBe(false)
    expect(clock.now()).toBe(start + 100 * hours)
  })
})
