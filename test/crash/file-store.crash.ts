// The daemon with the file store, killed before each effect of each change: all of it is done, or none.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openBox, type Box } from "./box.ts"
import { killAtEach, type Operation } from "./kill-at-each.ts"
import { calls } from "./tracer.ts"

/** A box in which this was done before. */
async function boxAfter(...steps: readonly ((box: Box) => Promise<unknown>)[]): Promise<Box> {
  const box = await openBox()
  const daemon = await box.start()
  for (const step of steps) await step(box)
  await box.end(daemon)
  box.keep()
  return box
}

async function swept(box: Box, operation: Operation): Promise<void> {
  const effects = await killAtEach(box, operation)
  expect(calls(effects)).toEqual(expect.arrayContaining(["write", "rename"]))
}

const addKey = (box: Box): Promise<unknown> => box.addKey()
const login = (box: Box): Promise<unknown> => box.login()
const lease = { name: "ci", profiles: ["acme"], scope: null, ttlSeconds: 3_600, replace: false } as const

describe("a daemon that is killed in the middle of", () => {
  it("login", async () => {
    await swept(await boxAfter(addKey), { run: login })
  })

  it("logout", async () => {
    await swept(await boxAfter(addKey, login), {
      run: ({ call }) => call("POST /logout", { profiles: ["acme"], all: false }),
    })
  })

  it("lock", async () => {
    let token = ""
    const box = await boxAfter(addKey, login, async ({ call }) => {
      token = (await call("POST /leases", lease)).token
    })
    const shell = readFileSync(join(box.state, "tokens", "shell"), "utf8")

    await swept(box, { run: ({ call }) => call("POST /lock", {}), tokens: [token, shell] })
  })

  it("the first access key", async () => {
    await swept(await boxAfter(), { run: addKey })
  })

  it("removing an access key and its session", async () => {
    await swept(await boxAfter(addKey, login), { run: ({ call }) => call("DELETE /access-keys", { profile: "acme" }) })
  })

  it("a new lease, and one that is revoked", async () => {
    const box = await boxAfter(addKey)
    await swept(box, { run: ({ call }) => call("POST /leases", lease) })

    const revoked = await boxAfter(addKey, ({ call }) => call("POST /leases", lease))
    await swept(revoked, { run: ({ call }) => call("DELETE /leases", { name: "ci", all: false }) })
  })

  it("serving a profile as instance metadata", async () => {
    await swept(await boxAfter(addKey), { run: ({ call }) => call("POST /imds", { profile: "dev" }) })
  })
})
