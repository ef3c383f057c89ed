import { describe, expect, it, onTestFinished, vi } from "vitest"
import { must } from "./machine.ts"
import { askFor, ownersMachine, signIn } from "./owner.ts"

const helper = "/usr/local/lib/node_modules/credd/dist/daemon/keychain-helper.js"

describe.each([
  ["dbus-daemon", "true"],
  ["dbus-broker", "systemctl --global enable dbus-broker.service"],
])("a start on %s", (bus, choose) => {
  it("reads the session from the keyring by itself, and needs no helper for it", async () => {
    const machine = await ownersMachine()
    onTestFinished(async () => await machine.powerOff())
    const { owner } = machine
    await machine.logout("owner")
    await must(machine.run(`while [ -e /run/user/1000 ]; do sleep 0.1; done; ${choose}`))
    await machine.login("owner")
    await must(owner("credd service install"))
    await signIn(machine)

    await must(machine.run(`echo 'process.exit(1)' > ${helper}`))
    await must(owner("systemctl --user restart credd.service"))

    await vi.waitFor(async () =>
      expect(JSON.parse((await must(owner(askFor("acme")))).stdout)).toMatchObject({ AccountId: "123456789012" }),
    )
    await must(owner(`pgrep -u owner -x ${bus}`))
    // It is broken: what needs it says so.
    expect((await owner("credd logout acme")).stderr).toContain("still in the store")
  }, 120_000)
})
