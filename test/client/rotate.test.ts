import { describe, expect, it } from "vitest"
import type { RotationStep } from "../../daemon/api.ts"
import { credd, type Handlers } from "./fake-context.ts"

function daemon(steps: readonly RotationStep[], sessionExpiration?: string): Handlers {
  const left = [...steps]
  return {
    "POST /rotate": () => ({
      profile: "acme",
      step: left.length > 1 ? left.shift()! : left[0]!,
      userName: "alice",
      oldKeyId: "****0001",
      newKeyId: "****0002",
      ...(sessionExpiration === undefined ? {} : { sessionExpiration }),
    }),
  }
}

describe("credd rotate", () => {
  it("asks for step after step, waits while AWS does not know the key, and says what is next", async () => {
    const { status, stdout, stderr, calls } = await credd(["rotate", "acme"], {
      daemon: daemon(["created", "waiting", "waiting", "stored", "deactivated"], "2026-11-23T22:00:00Z"),
      pauses: 2,
    })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(calls).toHaveLength(5)
    expect(calls[0]?.body).toEqual({ profile: "acme", isUndoing: false, isDeleting: false })
    expect(stderr).toBe(`made access key ****0002 for user "alice", and kept it
waiting until AWS knows ****0002
proved ****0002: "acme" has it from now on
deactivated ****0001
the session made with the old key goes on for 12h; to end it: credd logout acme
next, once nothing misses it: credd rotate acme --delete   (or --undo, to have it back)
`)
  })

  it("goes on to the deletion with --delete, and back with --undo", async () => {
    const deleted = await credd(["rotate", "acme", "--delete"], { daemon: daemon(["deactivated", "deleted"]) })
    const undone = await credd(["rotate", "acme", "--undo"], { daemon: daemon(["reactivated", "restored", "undone"]) })

    expect(deleted).toMatchObject({ status: 0, stderr: "deactivated ****0001\ndeleted ****0001\n" })
    expect(deleted.calls[0]?.body).toMatchObject({ isDeleting: true })
    expect(undone).toMatchObject({
      status: 0,
      stderr: 'made ****0001 active again\n"acme" has ****0001 again\ndeleted ****0002\n',
    })
    expect(undone.calls[0]?.body).toMatchObject({ isUndoing: true })
  })

  it("gives up on a key that AWS never knows, and says how to go on and how to go back", async () => {
    const { status, stderr } = await credd(["rotate", "acme"], { daemon: daemon(["waiting"]), pauses: 1_000 })

    expect(status).toBe(1)
    expect(stderr).toContain("the old one is as it was\ncredd: hint: run: credd rotate acme   (")
  })

  it("ends with 130 on Ctrl-C while it waits", async () => {
    expect((await credd(["rotate", "acme"], { daemon: daemon(["waiting"]), pauses: 0 })).status).toBe(130)
  })

  it("takes not both flags", async () => {
    expect(await credd(["rotate", "acme", "--delete", "--undo"], {})).toMatchObject({ status: 2, calls: [] })
  })
})
