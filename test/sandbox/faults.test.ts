import { GetCallerIdentityCommand } from "@aws-sdk/client-sts"
import { request } from "undici"
import { describe, expect, it, vi } from "vitest"
import { fakeClock, seconds } from "../fakes/clock.ts"
import { outage, throttling, type Fault } from "./faults.ts"
import { aliceKeys, assume, refused, started } from "./started.ts"

const who = new GetCallerIdentityCommand({})

describe("a fault", () => {
  it.each<[string, Fault, object]>([
    ["throttling", throttling, refused("Throttling", "Rate exceeded", 400)],
    ["a 500", { kind: "error", code: "InternalFailure" }, refused("InternalFailure", "", 500)],
    ["a 503", { kind: "error", code: "ServiceUnavailable" }, refused("ServiceUnavailable", "", 503)],
    ["ExpiredToken", { kind: "error", code: "ExpiredToken" }, refused("ExpiredToken", "is expired", 403)],
    ["AccessDenied", { kind: "error", code: "AccessDenied", message: "why" }, refused("AccessDenied", "why", 403)],
    ["InvalidClientTokenId", { kind: "error", code: "InvalidClientTokenId" }, refused("InvalidClientTokenId", "", 403)],
    ["a code of its own", { kind: "error", code: "Odd", status: 418 }, refused("Odd", "Odd", 418)],
    ["a dropped connection", { kind: "drop", when: "before" }, { code: "ECONNRESET" }],
    ["malformed XML", { kind: "malformed" }, {}],
    ["a captive portal", { kind: "html" }, {}],
    ["a huge body", { kind: "huge" }, {}],
  ])("of %s hits as often as it is told to", async (_, fault, error) => {
    const { client, sandbox } = await started()
    sandbox.faults.add({ ...fault, action: "GetCallerIdentity", times: 1 })

    // The SDK takes some of these for an answer without a word in it.
    const outcome: unknown = await client()
      .send(who)
      .catch((thrown: unknown) => thrown)
    expect(outcome).toMatchObject(error)
    expect(outcome).not.toHaveProperty("Account")
    await client().send(who)

    const name = fault.kind === "error" ? fault.code : fault.kind
    expect(sandbox.calls).toMatchObject([
      { outcome: name, fault: fault.kind },
      { outcome: "ok", fault: undefined },
    ])
  })

  it("leaves other actions alone", async () => {
    const { client, sandbox } = await started()
    sandbox.faults.add({ kind: "hang", action: "AssumeRole" })

    expect(await client().send(who)).toHaveProperty("Account", "123456789012")
  })

  it("drops the connection after the call took effect", async () => {
    const { login, sandbox } = await started()
    sandbox.faults.add({ kind: "drop", when: "after", times: 1 })

    await expect(login()).rejects.toMatchObject({ code: "ECONNRESET" })

    expect(sandbox.calls).toMatchObject([{ outcome: "ok", fault: "drop" }])
    await expect(login()).rejects.toMatchObject(refused("AccessDenied", "invalid MFA one time pass code"))
  })

  it("hangs until the caller gives up", async () => {
    const { client, sandbox } = await started()
    sandbox.faults.add({ kind: "hang" })
    const caller = new AbortController()

    const sent = client().send(who, { abortSignal: caller.signal })
    sent.catch(() => undefined)
    await vi.waitFor(() => expect(sandbox.calls).toMatchObject([{ outcome: "hang" }]))
    caller.abort()

    await expect(sent).rejects.toMatchObject({ name: "AbortError" })
  })

  it("delays an answer, and what else goes wrong with it", async () => {
    const wait = vi.fn(async () => undefined)
    const { client, sandbox } = await started({ wait })
    sandbox.faults.add({ kind: "latency", ms: 5_000 })
    sandbox.faults.add({ ...throttling, times: 1 })

    await expect(client().send(who)).rejects.toMatchObject(refused("Throttling"))
    await client().send(who)

    expect(wait.mock.calls).toEqual([[5_000], [5_000]])
    expect(sandbox.calls).toMatchObject([{ fault: "error" }, { fault: "latency", outcome: "ok" }])
  })

  it("drips the answer a byte at a time", async () => {
    const wait = vi.fn(async () => undefined)
    const { client, sandbox } = await started({ wait })
    sandbox.faults.add({ kind: "drip", everyMs: 20 })

    expect(await client().send(who)).toHaveProperty("Account", "123456789012")

    expect(wait.mock.calls.length).toBeGreaterThan(300)
    expect(new Set(wait.mock.calls.flat())).toEqual(new Set([20]))
  })

  it("sends Retry-After along", async () => {
    const { sandbox } = await started()
    sandbox.faults.add({ ...throttling, retryAfterSeconds: 7 } as Fault)

    expect((await request(sandbox.url, { method: "POST" })).headers["retry-after"]).toBe("7")
  })

  it.each([
    ["the length of an outage", () => outage(120)],
    ["until a time", (now: number): Fault => ({ kind: "drop", when: "before", until: now + 120 * seconds })],
  ])("lasts for %s", async (_, fault) => {
    const clock = fakeClock()
    const { client, sandbox } = await started({ now: clock.now })
    sandbox.faults.add(fault(clock.now()))

    clock.advance(119 * seconds)
    await expect(client().send(who)).rejects.toMatchObject({ code: "ECONNRESET" })
    clock.advance(1 * seconds)

    await client().send(who)
  })
})

describe("the record of calls", () => {
  it("has every call in order, and the peak of each action", async () => {
    const clock = fakeClock()
    const held: (() => void)[] = []
    const { client, sandbox } = await started({
      now: clock.now,
      wait: async () => await new Promise<void>((resolve) => void held.push(resolve)),
    })
    sandbox.faults.add({ kind: "latency", ms: 1, action: "GetCallerIdentity" })

    const three = [1, 2, 3].map(async () => await client().send(who))
    await vi.waitFor(() => expect(held).toHaveLength(3))
    expect(sandbox.calls.map(({ outcome }) => outcome)).toEqual(["under way", "under way", "under way"])
    for (const release of held) release()
    await Promise.all(three)
    await expect(assume(client())).rejects.toThrow()

    expect(sandbox.calls[0]).toEqual({
      action: "GetCallerIdentity",
      at: clock.now(),
      accessKeyId: aliceKeys.accessKeyId,
      region: "eu-west-1",
      path: "/",
      parameters: {},
      outcome: "ok",
      fault: "latency",
    })
    expect(sandbox.calls.at(-1)).toMatchObject({ action: "AssumeRole", outcome: "AccessDenied" })
    expect([sandbox.count("GetCallerIdentity"), sandbox.count("AssumeRole")]).toEqual([3, 1])
    expect([sandbox.peak("GetCallerIdentity"), sandbox.peak("AssumeRole"), sandbox.peak()]).toEqual([3, 1, 3])
  })

  it("holds no secret", async () => {
    const { login, sandbox } = await started()
    const code = sandbox.mfaCode("alice")
    const session = await login({ TokenCode: code })
    await request(`${sandbox.url}/?X-Amz-Security-Token=EXAMPLE-canary`, { method: "POST" })

    const record = JSON.stringify(sandbox.calls)

    const secrets = [aliceKeys.secretAccessKey, session.secretAccessKey, session.sessionToken, code, "EXAMPLE-canary"]
    for (const secret of secrets) expect(record).not.toContain(secret)
    expect(record).toContain(aliceKeys.accessKeyId)
  })
})
