/** Guessing a token by how long its refusal takes: there is nothing in it that is compared byte by byte. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { fakeLeases } from "../fakes/leases.ts"

const source = readFileSync(new URL("../../daemon/core/leases.ts", import.meta.url), "utf8")

describe("the look-up of a token", () => {
  it("is by the hash of the whole of it: no part of what a caller brings is ever compared with a token", () => {
    const verify = /\n {4}verify\(authorization\) \{\n([^]*?)\n {4}\},/.exec(source)?.[1] ?? ""
    const uses = verify.split("\n").filter((line) => line.includes("authorization"))

    expect(uses.map((line) => line.trim())).toEqual([
      'if (authorization === undefined || authorization === "") throw tokenMissing()',
      "const entry = byHash.get(sha256(bareToken(authorization)))",
    ])
    // Nor is there a token to compare with: what is kept is its hash.
    expect(source).not.toMatch(/token\w* === (?!undefined)|=== \w*[tT]oken\b/)
  })

  it("finds nothing for a token that differs in one place, whichever it is", async () => {
    const { leases, mint } = fakeLeases()
    const { token } = await mint({})

    for (let i = 0; i < token.length; i += 1) {
      const wrong = `${token.slice(0, i)}${token[i] === "A" ? "B" : "A"}${token.slice(i + 1)}`
      expect(() => leases.verify(wrong)).toThrow("the authorization token is not valid")
    }
    expect(leases.verify(token).name).toBe("shell")
  })

  it("makes 100,000 tokens of 256 bits, none of them twice", () => {
    const { leases } = fakeLeases()
    const made = new Set<string>()
    for (let i = 0; i < 100_000; i += 1) {
      made.add(leases.draft({ name: "shell", profiles: ["*"], scope: { kind: "whole" } }, true).token.reveal())
    }

    expect(made.size).toBe(100_000)
    for (const token of [...made].slice(0, 100)) expect(Buffer.from(token, "base64url")).toHaveLength(32)
  })
})
