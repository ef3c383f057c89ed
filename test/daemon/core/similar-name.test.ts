import { describe, expect, it } from "vitest"
import { similarName } from "../../../daemon/core/similar-name.ts"

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
