import { describe, expect, it } from "vitest"
import { codeBook, currentCode, nextUnusedCode, stepMs } from "./totp.ts"

// The secret of RFC 6238's appendix B, "12345678901234567890".
const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
const now = 1_111_111_109_000
const step = Math.floor(now / stepMs)

describe(currentCode.name, () => {
  // RFC 6238, appendix B, SHA-1, last six of the eight digits.
  it.each([
    [59, "287082"],
    [1_111_111_109, "081804"],
    [2_000_000_000, "279037"],
  ])("at second %d is %s", (second, code) => {
    expect(currentCode(secret, second * 1_000)).toBe(code)
  })
})

describe(codeBook.name, () => {
  it.each([
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ])("of a code %d steps away says %s", (steps, isTaken) => {
    const code = currentCode(secret, now + steps * stepMs)

    expect(codeBook().take("serial", secret, code, now)).toBe(isTaken)
  })

  it("takes a code once from each device", () => {
    const codes = codeBook()
    const code = currentCode(secret, now)

    expect(codes.take("first", secret, code, now)).toBe(true)
    expect(codes.take("first", secret, code, now + stepMs)).toBe(false)
    expect(codes.take("second", secret, code, now)).toBe(true)
  })
})

describe(nextUnusedCode.name, () => {
  it("is the current one while that is unused", () => {
    expect(nextUnusedCode(secret, now, () => false)).toEqual({ code: currentCode(secret, now), waitMs: 0 })
  })

  it("is taken at once when it is a step ahead, and after a wait when it is further", () => {
    const before = (free: number) => nextUnusedCode(secret, now, (each) => each < step + free)

    expect(before(1)).toEqual({ code: currentCode(secret, now + stepMs), waitMs: 0 })
    expect(before(2)).toEqual({ code: currentCode(secret, now + 2 * stepMs), waitMs: (step + 1) * stepMs - now })
    expect(codeBook().take("serial", secret, before(2).code, now + before(2).waitMs)).toBe(true)
  })
})
