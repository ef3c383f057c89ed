import { describe, expect, it } from "vitest"
import { exampleWorld } from "../sandbox/world.ts"
import { accessKeyLines, install, killed, signIn, type Installation } from "../support/daemon.ts"

/** The file store outlives a killed daemon. */
async function setup(newKeyDelayMs = 0): Promise<Installation> {
  const [alice] = exampleWorld.users
  const users = [{ ...alice!, mayRotate: true, newKeyDelayMs }]
  const box = await install({ CREDD_STORE: "file" }, undefined, { world: { ...exampleWorld, users } })
  box.env["AWS_ENDPOINT_URL_IAM"] = box.sandbox.url
  return box
}

async function startUnlocked(box: Installation) {
  const child = await box.start()
  expect((await box.run(["unlock"], "EXAMPLE-passphrase\n")).status).toBe(0)
  return child
}

describe("credd rotate", () => {
  it("replaces the key and waits until AWS knows it; the session goes on, and the next login takes the new key", async () => {
    const box = await setup(3_000)
    await startUnlocked(box)
    await signIn(box)

    const { status, stderr } = await box.run(["rotate", "acme", "--delete"])

    expect(status).toBe(0)
    expect(stderr).toContain("waiting until AWS knows")
    expect(stderr).toContain("the session made with the old key goes on for")
    const [key] = box.sandbox.accessKeys("alice")
    expect(box.sandbox.accessKeys("alice")).toEqual([{ accessKeyId: expect.stringMatching(/^AKIA/), active: true }])
    expect(key?.accessKeyId).not.toBe("AKIAEXAMPLEALICE0001")
    expect((await box.run(["whoami", "dev"])).status).toBe(0)
    await box.run(["logout", "acme"])
    const { code } = box.sandbox.nextUnusedCode("alice")
    expect(await box.run(["login", "acme"], `${code}\n`)).toMatchObject({ status: 0 })
    expect(box.sandbox.calls.at(-1)?.accessKeyId).toBe(key?.accessKeyId)
    expect(box.log()).not.toContain(key?.accessKeyId)
    const audited = (await box.run(["audit", "--json"])).stdout
      .split("\n")
      .filter((line) => /"access-key-rotate"/.test(line))
    expect(audited.map((line) => (JSON.parse(line) as Record<string, unknown>)["step"])).toEqual(
      expect.arrayContaining(["created", "waiting", "stored", "deactivated", "deleted"]),
    )
  })

  it("says what the quota is and which right is missing", async () => {
    const box = await setup()
    await startUnlocked(box)
    await box.run(["add", "acme"], accessKeyLines)
    expect((await box.run(["rotate", "acme"])).status).toBe(0)

    expect(await box.run(["rotate", "acme"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("is still there, deactivated\ncredd: hint: run: credd rotate acme --delete"),
    })
    box.sandbox.faults.add({ kind: "error", code: "AccessDenied", action: "DeleteAccessKey", times: 1 })
    expect(await box.run(["rotate", "acme", "--delete"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('user "alice" may not change its own access keys without an MFA session'),
    })
    expect(await box.run(["rotate", "acme", "--undo"])).toMatchObject({ status: 0 })
    expect(box.sandbox.accessKeys("alice")).toEqual([{ accessKeyId: "AKIAEXAMPLEALICE0001", active: true }])
  })

  it.each(["before", "after"] as const)(
    "killed %s each call takes effect, it goes on",
    { timeout: 90_000 },
    async (when) => {
      const box = await setup()
      let daemon = await startUnlocked(box)
      await box.run(["add", "acme"], accessKeyLines)

      for (const action of [
        "ListAccessKeys",
        "CreateAccessKey",
        "GetCallerIdentity",
        "UpdateAccessKey",
        "DeleteAccessKey",
      ]) {
        box.sandbox.faults.add({ kind: "drop", when, action, times: 1 })
        expect(await box.run(["rotate", "acme", "--delete"])).toMatchObject({ status: 1 })
        await killed(daemon, "SIGKILL")
        daemon = await startUnlocked(box)
      }
      expect(await box.run(["rotate", "acme", "--delete"])).toMatchObject({ status: 0 })

      const [key, ...more] = box.sandbox.accessKeys("alice")
      expect([key?.active, more]).toEqual([true, []])
      expect(key?.accessKeyId).not.toBe("AKIAEXAMPLEALICE0001")
      const login = await box.run(["login", "acme"], `${box.sandbox.nextUnusedCode("alice").code}\n`)
      expect(login).toMatchObject({ status: 0 })
    },
  )
})
