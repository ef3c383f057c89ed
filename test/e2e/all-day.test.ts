// A working day with the real daemon: sleep, wrong clocks, roles that change their mind, edited files, a warning in time.
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { hours, minutes } from "../fakes/clock.ts"
import { exampleWorld } from "../sandbox/world.ts"
import { accessKeyLines, fetchCredentials, install, signIn, type Installation } from "../support/daemon.ts"
import { machineClock } from "../support/faketime.ts"

const config = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
duration_seconds = 43200
[profile audit]
role_arn = arn:aws:iam::210987654321:role/auditor
source_profile = dev
external_id = unique-id
[profile denied]
role_arn = arn:aws:iam::210987654321:role/auditor
source_profile = acme
external_id = another-id
`

/** A machine and an AWS whose clocks a test sets. */
async function machine({ machineMs = 0, maxMfaAgeSeconds }: { machineMs?: number; maxMfaAgeSeconds?: number } = {}) {
  const clock = machineClock()
  clock.set(machineMs)
  let awsMs = 0
  const [developer, ...others] = exampleWorld.roles
  const trust = { ...developer?.trust, ...(maxMfaAgeSeconds === undefined ? {} : { maxMfaAgeSeconds }) }
  const world = { ...exampleWorld, roles: [{ arn: developer?.arn ?? "", trust }, ...others] }
  const box = await install(clock.env, config, { world, now: () => Date.now() + awsMs })
  await box.start()
  await signIn(box)
  await fetchCredentials(box, "dev")
  return {
    box,
    setClock: clock.set,
    sleep(ms: number) {
      awsMs = ms
      clock.set(ms)
    },
    awsNow: () => Date.now() + awsMs,
  }
}

async function profileOf({ run }: Installation, name: string): Promise<Record<string, unknown> | undefined> {
  const { profiles } = JSON.parse((await run(["status", "--json"])).stdout) as { profiles: Record<string, unknown>[] }
  return profiles.find((profile) => profile["name"] === name)
}

describe("a machine that sleeps", () => {
  it.each([5 * minutes, 50 * minutes, 5 * hours])("for %d ms serves what lives when it wakes", async (ms) => {
    const { box, sleep, awsNow } = await machine()

    sleep(ms)

    const { status, body } = await fetchCredentials(box, "dev")
    expect(status).toBe(200)
    expect(Date.parse(body["Expiration"] ?? "") - awsNow()).toBeGreaterThan(15 * minutes)
    expect(await fetchCredentials(box, "acme")).toMatchObject({ status: 200 })
  })

  it("past the end of its session asks for a login", async () => {
    const { box, sleep } = await machine()

    sleep(13 * hours)

    for (const name of ["acme", "dev"]) {
      expect(await fetchCredentials(box, name)).toMatchObject({ status: 403, body: { Code: "SessionExpired" } })
    }
    expect((await box.run(["status"])).stdout).toContain("expired     run: credd login acme")
  })
})

describe("a machine whose clock is wrong", () => {
  it.each([20 * minutes, -20 * minutes, 26 * hours])("by %d ms is served as any other", async (machineMs) => {
    const { box, awsNow } = await machine({ machineMs })

    const { status, body } = await fetchCredentials(box, "audit")

    expect(status).toBe(200)
    const leftMs = Date.parse(body["Expiration"] ?? "") - awsNow()
    expect(Math.abs(leftMs - 1 * hours)).toBeLessThan(1 * minutes)
  })

  it.each([3 * hours, -3 * hours, 14 * hours])("because somebody set it by %d ms goes on being served", async (ms) => {
    const { box, setClock, awsNow } = await machine()

    setClock(ms)

    for (const name of ["acme", "dev", "audit"]) {
      const { status, body } = await fetchCredentials(box, name)
      expect(status, JSON.stringify(body["Message"])).toBe(200)
      expect(Date.parse(body["Expiration"] ?? "")).toBeGreaterThan(awsNow() + 15 * minutes)
    }
  })
})

describe("roles", () => {
  it("above roles are served, capped at an hour, and it is said", async () => {
    const box = await install({}, config)
    await box.start()
    await signIn(box)

    expect(await fetchCredentials(box, "audit")).toMatchObject({ status: 200, body: { AccountId: "210987654321" } })

    expect(box.sandbox.calls.map(({ parameters }) => parameters["DurationSeconds"]).slice(-2)).toEqual(["3600", "3600"])
    expect(await profileOf(box, "dev")).toMatchObject({ notes: [expect.stringContaining("43200 is taken as 3600")] })
  })

  it("that want a fresher MFA are told apart from those that say no", async () => {
    const { box, sleep } = await machine({ maxMfaAgeSeconds: 3_600 })
    expect(await fetchCredentials(box, "denied")).toMatchObject({ status: 403, body: { Code: "AccessDenied" } })

    sleep(2 * hours)

    const { status, body } = await fetchCredentials(box, "dev")
    expect([status, body["Code"]]).toEqual([403, "MfaTooOld"])
    expect(body["Message"]).toContain("run: credd login acme")
    expect(await box.run(["refresh", "dev"])).toMatchObject({ status: 10 })
  })

  it("that are refused are not asked for again by every caller, and disturb no other", async () => {
    const box = await install({}, config)
    await box.start()
    await signIn(box)
    await fetchCredentials(box, "dev")

    for (let times = 0; times < 20; times += 1) {
      expect(await fetchCredentials(box, "denied")).toMatchObject({ status: 403, body: { Code: "AccessDenied" } })
      expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    }

    expect(box.sandbox.count("AssumeRole")).toBe(2)
  })

  it("are assumed with what a credential_process brings, without a login", async () => {
    const box = await install(
      {},
      `[profile tool]\ncredential_process = 'HOME/my creds' alice\n[profile audit]\nrole_arn = arn:aws:iam::210987654321:role/auditor\nsource_profile = tool\nexternal_id = unique-id\n`,
    )
    const [id, secret] = accessKeyLines.trim().split("\n")
    const program = join(box.home, "my creds")
    const answer = JSON.stringify({ Version: 1, AccessKeyId: id, SecretAccessKey: secret })
    writeFileSync(program, `#!/bin/sh\n[ "$1" = alice ] && echo '${answer}'\n`)
    chmodSync(program, 0o755)
    const file = box.env["AWS_CONFIG_FILE"] ?? ""
    writeFileSync(file, readFileSync(file, "utf8").replace("HOME", box.home))
    await box.start()

    // A first answer that takes longer than callers wait goes on behind them.
    await vi.waitFor(async () => expect(await fetchCredentials(box, "audit")).toMatchObject({ status: 200 }), {
      timeout: 10_000,
    })

    expect(await profileOf(box, "audit")).toMatchObject({ state: "ready", sourceProfile: "tool" })
    expect(box.log()).not.toContain(secret)
  })
})

describe("the AWS config file", () => {
  it("counts from the moment it is written, in place, by a rename, through a symlink, and when it is put back", async () => {
    const box = await install({}, config)
    await box.start()
    await signIn(box)
    const file = box.env["AWS_CONFIG_FILE"] ?? ""
    const withRole = (name: string): string =>
      config.replace("[profile dev]", `[profile ${name}]`).replace("source_profile = dev", `source_profile = ${name}`)
    const isServed = async (name: string): Promise<void> => {
      expect(await fetchCredentials(box, name)).toMatchObject({ status: 200 })
      expect(await box.run(["env", name])).toMatchObject({ status: 0 })
    }

    writeFileSync(file, withRole("edited"))
    await isServed("edited")
    writeFileSync(`${file}.new`, withRole("renamed"))
    renameSync(`${file}.new`, file)
    await isServed("renamed")
    for (const name of ["one", "two"]) {
      mkdirSync(join(box.home, name))
      writeFileSync(join(box.home, name, "config"), withRole(name))
    }
    rmSync(file)
    symlinkSync(join(box.home, "one", "config"), file)
    await isServed("one")
    symlinkSync(join(box.home, "two", "config"), `${file}.new`)
    renameSync(`${file}.new`, file)
    await isServed("two")
    rmSync(file)
    expect(await box.run(["env", "gone"])).toMatchObject({ status: 1 })
    writeFileSync(file, withRole("back"))
    await isServed("back")
  })

  it("that breaks half-way leaves all as it was, and says where in status and in the log", async () => {
    const box = await install({}, config)
    await box.start()
    await signIn(box)

    writeFileSync(box.env["AWS_CONFIG_FILE"] ?? "", `${config}[profile half\nEXAMPLE-canary`)

    const { stdout } = await box.run(["status"])
    expect(stdout).toMatch(/warning: .*aws-config:16: neither/)
    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    expect(box.log()).toContain("config_unreadable")
    expect(`${stdout}${box.log()}`).not.toContain("canary")
  })
})

describe("a session that ends soon", () => {
  it("is told of on the desktop, once, and in status; the next login takes its place without a gap", async () => {
    const { env: clockEnv, set } = machineClock()
    let awsMs = 0
    const box = await install(clockEnv, config, { now: () => Date.now() + awsMs })
    const told = join(box.home, "told")
    mkdirSync(join(box.home, "bin"))
    writeFileSync(
      join(box.home, "bin", "notify-send"),
      `#!/bin/sh\nprintf '%s|' "$@" >> "${told}"; echo >> "${told}"\n`,
      { mode: 0o755 },
    )
    box.env["PATH"] = `${join(box.home, "bin")}:${box.env["PATH"]}`
    const daemon = await box.start()
    await signIn(box)
    await fetchCredentials(box, "dev")

    awsMs = 11 * hours + 5 * minutes
    set(awsMs)
    daemon.kill("SIGHUP")

    await vi.waitFor(
      () =>
        expect(readFileSync(told, "utf8")).toMatch(
          /MFA session for profile "acme" ends at \d\d:\d\d, in 55 min\|Run: credd login acme\|\n/,
        ),
      { timeout: 10_000 },
    )
    expect((await box.run(["status"])).stdout).toMatch(
      /warning: the MFA session for profile "acme" ends at .*; run: credd login acme/,
    )
    const served: number[] = []
    const again = box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)
    const asked = (async () => {
      for (let times = 0; times < 100; times += 1) {
        for (const name of ["acme", "dev"]) served.push((await fetchCredentials(box, name)).status)
      }
    })()
    expect(await again).toMatchObject({ status: 0 })
    await asked
    expect(new Set(served)).toEqual(new Set([200]))
    daemon.kill("SIGHUP")
    expect((await box.run(["status"])).stdout).not.toContain("warning")
    expect(readFileSync(told, "utf8").split("\n")).toHaveLength(2)
  }, 30_000)
})
