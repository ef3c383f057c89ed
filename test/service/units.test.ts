import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { bootMachine, must, type Machine } from "./machine.ts"

const packageFolder = "/usr/local/lib/node_modules/credd"

let machine: Machine
beforeAll(async () => {
  machine = await bootMachine()
  await machine.login("owner")
  await must(
    machine.as(
      "owner",
      `mkdir -p .config/systemd/user .config/credd && cp ${packageFolder}/systemd/* .config/systemd/user/ &&
       sed -i s,/usr/lib/credd,${packageFolder}, .config/systemd/user/credd.service &&
       echo 'store = "memory"' > .config/credd/config.toml &&
       systemctl --user daemon-reload && systemctl --user enable --now credd.socket`,
    ),
  )
})
afterAll(async () => await machine.powerOff())

describe("the units", () => {
  it("have nothing that systemd complains of", async () => {
    const { stdout, stderr } = await must(
      machine.as(
        "owner",
        "systemd-analyze --user verify .config/systemd/user/credd.socket .config/systemd/user/credd.service",
      ),
    )

    expect(stdout + stderr).toBe("")
  })

  it("expose little", async () => {
    const { stdout } = await must(machine.as("owner", "systemd-analyze --user security --no-pager credd.service"))

    expect(Number(/Overall exposure level for credd.service: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(5.2)
  })

  it("start the daemon at the first request, which is answered", async () => {
    expect((await machine.as("owner", "systemctl --user is-active credd.service")).stdout).toBe("inactive\n")

    const { stdout } = await must(machine.as("owner", "curl -sS http://127.0.0.1:9912/healthz"))

    expect(stdout).toBe('{"status":"ok"}')
    await vi.waitFor(async () => await must(machine.as("owner", "credd status")))
  })

  it("log without a warning, under the service's own name", async () => {
    const { stdout } = await must(machine.as("owner", "journalctl --user -u credd.service -o json"))

    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>)
    expect(lines.filter(({ PRIORITY }) => Number(PRIORITY) <= 4)).toEqual([])
    const listening = lines.find(({ MESSAGE }) => MESSAGE?.includes('"listening"'))
    expect(listening).toMatchObject({ SYSLOG_IDENTIFIER: "credd", PRIORITY: "6" })
  })
})
