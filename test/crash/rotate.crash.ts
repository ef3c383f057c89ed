// A rotation that is cut off before any of its effects, here or at AWS, goes on to its end and loses no key.
import { expect, it } from "vitest"
import { checkFiles, openBox, type Box } from "./box.ts"
import { calls, nameOf, trace } from "./tracer.ts"

/** As `credd rotate --delete` does: one step a call, until AWS has deleted the old key. */
async function rotate({ call }: Box): Promise<void> {
  for (;;) {
    const { step } = await call("POST /rotate", { profile: "acme", isUndoing: false, isDeleting: true })
    if (step === "deleted") return
  }
}

it("a rotation that is killed goes on to its end, with one key at AWS and the same in the store", async () => {
  const box = await openBox()
  const first = await box.start()
  await box.addKey()
  await box.end(first)
  box.keep()
  box.restore()
  const watched = await box.start()
  const watcher = await trace(watched.pid ?? 0, box.trace)
  await rotate(box)
  const effects = await watcher.stop()
  await box.end(watched)

  expect(calls(effects)).toEqual(expect.arrayContaining(["write", "rename", "writev"]))
  for (const effect of effects) {
    box.restore()
    const daemon = await box.start()
    const killer = await trace(daemon.pid ?? 0, box.trace, effect)
    await rotate(box).catch(() => undefined)
    await killer.stop()
    await box.end(daemon)

    const again = await box.start()
    await rotate(box)
    const keys = box.sandbox.accessKeys("alice")
    expect(
      keys.filter(({ active }) => active),
      `killed before ${nameOf(effect)}`,
    ).toHaveLength(1)
    expect(await box.login(), `killed before ${nameOf(effect)}`).toMatchObject({ session: { state: "signed-in" } })
    await box.end(again)
    checkFiles(box)
  }
})
