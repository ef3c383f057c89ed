import { execFileSync, spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { freeCommand, helperFlags, noSuchProgram } from "../../../daemon/adapters/child-command.ts"

const env = { ...process.env, NODE_OPTIONS: "--permission" }

describe("freeCommand", () => {
  it("runs a program as it is where node leaves children alone", () => {
    expect(freeCommand("op", ["read"], false)).toEqual(["op", ["read"]])
    expect(helperFlags(false)).toEqual([])
  })

  it("takes our walls off a program that is not ours", () => {
    const out = execFileSync(...freeCommand("sh", ["-c", 'echo "[$NODE_OPTIONS] $1"', "sh", "a b"], true), { env })

    expect(String(out)).toBe("[] a b\n")
  })

  it("still tells that there is no such program", () => {
    const { status } = spawnSync(...freeCommand("no-such-program", [], true), { env })

    expect(status).toBe(noSuchProgram)
  })
})
