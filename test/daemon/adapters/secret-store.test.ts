import { fc, it } from "@fast-check/vitest"
import { describe, expect, vi } from "vitest"
import type { ItemStore } from "../../../daemon/adapters/item-store.ts"
import { memoryStore } from "../../../daemon/adapters/memory-store.ts"
import { secretStore } from "../../../daemon/adapters/secret-store.ts"
import type { KeptAccessKey, MfaSession } from "../../../daemon/core/credentials.ts"
import type { CreddError } from "../../../daemon/core/errors.ts"
import { Secret } from "../../../daemon/core/secret.ts"

const canary = "EXAMPLE-canary"

function setup(overrides: Partial<ItemStore> = {}) {
  const items = { ...memoryStore(), ...overrides }
  const onDamaged = vi.fn<(error: CreddError) => void>()
  return { items, onDamaged, store: secretStore(items, { onDamaged }) }
}

function key(secretAccessKey = canary): KeptAccessKey {
  return {
    accessKeyId: "AKIAEXAMPLE",
    secretAccessKey: new Secret(secretAccessKey),
    accountId: "123456789012",
    arn: "arn:aws:iam::123456789012:user/jo",
    addedAt: 1_000,
  }
}

function session(sourceProfile: string): MfaSession {
  return {
    sourceProfile,
    credentials: {
      accessKeyId: "ASIAEXAMPLE",
      secretAccessKey: new Secret(canary),
      sessionToken: new Secret(`token of ${sourceProfile}`),
      expiration: 2_000,
      accountId: "123456789012",
    },
    mfaSerial: "arn:aws:iam::123456789012:mfa/jo",
    accountId: "123456789012",
    arn: "arn:aws:iam::123456789012:user/jo",
    startedAt: 1_000,
  }
}

/** With its secrets told apart, which toEqual does not do. */
function revealed(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, name, plain: unknown) {
      const original = this[name]
      return original instanceof Secret ? original.reveal() : plain
    }),
  )
}

describe(secretStore.name, () => {
  it.prop([fc.string({ minLength: 1, unit: "binary" }), fc.string(), fc.option(fc.string(), { nil: undefined })])(
    "gives back any access key under any profile name",
    async (profile, secret, mfaSerial) => {
      const { store } = setup()
      const kept = { ...key(secret), ...(mfaSerial === undefined ? {} : { mfaSerial }) }

      await store.writeAccessKey(profile, kept)

      expect(revealed(await store.readAccessKey(profile))).toEqual(revealed(kept))
      expect(await store.accessKeyProfiles()).toEqual([profile])
    },
  )

  it.prop([fc.uniqueArray(fc.string({ minLength: 1, unit: "binary" }), { maxLength: 5 })])(
    "gives back sessions, and removes those it is told to",
    async (profiles) => {
      const { store } = setup()
      for (const profile of profiles) await store.writeSession(session(profile))
      await store.writeAccessKey("acme", key())

      expect(revealed(await store.readSessions())).toEqual(revealed(profiles.map(session)))
      await store.removeSessions(profiles.slice(0, 2))

      expect((await store.readSessions()).map((each) => each.sourceProfile)).toEqual(profiles.slice(2))
      expect(await store.accessKeyProfiles()).toEqual(["acme"])
    },
  )

  it("answers nothing for a profile without an access key", async () => {
    const { store } = setup()

    expect(await store.readAccessKey("acme")).toBeUndefined()
  })

  it.each([
    ["nothing", async () => new Map()],
    ["something else", async () => new Map([["access-key/acme", new Secret("{}")]])],
  ])("does not believe a store that gives back %s for a key just written", async (_, read) => {
    const { store } = setup({ read })

    await expect(store.writeAccessKey("acme", key())).rejects.toMatchObject({ code: "StoreWriteFailed" })
  })

  it("does not believe a key that it could not read later", async () => {
    const { store } = setup()

    await expect(store.writeAccessKey("acme", { ...key(), addedAt: Number.NaN })).rejects.toMatchObject({
      code: "StoreDamaged",
    })
  })

  it.each([
    ["not JSON", `${canary} {`],
    ["not a record", `["${canary}"]`],
    ["a record without a field", JSON.stringify({ version: 1, secretAccessKey: canary })],
    ["a record without a version", JSON.stringify({ secretAccessKey: canary })],
    ["an old version", JSON.stringify({ version: 0, secretAccessKey: canary })],
  ])("calls %s damaged, by its name and without its secret", async (_, text) => {
    const { items, store } = setup()
    await items.write("access-key/acme", new Secret(text))

    const error: unknown = await store.readAccessKey("acme").catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({
      code: "StoreDamaged",
      message: 'could not read "access-key/acme" in the store: it is damaged',
    })
    expect(error).not.toHaveProperty("cause")
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(canary)
  })

  it("does not call a newer credd's record damaged, nor tell people to throw it away", async () => {
    const { items, store } = setup()
    await items.write("access-key/acme", new Secret(JSON.stringify({ version: 2, sealed: canary })))

    await expect(store.readAccessKey("acme")).rejects.toMatchObject({
      code: "KeychainUnavailable",
      message: 'could not read "access-key/acme" in the store: a newer credd wrote it',
      hint: expect.not.stringContaining("move"),
    })
  })

  it("serves the good sessions beside a damaged and a newer one, and tells of both", async () => {
    const { items, store, onDamaged } = setup()
    await store.writeSession(session("good"))
    await items.write("session/damaged", new Secret(canary))
    await items.write("session/newer", new Secret(JSON.stringify({ version: 2 })))
    await store.writeSession(session("fine"))

    expect((await store.readSessions()).map((each) => each.sourceProfile)).toEqual(["good", "fine"])
    expect(onDamaged.mock.calls.map(([error]) => error.message)).toEqual([
      'could not read "session/damaged" in the store: it is damaged',
      'could not read "session/newer" in the store: a newer credd wrote it',
    ])
  })

  it("asks the store once for all sessions", async () => {
    const { items } = setup()
    const read = vi.fn(items.read)
    const { store } = setup({ ...items, read })
    for (const profile of ["a", "b", "c"]) await store.writeSession(session(profile))

    await store.readSessions()

    expect(read).toHaveBeenCalledTimes(1)
  })
})
