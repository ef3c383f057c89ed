import { expect, describe, it } from "vitest"
import { calmRefusals } from "../../../daemon/core/calm-refusals.ts"
import { fakeAudit } from "../../fakes/audit.ts"
import { fakeClock, seconds } from "../../fakes/clock.ts"

function setup() {
  const clock = fakeClock()
  const inner = fakeAudit()
  const audit = calmRefusals(inner, clock)
  const refuse = (count: number, more = {}): void => {
    for (let i = 0; i < count; i += 1) audit.record("refused", { outcome: "TokenRejected", via: "endpoint", ...more })
  }
  return { clock, lines: inner.lines, audit, refuse }
}

describe(calmRefusals.name, () => {
  it("gives the first 20 of a kind in a minute a line each, and the rest a line together", () => {
    const { clock, lines, refuse } = setup()

    refuse(100_000)
    expect(lines).toHaveLength(20)
    clock.advance(60 * seconds)

    expect(lines.slice(20)).toEqual([
      {
        event: "refused",
        facts: { outcome: "TokenRejected", via: "endpoint", more: 99_980, since: "2026-11-23T10:00:00Z" },
      },
    ])
  })

  it("keeps kinds apart, and begins anew after a minute", () => {
    const { clock, lines, refuse } = setup()

    refuse(30)
    refuse(5, { outcome: "HostRejected" })
    refuse(5, { via: "imds" })
    clock.advance(60 * seconds)
    refuse(5)

    expect(lines).toHaveLength(20 + 5 + 5 + 1 + 5)
  })

  it("gives each refusal of a caller with a token, and each hand-out, its line", () => {
    const { lines, audit, refuse } = setup()

    refuse(50, { lease: "agent" })
    for (let i = 0; i < 50; i += 1) audit.record("served", { outcome: "ok" })

    expect(lines).toHaveLength(100)
  })

  it("writes down what it has counted when it is closed", () => {
    const { clock, lines, audit, refuse } = setup()
    refuse(21)

    audit.close()
    clock.advance(60 * seconds)

    expect(lines.at(-1)?.facts).toMatchObject({ more: 1 })
    expect(lines).toHaveLength(21)
  })
})
