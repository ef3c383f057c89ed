import { describe, expect, it } from "vitest"
import { hashOf } from "../../daemon/audit-trail.ts"
import { credd, home, refuse } from "./fake-context.ts"

const folder = `${home}/audit`
const peer = { uid: 1000, pid: 4711, executable: "/usr/bin/python3", directory: "/home/alice/app" }
const served = {
  time: "2026-11-23T09:59:00.000Z",
  event: "served",
  outcome: "ok",
  via: "endpoint",
  profile: "dev",
  lease: "shell",
  keyId: "ASIAEXAMPLE000000001",
  expiration: "2026-11-23T10:58:00Z",
  peer,
}
const entries = [
  { time: "2026-11-20T08:00:00.000Z", event: "started", outcome: "ok", pid: 1 },
  { time: "2026-11-23T08:00:00.000Z", event: "login", outcome: "MfaCodeRejected", profile: "acme" },
  { ...served, lease: "agent", leaseId: "a1", peer: { uid: 0 } },
  served,
  { time: "2026-11-23T09:59:30.000Z", event: "refused", outcome: "TokenRejected", via: "imds", more: 12 },
]

/** The trail's files, `perFile` lines each. */
function trail(facts: readonly object[] = entries, perFile = 3): Record<string, string> {
  let prev = "0".repeat(64)
  const files: Record<string, string> = {}
  facts.forEach((entry, i) => {
    const line = JSON.stringify({ seq: i + 1, ...entry, prev })
    prev = hashOf(line)
    const name = `${folder}/audit-${String(Math.floor(i / perFile) + 1).padStart(6, "0")}.jsonl`
    files[name] = `${files[name] ?? ""}${line}\n`
  })
  return files
}
const headOf = (files: Readonly<Record<string, string>>): { seq: number; hash: string } => {
  const last = Object.values(files).join("").trimEnd().split("\n").at(-1) ?? ""
  return { seq: (JSON.parse(last) as { seq: number }).seq, hash: hashOf(last) }
}

describe("credd audit", () => {
  it("says who took what in the last day, without asking the daemon", async () => {
    const { status, stdout, stderr, calls } = await credd(["audit"], { files: trail(), daemon: "not running" })

    expect({ status, stderr, calls }).toEqual({ status: 0, stderr: "", calls: [] })
    expect(stdout).toBe(
      [
        "2026-11-23 08:00:00Z  login     MfaCodeRejected  acme",
        "2026-11-23 09:59:00Z  served    dev to agent; ASIAEXAMPLE000000001, 59m left; a process of user 0",
        "2026-11-23 09:59:00Z  served    dev to shell; ASIAEXAMPLE000000001, 59m left; pid 4711 /usr/bin/python3 in /home/alice/app",
        "2026-11-23 09:59:30Z  refused   TokenRejected  by imds; more: 12",
        "",
      ].join("\n"),
    )
  })

  it.each([
    [["--since", "5m"], 3],
    [["--since", "30d"], 5],
    [["--lease", "agent"], 1],
    [["--lease", "a1"], 1],
    [["--lease", "nobody"], 0],
  ])("narrows by %j to %d lines", async (flags, count) => {
    const { stdout } = await credd(["audit", ...flags], { files: trail() })

    expect(stdout.split("\n").filter(Boolean)).toHaveLength(count)
  })

  it("prints the lines as they are for --json", async () => {
    const files = trail()

    const { stdout } = await credd(["audit", "--json", "--since", "30d"], { files })

    expect(stdout).toBe(Object.values(files).join(""))
  })

  it("follows into lines and files that come later, each line once", async () => {
    const files = trail()
    const [first, second] = Object.entries(files)
    let pauses = 0
    const outcome = await credd(["audit", "--follow", "--json", "--since", "30d"], {
      files: { [first![0]]: first![1].slice(0, -10) },
      pauses: 2,
      onPause: (held) => {
        pauses += 1
        if (pauses === 1) held.set(first![0], Buffer.from(first![1]))
        else held.set(second![0], Buffer.from(second![1]))
      },
    })

    expect(outcome.stdout).toBe(Object.values(files).join(""))
    expect(outcome.status).toBe(130)
  })

  it("lets no caller write to the terminal", async () => {
    const files = trail([{ ...served, peer: { ...peer, directory: "/tmp/\u001b]0;pwned\u0007\u009b31m\u202e" } }])

    const { stdout } = await credd(["audit"], { files })

    // oxlint-disable-next-line no-control-regex -- that is what it looks for
    expect(stdout.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
  })

  it("shows nothing where there is no record yet", async () => {
    expect(await credd(["audit"])).toMatchObject({ status: 0, stdout: "" })
  })

  it.each([
    [["--since", "yesterday"], '"yesterday" is not a time span'],
    [["--verify", "--follow"], "--verify checks the whole record"],
  ])("refuses %j", async (flags, why) => {
    const { status, stderr } = await credd(["audit", ...flags])

    expect(status).toBe(2)
    expect(stderr).toContain(why)
  })
})

describe("credd audit --verify", () => {
  it("says that the record is whole, by what the daemon remembers of it", async () => {
    const files = trail()

    const { status, stdout, stderr } = await credd(["audit", "--verify"], {
      files,
      daemon: { "GET /audit": () => headOf(files) },
    })

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    expect(stdout).toBe("5 lines in 2 files, 2026-11-20T08:00:00.000Z to 2026-11-23T09:59:30.000Z: whole\n")
  })

  it("counts one as one", async () => {
    const files = trail(entries.slice(0, 1))

    const { stdout } = await credd(["audit", "--verify"], { files, daemon: { "GET /audit": () => headOf(files) } })

    expect(stdout).toMatch(/^1 line in 1 file, /)
  })

  it("names the file and line of a change, and ends with 1", async () => {
    const files = trail()
    const name = Object.keys(files)[0]!
    const daemon = { "GET /audit": () => headOf(trail()) }
    files[name] = files[name]!.replace("agent", "shell")

    const { status, stdout } = await credd(["audit", "--verify"], { files, daemon })
    const json = await credd(["audit", "--verify", "--json"], { files, daemon })

    expect(status).toBe(1)
    expect(stdout).toContain("damaged: audit-000002.jsonl:1: line 3, before this one, is not as it was written")
    expect(JSON.parse(json.stdout)).toMatchObject({ isWhole: false, lines: 5, findings: [{ isHarmless: false }] })
  })

  it("finds a record that was written anew from end to end: the daemon remembers another", async () => {
    const { status, stdout } = await credd(["audit", "--verify"], {
      files: trail(entries.map((entry) => ({ ...entry, profile: "other" }))),
      daemon: { "GET /audit": () => headOf(trail()) },
    })

    expect(status).toBe(1)
    expect(stdout).toContain("line 5 is not as it was written")
  })

  it("finds lines cut off at the end, by the daemon or by head.json", async () => {
    const whole = trail()
    const cut = trail(entries.slice(0, 3))
    const kept = { ...cut, [`${folder}/head.json`]: JSON.stringify(headOf(whole)) }

    const asked = await credd(["audit", "--verify"], { files: cut, daemon: { "GET /audit": () => headOf(whole) } })
    const alone = await credd(["audit", "--verify"], { files: kept, daemon: "not running" })

    expect(asked).toMatchObject({ status: 1, stdout: expect.stringContaining("lines 4 to 5 are missing") })
    expect(alone).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("lines 4 to 5 are missing"),
      stderr: expect.stringContaining("the daemon is not running"),
    })
  })

  it("says what the daemon cannot write just now", async () => {
    const files = trail()
    const daemon = { "GET /audit": () => ({ ...headOf(files), problem: "the audit log cannot be written" }) }

    expect(await credd(["audit", "--verify"], { files, daemon })).toMatchObject({
      status: 0,
      stderr: "credd: warning: the audit log cannot be written\n",
    })
  })

  it("does not take an answer that is none for a daemon that is not there", async () => {
    const daemon = { "GET /audit": () => refuse({ code: "Internal", message: "no" }) }

    expect(await credd(["audit", "--verify"], { files: trail(), daemon })).toMatchObject({ status: 1, stdout: "" })
  })
})
