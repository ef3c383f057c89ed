import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { lockRecord } from "../../../daemon/adapters/lock-record.ts"

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credd-locked-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const locked = { sessions: [{ sourceProfile: "acme", startedAt: 1_000 }], leases: ["0123456789abcdef"] }
const nothing = { sessions: [], leases: [] }

describe(lockRecord.name, () => {
  it("remembers the last lock, and nobody else can read it", async () => {
    await lockRecord(folder).write(nothing)
    await lockRecord(folder).write(locked)

    expect(lockRecord(folder).read()).toEqual(locked)
    expect(readdirSync(folder)).toEqual(["locked.json"])
    expect(statSync(join(folder, "locked.json")).mode & 0o777).toBe(0o600)
  })

  it.each(["", "{", "[]", '{"sessions":[1],"leases":[]}'])("takes %j for no lock at all", async (text) => {
    writeFileSync(join(folder, "locked.json"), text)

    expect(lockRecord(folder).read()).toEqual(nothing)
  })

  it("does not wait for what is no file", () => {
    execFileSync("mkfifo", [join(folder, "locked.json")])

    expect(lockRecord(folder).read()).toEqual(nothing)
  })
})
