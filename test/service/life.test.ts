import { readdirSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { squatting } from "./beside.ts"
import { must } from "./machine.ts"
import { askFor, ownersMachine, signIn, unlockKeyring, type OwnersMachine } from "./owner.ts"

let machine: OwnersMachine
let owner: OwnersMachine["owner"]
beforeAll(async () => {
  machine = await ownersMachine()
  ;({ owner } = machine)
})
afterAll(async () => await machine.powerOff())

const asked = async (): Promise<Record<string, string>> =>
  // The MFA session itself: it needs nobody but the keychain, and outlasts the sandbox.
  JSON.parse((await must(owner(askFor("acme")))).stdout) as Record<string, string>

describe("a machine with two users", () => {
  it("installs beside a daemon that was started by hand only once that has ended", async () => {
    await must(owner("(credd daemon > /dev/null 2>&1 &) ; until credd status > /dev/null 2>&1; do sleep 0.1; done"))
    const refused = await owner("credd service install")
    const pid = /pid (\d+)/.exec(refused.stderr)?.[1]

    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("a daemon that you started yourself") })
    await must(owner(`kill ${pid}; while kill -0 ${pid} 2> /dev/null; do sleep 0.1; done; credd service install`))
    expect((await owner("credd daemon")).stderr).toContain("credd is already running")
  })

  it("tells the second user whose the port is, and serves both when the second takes another", async () => {
    await machine.login("intruder")
    const refused = await machine.as("intruder", "credd service install")
    await must(machine.as("intruder", "mkdir -p .config/credd && echo 'port = 9913' > .config/credd/config.toml"))
    const second = await must(machine.as("intruder", "credd service install"))

    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/port 9912 is held by a program of user id 1000\n.*port = 9913/),
    })
    expect(second.stderr).toContain("serves on http://127.0.0.1:9913")
    expect((await must(owner("curl -sS 127.0.0.1:9912/healthz; curl -sS 127.0.0.1:9913/healthz"))).stdout).toBe(
      '{"status":"ok"}{"status":"ok"}',
    )
    await must(machine.as("intruder", "credd service uninstall"))
  })

  it("keeps one user's socket from the other", async () => {
    const { stderr } = await machine.as(
      "intruder",
      "curl -sS --unix-socket /run/user/1000/credd/credd.sock http://x/status",
    )

    expect(stderr).toMatch(/Permission denied|Couldn't connect|Failed to connect/)
  })

  it("lets nobody have the port while it is the owner's, as anybody could without the socket unit", async () => {
    const leave = await squatting(machine)
    for (let i = 0; i < 6; i += 1) {
      await must(owner("kill -ABRT $(systemctl --user show credd.service -p MainPID --value)"))
      await vi.waitFor(async () => await must(owner("credd status")), { timeout: 10_000 })
    }
    expect(await leave()).toMatchObject({ won: 0 })

    await must(owner("systemctl --user stop credd.socket credd.service"))
    const leaveFree = await squatting(machine)
    await must(machine.run("sleep 0.5"))
    expect((await leaveFree()).won).toBeGreaterThan(0)
    await must(owner("systemctl --user start credd.socket && credd status"))
  })
})

describe("logging out and in again", () => {
  it("ends the daemon with the last session, and has it back at the next login with the session it had", async () => {
    await signIn(machine)
    await machine.logout("owner")
    await vi.waitFor(async () => expect((await machine.run("ls /run/user")).stdout).not.toContain("1000"), {
      timeout: 30_000,
      interval: 200,
    })
    expect((await machine.run("curl -sS http://127.0.0.1:9912/healthz")).status).not.toBe(0)

    await machine.login("owner")
    expect((await must(machine.run("curl -sS http://127.0.0.1:9912/healthz"))).stdout).toBe('{"status":"ok"}')
    await unlockKeyring(machine)

    await vi.waitFor(async () => expect(await asked()).toMatchObject({ AccountId: "123456789012" }), {
      timeout: 15_000,
    })
  })

  it("goes on through logout and reboot with --linger, locked until the keychain is unlocked", async () => {
    // Without polkit, as here, a user may not; then it is root's to do.
    expect(await owner("credd service install --linger")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("run: sudo loginctl enable-linger owner"),
    })
    await must(machine.run("loginctl enable-linger owner"))
    await must(owner("credd service install --linger"))
    expect((await owner("credd service status")).stdout).toMatch(/stays after logout +yes/)
    await machine.logout("owner")
    await machine.reboot()

    expect(await vi.waitFor(asked, { timeout: 15_000 })).toMatchObject({ Code: "KeychainLocked" })
    await unlockKeyring(machine)
    await vi.waitFor(async () => expect(await asked()).toMatchObject({ AccountId: "123456789012" }), {
      timeout: 15_000,
    })
    expect((await owner("credd status")).stdout).toContain("alice")
  }, 90_000)
})

describe("credd service uninstall", () => {
  it("leaves settings and secrets, says so, and nothing else", async () => {
    await must(owner("echo 'default_profile = \"dev\"' > .config/credd/config.toml"))

    const { stderr } = await must(owner("credd service uninstall"))

    expect(stderr).toContain("left in place: what your keychain holds of credd, /home/owner/.config/credd/config.toml")
    const left = (await owner("find .config .local/state /run/user/1000/credd -iname '*credd*' -o -path '*credd/*'"))
      .stdout
    expect(
      left
        .split("\n")
        .filter((path) => !path.includes("/audit"))
        .toSorted(),
    ).toEqual([
      "",
      ".config/credd",
      ".config/credd/config.toml",
      ".local/state/credd",
      ".local/state/credd/imds.json",
      ".local/state/credd/keychain-index.json",
      "/run/user/1000/credd",
    ])
    expect((await owner("systemctl --user list-units --all 'credd*' --no-legend")).stdout).toBe("")
    expect((await owner("curl -sS http://127.0.0.1:9912/healthz")).status).not.toBe(0)
    expect((await must(owner("secret-tool search --all service credd"))).stderr).toContain("acme")
  })

  it("keeps what it left for the next installation", async () => {
    await must(owner("credd service install"))

    expect(await vi.waitFor(asked, { timeout: 15_000 })).toMatchObject({ AccountId: "123456789012" })
  })

  it("takes settings and secrets away with --purge, after a yes", async () => {
    expect(await owner("credd service uninstall --purge")).toMatchObject({ status: 2 })

    await must(owner("credd service uninstall --purge --yes"))

    expect((await owner("secret-tool search --all service credd")).stderr).not.toContain("acme")
    expect(readdirSync(`${machine.root}/home/owner/.config`)).not.toContain("credd")
    expect(readdirSync(`${machine.root}/home/owner/.local/state`)).not.toContain("credd")
  })
})
