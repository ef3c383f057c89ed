import { describe, expect, it } from "vitest"
import type { ProfileStatus, Status } from "../../daemon/api.ts"
import { controlServer } from "./control-server.ts"
import { credd, endpointFiles, refuse, statusAnswer, type Handlers } from "./fake-context.ts"
import { runCredd } from "./real-process.ts"

const uri = (name: string): string => `http://127.0.0.1:9912/credentials/${encodeURIComponent(name)}`
const answer: Status = statusAnswer({
  sessions: [
    {
      sourceProfile: "acme",
      state: "signed-in",
      arn: "arn:aws:iam::123456789012:user/some/very/long/path/that/does/not/end/alice",
      expiration: "2026-11-23T16:12:00Z",
    },
    { sourceProfile: "other", state: "expired", expiration: "2026-11-23T08:00:00Z" },
  ],
  profiles: [
    { name: "acme", kind: "session", sourceProfile: "acme", state: "ready", expiration: "2026-11-23T16:12:00Z", fullUri: uri("acme") },
    { name: "dev", kind: "role", sourceProfile: "acme", state: "ready", expiration: "2026-11-23T10:09:00Z", fullUri: uri("dev") },
    { name: "idle", kind: "role", sourceProfile: "acme", state: "idle", fullUri: uri("idle") },
    { name: "out", kind: "role", sourceProfile: "other", state: "login-required", fullUri: uri("out") },
    { name: "no", kind: "role", sourceProfile: "acme", state: "refused", reason: `AWS refused it ${"x".repeat(100)}`, fullUri: uri("no") },
    { name: "a-profile-with-a-name-that-is-much-too-long-for-a-terminal", kind: "unsupported", state: "unsupported", reason: "credential_source is for EC2", fullUri: "" },
  ],
  warnings: ["the session could not be kept"],
}) // prettier-ignore
const daemon: Handlers = {
  "GET /status": () => answer,
  "GET /session"({ profile }) {
    const found = answer.profiles.find(({ name }) => name === profile)
    const session = answer.sessions.find(({ sourceProfile }) => sourceProfile === found?.sourceProfile)
    if (session === undefined) return refuse({ code: "ProfileNotFound", message: `profile "${profile}" is not known` })
    return { profile, ...session }
  },
}

const made = (name: string): ProfileStatus => ({
  name,
  kind: "unsupported",
  state: "unsupported",
  reason: "x",
  fullUri: "",
})

describe("credd status", () => {
  it("shows the daemon, the sessions, the profiles and the warnings", async () => {
    const { status, stdout } = await credd(["status"], { daemon })

    expect(status).toBe(0)
    expect(stdout).toMatchInlineSnapshot(`
      "credd 0.1.0  http://127.0.0.1:9912  store: file  pid 4711

      sessions
        acme                        ██████░░░░  6h12m   arn:aws:iam::123456789012:use…
        other                       expired     run: credd login other

      profiles
        acme                        ██████░░░░  6h12m   session
        dev                         ██░░░░░░░░  9m      role
        idle                        fetched at the first request
        out                         login required
        no                          AWS refused it xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
        a-profile-with-a-name-tha…  unsupported: credential_source is for EC2

      warning: the session could not be kept
      "
    `)
  })

  it("keeps its columns where letters take two of them, or none", async () => {
    const names = ["開発", "de\u0301v", "한국어", "dev"]
    const profiles = names.map(
      (name) => ({ name, kind: "role", sourceProfile: "acme", state: "idle", fullUri: uri(name) }) as const,
    )

    const { stdout } = await credd(["status"], { daemon: { "GET /status": () => ({ ...answer, profiles }) } })

    expect(stdout.slice(stdout.indexOf("profiles"), stdout.indexOf("\n\nwarning"))).toBe(
      `profiles
  開発      fetched at the first request
  de\u0301v       fetched at the first request
  한국어    fetched at the first request
  dev       fetched at the first request`,
    )
  })

  it("leaves out the profiles that credd process --setup has made, and no others", async () => {
    const profiles = [...answer.profiles, made("credd-dev"), made("credd-nothing-of-ours")]
    const withMade: Handlers = { "GET /status": () => ({ ...answer, profiles }) }

    const page = await credd(["status"], { daemon: withMade })
    const words = await credd(["status"], { daemon: withMade, env: { CREDD_PLAIN: "1" } })
    const json = await credd(["status", "--json"], { daemon: withMade })

    for (const { stdout } of [page, words]) {
      expect(stdout).not.toContain("credd-dev")
      expect(stdout).toContain("credd-nothing-of-ours".slice(0, 20))
    }
    expect(JSON.parse(json.stdout).profiles).toHaveLength(profiles.length)
  })

  it.each([40, 60, 80, 200])("keeps to %i columns", async (columns) => {
    const { stdout } = await credd(["status"], { daemon, columns })

    const longest = Math.max(...(stdout.split("warning")[0] ?? "").split("\n").map((line) => line.length))
    expect(longest).toBeLessThanOrEqual(columns)
  })

  it.each([
    [true, {}, true],
    [true, { NO_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
    [false, {}, false],
  ])("paints on a terminal (%j) with %j: %j", async (isTerminal, env, painted) => {
    const { stdout } = await credd(["status"], { daemon, env, isTerminal })

    expect(stdout.includes("\u001b[")).toBe(painted)
  })

  it("prints the daemon's answer as JSON", async () => {
    const { stdout } = await credd(["status", "--json"], { daemon, isTerminal: true })

    expect(JSON.parse(stdout)).toEqual(answer)
  })

  it.each([
    ["the default profile", {}, "dev 6h12m\n"],
    ["AWS_PROFILE", { AWS_PROFILE: "out" }, "out expired\n"],
    ["what this shell asks for", { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri("idle") }, "idle 6h12m\n"],
    ["nothing it knows", { AWS_PROFILE: "gone" }, "-\n"],
    [
      "a full URI that is not credd's",
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:9912/x/%" },
      "dev 6h12m\n",
    ],
  ])("is one short line for %s", async (_, env, line) => {
    const { stdout } = await credd(["status", "--short"], {
      daemon,
      env,
      files: endpointFiles({ dev: {}, out: {} }, "dev"),
    })

    expect(stdout).toBe(line)
  })

  it("draws over itself while it watches, and waits for a daemon that went away", async () => {
    let calls = 0
    const changing: Handlers = {
      "GET /status"() {
        calls += 1
        if (calls === 2) return refuse({ code: "DaemonNotRunning", message: "the credd daemon is not running" })
        return statusAnswer({ warnings: [`page ${calls}`] })
      },
    }

    const { status, stdout } = await credd(["status", "--watch"], { daemon: changing, isTerminal: true, pauses: 2 })

    expect(status).toBe(130)
    const [first = "", second = "", third = ""] = stdout.split(/.\[\d+A\r/)
    const up = [...stdout.matchAll(/\[(\d+)A\r/g)].map(([, lines]) => Number(lines))
    expect(first).toContain("page 1")
    expect(second).toBe("the credd daemon is not running; waiting for it\u001b[K\n\u001b[J")
    expect(third).toContain("page 3")
    expect(up).toEqual([first.split("\n").length - 1, 1])
  })

  it("keeps to the terminal's height while it watches", async () => {
    const { stdout } = await credd(["status", "--watch"], { daemon, isTerminal: true, rows: 6, pauses: 0 })

    expect(stdout.split("\n").length - 1).toBe(5)
    expect(stdout).toMatch(/… \d+ more lines/)
  })

  it.each([
    [["--watch"], false, "needs a terminal"],
    [["--watch", "--json"], true, "exclude each other"],
    [["--short", "--json"], true, "exclude each other"],
  ])("refuses %j", async (flags, isTerminal, why) => {
    const { status, stderr } = await credd(["status", ...flags], { daemon, isTerminal })

    expect(status).toBe(2)
    expect(stderr).toContain(why)
  })

  it("shows what the config file asks for and STS would not give", async () => {
    const notes = ["duration_seconds 43200 is taken as 3600"]
    const profiles = answer.profiles.map((profile) => (profile.kind === "role" ? { ...profile, notes } : profile))
    const { stdout } = await credd(["status"], {
      daemon: { "GET /status": () => ({ ...answer, profiles }) },
      columns: 120,
    })

    expect(stdout).toMatch(/dev .* role; duration_seconds 43200 is taken as 3600/)
    expect(stdout).toMatch(/idle .*fetched at the first request; duration_seconds/)
  })

  it("says how to begin where there is nothing yet", async () => {
    const { stdout } = await credd(["status"], { daemon: { "GET /status": () => statusAnswer() } })

    expect(stdout).toContain("run: credd add PROFILE")
  })

  it("names the store's trouble", async () => {
    const { daemon: d } = statusAnswer()
    const locked = statusAnswer({ daemon: { ...d, storeState: "locked" } })

    expect((await credd(["status"], { daemon: { "GET /status": () => locked } })).stdout).toContain(
      "store: file (locked)",
    )
  })

  it("works as a real process", async () => {
    const { home } = await controlServer(() => ({ body: answer }))

    const { status, stdout } = await runCredd(["status", "--json"], { env: { CREDD_HOME: home } })

    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual(answer)
  })

  it("ends with 3 when no daemon runs, as a real process", async () => {
    const { status, stdout, stderr } = await runCredd(["status"], { env: { CREDD_HOME: "/nonexistent" } })

    expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
    expect(stderr).toBe(
      "credd: error: the credd daemon is not running\ncredd: hint: run: credd service install   (or, in the foreground: credd daemon)\n",
    )
  })
})
