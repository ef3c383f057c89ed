import { describe, expect, it, vi } from "vitest"
import { memoryStore } from "../../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../../daemon/adapters/secret-store.ts"
import { keychainLocked } from "../../../daemon/core/errors.ts"
import { createSessions, type SessionName } from "../../../daemon/core/sessions.ts"
import { fakeClock, hours } from "../../fakes/clock.ts"
import { someSession } from "../../fakes/credentials.ts"
import { fakeLog } from "../../fakes/log.ts"

async function setup(locked: readonly SessionName[] = []) {
  const clock = fakeClock()
  const items = memoryStore()
  const store = secretStore(items, { onDamaged: () => undefined })
  const session = (name: string) => someSession(name, clock.now() + 12 * hours)
  for (const name of ["acme", "other"]) await store.writeSession(session(name))
  return { items, store, session, sessions: createSessions({ store, clock, log: fakeLog(), locked }) }
}

describe(createSessions.name, () => {
  it("does not serve what a lock was to end before the daemon was killed, and removes it", async () => {
    const { sessions, items } = await setup([{ sourceProfile: "acme", startedAt: 0 }])

    await sessions.settle()

    expect(() => sessions.credentials("acme")).toThrow(/no MFA session/)
    expect(sessions.sourceProfiles()).toEqual(["other"])
    expect(await items.names()).toEqual(["session/other"])
  })

  it("serves a session that was started after the lock", async () => {
    const { sessions } = await setup([{ sourceProfile: "acme", startedAt: 1 }])

    await sessions.settle()

    expect(sessions.sourceProfiles().toSorted()).toEqual(["acme", "other"])
  })

  it("removes all that a logout names in one change of the store", async () => {
    const { sessions, items } = await setup()
    await sessions.settle()
    const remove = vi.spyOn(items, "remove")

    expect(await sessions.end(["acme", "other"])).toEqual([])

    expect(remove.mock.calls).toEqual([[["session/acme", "session/other"]]])
    expect(await items.names()).toEqual([])
  })

  it("says of each session that is still in the store, and removes it as soon as it can", async () => {
    const { sessions, items } = await setup()
    await sessions.settle()
    vi.spyOn(items, "remove").mockRejectedValueOnce(keychainLocked())

    const warnings = await sessions.end(["acme", "other"])
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toContain('the session for "acme" is no longer served, but is still in the store')
    await sessions.settle()

    expect(await items.names()).toEqual([])
  })

  it("goes on trying to remove a session that began and ended while an older one was being removed", async () => {
    const { sessions, session, items } = await setup()
    await sessions.settle()
    const remove = vi.spyOn(items, "remove")
    const removals: (() => void)[] = []
    remove.mockReturnValueOnce(new Promise((resolve) => removals.push(resolve)))
    const first = sessions.end(["acme"])
    await sessions.start(session("acme"))
    remove.mockRejectedValueOnce(keychainLocked())
    const second = sessions.end(["acme"])
    removals[0]?.()

    expect([await first, (await second).length]).toEqual([[], 1])
    await sessions.settle()

    expect(await items.names()).toEqual(["session/other"])
  })
})
