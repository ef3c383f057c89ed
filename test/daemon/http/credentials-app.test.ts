import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, vi } from "vitest"
import { served, wholeAccess } from "../../../daemon/core/access.ts"
import { CreddError, sessionExpired } from "../../../daemon/core/errors.ts"
import type { Answer } from "../../../daemon/http/answer.ts"
import { credentialsApp, type CredentialsAppOptions, type Request } from "../../../daemon/http/credentials-app.ts"
import { hostsOf } from "../../../daemon/http/guards.ts"
import { fakeAudit } from "../../fakes/audit.ts"
import { someCredentials } from "../../fakes/credentials.ts"
import { fakeLeases } from "../../fakes/leases.ts"
import { fakeLog } from "../../fakes/log.ts"

async function setup({ mayAsk = (): boolean | Promise<boolean> => true, profiles = ["dev"] } = {}) {
  const peers = { mayAsk }
  const { leases, mint } = fakeLeases()
  const { token } = await mint({})
  const { lease, token: narrow } = await mint({ name: "agent", profiles: ["dev"] })
  const credentials = served(
    { ...someCredentials(Date.parse("2026-11-23T22:10:00.999Z")), accountId: "123456789012" },
    wholeAccess,
  )
  const credentialsFor = vi.fn<CredentialsAppOptions["credentialsFor"]>(async () => credentials)
  const log = fakeLog()
  const audit = fakeAudit()
  const isProfile = (name: string): boolean => profiles.includes(name)
  const app = credentialsApp({ hosts: hostsOf(9912), leases, peers, isProfile, credentialsFor, audit, log })
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Response> =>
    responseOf(
      method,
      await app(requestFor(method, path, { host: "127.0.0.1:9912", authorization: token, ...headers })),
    )
  return { get, token, narrow, lease, leases, credentials, credentialsFor, audit, log }
}

/** As node shows it: nothing decoded. */
function requestFor(method: string, url: string, headers: Readonly<Record<string, string>>): Request {
  return { method, url, httpVersion: "1.1", rawHeaders: Object.entries(headers).flat(), from: {} }
}

function responseOf(method: string, { status, headers, body }: Answer): Response {
  return new Response(method === "HEAD" ? null : body, { status, headers })
}

async function problemOf(response: Response) {
  const body = (await response.json()) as Record<string, string>
  expect(response.headers.get("content-type")).toBe("application/json")
  expect(response.headers.get("content-length")).toBe(String(JSON.stringify(body).length))
  expect(body["Code"]).toBe(body["code"])
  expect(body["Message"]).toBe(body["message"])
  expect(body["message"]).toMatch(/^[\x20-\x7e]{1,199}$/)
  return { status: response.status, code: body["code"], message: body["message"] }
}

describe("GET /credentials/{profile}", () => {
  it("answers with the container credentials document, to the byte", async () => {
    const { get, credentials } = await setup()

    const response = await get("/credentials/dev")

    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(await response.text()).toBe(
      `{"AccessKeyId":"${credentials.accessKeyId}","SecretAccessKey":"${credentials.secretAccessKey.reveal()}","Token":"${credentials.sessionToken.reveal()}","Expiration":"2026-11-23T22:10:00Z","AccountId":"123456789012"}`,
    )
  })

  it("leaves a line for each hand-out, and for each refusal what the caller was told", async () => {
    const { get, narrow, lease, leases, credentials, audit } = await setup()

    await get("/credentials/dev")
    await get("/credentials/dev", { authorization: "wrong" })
    await get("/credentials/prod", { authorization: narrow })
    await get("/credentials/dev", { host: "evil.test" })

    const { accessKeyId: keyId } = credentials
    const expiration = "2026-11-23T22:10:00Z"
    const leaseId = leases.find("shell")?.id
    const asked = { profile: "prod", lease: "agent", leaseId: lease.id }
    expect(audit.lines.map(({ event, facts }) => ({ event, ...facts }))).toEqual([
      { event: "served", outcome: "ok", via: "endpoint", profile: "dev", lease: "shell", leaseId, keyId, expiration },
      { event: "refused", outcome: "TokenRejected", via: "endpoint" },
      { event: "refused", outcome: "ProfileNotAllowed", via: "endpoint", ...asked },
      { event: "refused", outcome: "HostRejected", via: "endpoint" },
    ])
  })

  it("answers HEAD without a body, which is no hand-out", async () => {
    const { get, audit } = await setup()
    const response = await get("/credentials/dev", {}, "HEAD")

    expect(audit.lines).toEqual([])

    expect(response.status).toBe(200)
    expect(await response.text()).toBe("")
  })

  it.each(["dev", "with space", "team/dev", "a.b", "a+b", "50%", "%2F", "schön", "日本", "..a", "a?b", "a#b"])(
    "reads the profile name %j from its percent-encoded form",
    async (name) => {
      const { get, credentialsFor } = await setup()

      await get(`/credentials/${encodeURIComponent(name)}`)

      expect(credentialsFor).toHaveBeenCalledWith(name, expect.objectContaining({ name: "shell" }))
    },
  )

  test.prop([fc.string({ unit: "grapheme", minLength: 1 })])("decodes any name once", async (name) => {
    fc.pre(!/\p{Surrogate}/u.test(name) && !/^\.{1,2}$/.test(name))
    const { get, credentialsFor } = await setup({ profiles: [name] })

    await get(`/credentials/${encodeURIComponent(name)}`)

    expect(credentialsFor).toHaveBeenCalledWith(name, expect.objectContaining({ name: "shell" }))
  })

  // The SDK for C++ escapes the path of the variable again; test/sdks/cpp.sdk.ts has it.
  it.each([
    ["a name that was escaped twice", ["team/dev 50%"], "team%252Fdev%252050%2525", "team/dev 50%"],
    ["the name as it came, where that is a profile", ["a%2Fb", "a/b"], "a%252Fb", "a%2Fb"],
    ["the name as it came, where neither is a profile", ["dev"], "a%252Fb", "a%2Fb"],
    ["a name that cannot be decoded again", ["dev"], "50%25", "50%"],
  ])("understands %s", async (_, profiles, path, name) => {
    const { get, credentialsFor } = await setup({ profiles })

    await get(`/credentials/${path}`)

    expect(credentialsFor).toHaveBeenCalledWith(name, expect.objectContaining({ name: "shell" }))
  })

  it("refuses a name that is not UTF-8", async () => {
    expect(await problemOf(await (await setup()).get("/credentials/%ff"))).toMatchObject({
      status: 400,
      code: "RequestMalformed",
    })
  })

  it.each([
    ["no Authorization", { authorization: "" }, 401, "TokenMissing"],
    ["a wrong token", { authorization: "wrong" }, 401, "TokenRejected"],
    ["a foreign Host", { host: "evil.test:9912" }, 403, "HostRejected"],
    ["another port", { host: "127.0.0.1:9913" }, 403, "HostRejected"],
    ["0.0.0.0", { host: "0.0.0.0:9912" }, 403, "HostRejected"],
    ["a Host that ends like ours", { host: "evil-127.0.0.1:9912" }, 403, "HostRejected"],
    ["a rebound name", { host: "127.0.0.1.evil.test:9912" }, 403, "HostRejected"],
    ["an Origin", { origin: "http://evil.test" }, 403, "OriginRejected"],
    ["Origin null", { origin: "null" }, 403, "OriginRejected"],
    ["a Referer", { referer: "http://evil.test/" }, 403, "OriginRejected"],
    ["a Cookie", { cookie: "a=b" }, 403, "OriginRejected"],
    ["Sec-Fetch-Site", { "sec-fetch-site": "none" }, 403, "OriginRejected"],
    ["X-Forwarded-For", { "x-forwarded-for": "1.2.3.4" }, 403, "OriginRejected"],
    ["Via", { via: "1.1 proxy" }, 403, "OriginRejected"],
  ])("refuses %s", async (_, headers, status, code) => {
    const { get, credentialsFor } = await setup()

    expect(await problemOf(await get("/credentials/dev", headers))).toMatchObject({ status, code })
    expect(credentialsFor).not.toHaveBeenCalled()
  })

  it.each(["127.0.0.1", "127.0.0.1:9912", "localhost:9912", "[::1]:9912"])("knows itself as %s", async (host) => {
    expect((await (await setup()).get("/credentials/dev", { host })).status).toBe(200)
  })

  it("takes Sec-Fetch-Mode, which Node's own fetch sends", async () => {
    expect((await (await setup()).get("/credentials/dev", { "sec-fetch-mode": "cors" })).status).toBe(200)
  })

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("refuses %s", async (method) => {
    expect(await problemOf(await (await setup()).get("/credentials/dev", {}, method))).toMatchObject({
      status: 405,
      code: "MethodNotAllowed",
    })
  })

  it("keeps a lease to its profiles", async () => {
    const { get, narrow } = await setup()

    expect((await get("/credentials/dev", { authorization: narrow })).status).toBe(200)
    expect(await problemOf(await get("/credentials/prod", { authorization: narrow }))).toMatchObject({
      status: 403,
      code: "ProfileNotAllowed",
    })
  })

  it("tells a person what to do when the session has ended", async () => {
    const { get, credentialsFor } = await setup()
    credentialsFor.mockRejectedValue(sessionExpired("acme", Date.now()))

    const { status, code, message } = await problemOf(await get("/credentials/dev"))

    expect([status, code]).toEqual([403, "SessionExpired"])
    expect(message).toMatch(/run: credd login acme$/)
  })

  it("keeps the command to run when the message is too long or not ASCII", async () => {
    const { get, credentialsFor } = await setup()
    credentialsFor.mockRejectedValue(
      new CreddError("AccessDenied", `naïve ${"x".repeat(400)}`, { hint: "run: credd whoami" }),
    )

    expect((await problemOf(await get("/credentials/dev"))).message).toMatch(/\.\.\.; run: credd whoami$/)
  })

  it("tells nothing of an error that is not ours", async () => {
    const { get, credentialsFor, log } = await setup()
    credentialsFor.mockRejectedValue(new TypeError("secret detail"))

    const { status, message } = await problemOf(await get("/credentials/dev"))

    expect(status).toBe(500)
    expect(message).not.toContain("secret detail")
    expect(log.lines.join("")).not.toContain("secret detail")
  })

  it("logs no token and no secret", async () => {
    const { get, token, credentials, log } = await setup()
    await get("/credentials/dev")
    await get("/credentials/dev", { authorization: "EXAMPLE-wrong-token" })

    const text = log.lines.join("\n")

    for (const secret of [
      token,
      "EXAMPLE-wrong-token",
      credentials.secretAccessKey.reveal(),
      credentials.sessionToken.reveal(),
    ]) {
      expect(text).not.toContain(secret)
    }
  })
})

describe("a lease that is revoked while its caller waits for AWS", () => {
  it("gets nothing any more", async () => {
    const { get, narrow, leases, credentials, credentialsFor } = await setup()
    credentialsFor.mockImplementationOnce(async () => {
      await leases.revoke("agent")
      return credentials
    })

    const response = await get("/credentials/dev", { authorization: narrow })

    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain(credentials.accessKeyId)
  })
})

describe("a caller of another user", () => {
  it.each([
    ["known from before", () => false],
    ["looked up just now", async () => false],
    ["who cannot be looked up", async () => await Promise.reject(new Error("no table"))],
  ])("is refused with the right token: one %s", async (_, mayAsk) => {
    const { get, credentials } = await setup({ mayAsk })

    const response = await get("/credentials/dev")

    expect(await problemOf(response.clone())).toMatchObject({ status: 403, code: "PeerRejected" })
    expect(await response.text()).not.toContain(credentials.secretAccessKey.reveal())
  })

  it("is told nothing about the profile, whatever became of the credentials", async () => {
    const { get, credentialsFor } = await setup({ mayAsk: async () => false })
    credentialsFor.mockRejectedValue(sessionExpired("acme", 0))

    expect(await problemOf(await get("/credentials/dev"))).toMatchObject({ status: 403, code: "PeerRejected" })
  })

  it("costs no look-up without a token", async () => {
    const mayAsk = vi.fn(() => true)
    const { get } = await setup({ mayAsk })

    await get("/credentials/dev", { authorization: "wrong" })

    expect(mayAsk).not.toHaveBeenCalled()
  })
})

describe("a caller who is still looked up", () => {
  it("gets the credentials, or the reason why there are none", async () => {
    const { get, credentialsFor } = await setup({ mayAsk: async () => true })

    expect((await get("/credentials/dev")).status).toBe(200)
    credentialsFor.mockRejectedValue(sessionExpired("acme", 0))
    expect(await problemOf(await get("/credentials/dev"))).toMatchObject({ status: 403, code: "SessionExpired" })
  })
})

describe("the other paths", () => {
  it("answers /healthz without a token and tells nothing else", async () => {
    const response = await (await setup()).get("/healthz", { authorization: "" })

    expect([response.status, await response.text()]).toEqual([200, '{"status":"ok"}'])
  })

  it.each(["/", "/credentials", "/status", "/latest/meta-data/", "/credentials/", "/credentials2/dev"])(
    "has no route at %s",
    async (path) => {
      expect(await problemOf(await (await setup()).get(path))).toMatchObject({ status: 404, code: "RouteNotFound" })
    },
  )

  test.prop([
    fc.webPath(),
    fc.dictionary(
      fc.constantFrom("origin", "host", "authorization", "referer", "accept"),
      fc.string().map((s) => s.replaceAll(/[^\x21-\x7e]/g, "")),
    ),
  ])("never answers 200 without the token, never allows an origin, never echoes a header", async (path, headers) => {
    const { get } = await setup()
    const response = await get(path, { authorization: "", ...headers })
    const body = await response.text()

    if (new URL(`http://x${path}`).pathname !== "/healthz") expect(response.status).not.toBe(200)
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([])
    expect(response.headers.get("cache-control")).toBe("no-store")
    for (const value of Object.values(headers)) if (value.length >= 8) expect(body).not.toContain(value)
  })
})
