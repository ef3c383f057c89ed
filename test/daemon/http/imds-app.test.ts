import { fc, test } from "@fast-check/vitest"
import { randomBytes } from "node:crypto"
import { describe, expect, it, vi } from "vitest"
import type { Credentials } from "../../../daemon/core/credentials.ts"
import { loginRequired, serviceUnavailable } from "../../../daemon/core/errors.ts"
import { imdsApp, tokenHeader, ttlHeader, type ImdsPlace } from "../../../daemon/http/imds-app.ts"
import { fakeAudit } from "../../fakes/audit.ts"
import { fakeClock, hours, seconds } from "../../fakes/clock.ts"
import { someCredentials } from "../../fakes/credentials.ts"
import { fakeLog } from "../../fakes/log.ts"

const list = "/latest/meta-data/iam/security-credentials/"
const extended = "/latest/meta-data/iam/security-credentials-extended/"

function setup(profile = "dev", tokenKey = randomBytes(32).toString("base64url")) {
  const clock = fakeClock()
  const held = { ...someCredentials(clock.now() + 1 * hours), accountId: "123456789012" }
  const credentials = vi.fn<() => Promise<Credentials>>(async () => held)
  const place = vi.fn<() => ImdsPlace | undefined>(() => ({ region: "eu-west-1", accountId: "123456789012" }))
  const log = fakeLog()
  const audit = fakeAudit()
  const app = imdsApp({ profile, tokenKey, place, credentials, clock, audit, log })
  const send = async (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
    await app.request(path, { method, headers: { host: "127.0.0.1:9913", ...headers } })
  const mint = async (ttl = "21600"): Promise<string> =>
    await (await send("PUT", "/latest/api/token", { [ttlHeader]: ttl })).text()
  const get = async (path: string, token?: string): Promise<Response> =>
    await send("GET", path, { [tokenHeader]: token ?? (await mint()) })
  return { clock, held, credentials, place, audit, log, app, send, mint, get }
}

describe("the token of an imdsApp", () => {
  it.each(["1", "60", "300", "600", "21600"])("is given for %s s, and the header comes back", async (ttl) => {
    const { send } = setup()

    const response = await send("PUT", "/latest/api/token", { [ttlHeader]: ttl })

    expect([response.status, response.headers.get(ttlHeader)]).toEqual([200, ttl])
    expect(await response.text()).toMatch(/^[\w.-]{20,}$/)
  })

  it.each(["0", "21601", "-1", "1.5", "+60", "0x10", "1e3", "sixty", " ", "", "99999", "999999999999", "60, 60"])(
    "is refused for a TTL of %j",
    async (ttl) => {
      const { send } = setup()

      const response = await send("PUT", "/latest/api/token", { [ttlHeader]: ttl })

      expect([response.status, await response.text()]).toEqual([400, ""])
    },
  )

  it("is refused without a TTL", async () => {
    const response = await setup().send("PUT", "/latest/api/token")

    expect([response.status, await response.text()]).toEqual([400, ""])
  })

  it("ends to the second", async () => {
    const { clock, get, mint } = setup()
    const token = await mint("60")

    clock.advance(59 * seconds)
    expect((await get(list, token)).status).toBe(200)
    clock.advance(1 * seconds)
    expect((await get(list, token)).status).toBe(401)
  })

  it("is good for this profile only", async () => {
    const other = setup()

    expect((await other.get(list, await setup().mint())).status).toBe(401)
  })

  // https://github.com/smithy-lang/smithy-rs: a 401 makes the Rust SDK ask again, with the token that it has.
  it("is still good after a restart of the daemon", async () => {
    const key = "k".repeat(43)

    expect((await setup("dev", key).get(list, await setup("dev", key).mint())).status).toBe(200)
  })

  test.prop([fc.nat(200), fc.integer({ min: 1, max: 255 }), fc.string()])(
    "is good in no other form than the one that was given",
    async (at, by, more) => {
      const { get, mint } = setup()
      const token = await mint()
      const changed = token.split("")
      const index = at % token.length
      changed[index] = String.fromCharCode((token.charCodeAt(index) + by) % 128)
      const forged = [changed.join(""), `${token}.${token}`, token.split(".")[0] ?? "", `${token}=`, more]

      for (const each of forged.filter((text) => /^[\x21-\x7e]*$/.test(text) && text !== token)) {
        const response = await get(list, each)
        expect([response.status, await response.text()]).toEqual([401, ""])
      }
    },
  )

  it("costs no memory, however many are asked for", async () => {
    const { get, mint } = setup()
    const first = await mint()

    const tokens = new Set<string>()
    for (let i = 0; i < 1_000; i += 1) tokens.add(await mint(String(1 + (i % 21_600))))

    // Nothing is pushed out either: whoever asks for many takes nobody's token away.
    expect((await get(list, first)).status).toBe(200)
  })
})

describe(imdsApp.name, () => {
  it.each([
    list,
    list.slice(0, -1),
    extended,
    `${list}credd-dev`,
    `${extended}credd-dev`,
    "/latest/meta-data/placement/region",
    "/latest/dynamic/instance-identity/document",
    "/latest/meta-data/",
    "/no/such/path",
    "/",
  ])("answers 401 on %s without a token, whether it is there or not", async (path) => {
    const { credentials, send } = setup()

    for (const token of [undefined, "", "x"]) {
      const response = await send("GET", path, token === undefined ? {} : { [tokenHeader]: token })
      expect([response.status, await response.text()]).toEqual([401, ""])
    }
    expect(credentials).not.toHaveBeenCalled()
  })

  it.each([list, list.slice(0, -1), extended, extended.slice(0, -1)])(
    "names one role at %s, with no newline",
    async (path) => {
      const response = await setup().get(path)

      expect([response.status, await response.text()]).toEqual([200, "credd-dev"])
      expect(response.headers.get("content-length")).toBe("9")
    },
  )

  it.each([list, extended])("hands out whole credentials at %s", async (path) => {
    const { get, held } = setup()

    const response = await get(`${path}credd-dev`)

    expect(response.status).toBe(200)
    expect(JSON.parse(await response.text())).toEqual({
      Code: "Success",
      LastUpdated: "2026-11-23T10:00:00Z",
      Type: "AWS-HMAC",
      AccessKeyId: held.accessKeyId,
      SecretAccessKey: held.secretAccessKey.reveal(),
      Token: held.sessionToken.reveal(),
      Expiration: "2026-11-23T11:00:00Z",
      AccountId: "123456789012",
    })
  })

  it.each(["with space", "team/dev", "schön", "a+b=c,d@e", "50%", "a.b", "..", "/"])(
    "has a role name for profile %j that needs no encoding",
    async (profile) => {
      const { get } = setup(profile)
      const role = await (await get(list)).text()

      expect(role).toMatch(/^credd-[\w.-]+$/)
      expect((await get(`${list}${encodeURIComponent(role)}`)).status).toBe(200)
    },
  )

  it.each(["/latest/api/token", `${list}credd-dev`, "/latest/meta-data/placement/region"])(
    "takes the address's slash and that of %s for one, and no more of them",
    async (path) => {
      const { mint, send } = setup()
      const [method, headers] = path.includes("token")
        ? (["PUT", { [ttlHeader]: "60" }] as const)
        : (["GET", { [tokenHeader]: await mint() }] as const)

      expect((await send(method, `http://127.0.0.1:9913/${path}`, headers)).status).toBe(200)
      expect((await send(method, `http://127.0.0.1:9913//${path}`, headers)).status).toBe(404)
    },
  )

  it("knows no other role", async () => {
    const { credentials, get } = setup()

    for (const role of ["credd-prod", "credd-dev/", "credd-dev/x", "CREDD-DEV", "..%2fcredd-dev"]) {
      const response = await get(`${list}${role}`)
      expect([response.status, await response.text()]).toEqual([404, ""])
    }
    expect(credentials).not.toHaveBeenCalled()
  })

  it("tells where it stands", async () => {
    const { get } = setup()
    const read = async (path: string): Promise<string> => await (await get(`/latest/${path}`)).text()

    expect(await read("meta-data/placement/region")).toBe("eu-west-1")
    expect(await read("meta-data/placement/availability-zone")).toBe("eu-west-1a")
    expect(await read("meta-data/placement/availability-zone/")).toBe("eu-west-1a")
    expect(JSON.parse(await read("dynamic/instance-identity/document"))).toEqual({
      version: "2017-09-30",
      region: "eu-west-1",
      availabilityZone: "eu-west-1a",
      accountId: "123456789012",
    })
  })

  it("stands nowhere once the profile is gone", async () => {
    const { get, place } = setup()
    place.mockReturnValue(undefined)

    for (const path of ["meta-data/placement/region", "dynamic/instance-identity/document"]) {
      const response = await get(`/latest/${path}`)
      expect([response.status, await response.text()]).toEqual([404, ""])
    }
  })

  it.each([
    // A 403 would make JavaScript v2 give up for as long as it lives.
    ["401 where somebody must log in", loginRequired("dev", "acme"), 401],
    ["503 where AWS cannot be reached", serviceUnavailable("STS", "eu-west-1", "down"), 503],
    ["500 for an error of its own", new TypeError("EXAMPLE-canary"), 500],
  ])("answers %s, without a body", async (_, error, status) => {
    const { credentials, get, log } = setup()
    credentials.mockRejectedValue(error)

    const response = await get(`${list}credd-dev`)

    expect([response.status, await response.text(), response.headers.get("content-length")]).toEqual([status, "", "0"])
    expect(log.lines.join("\n")).not.toContain("canary")
  })

  it.each(["POST", "DELETE", "OPTIONS", "PATCH"])("answers %s with 405", async (method) => {
    const response = await setup().send(method, "/latest/api/token", { [ttlHeader]: "60" })

    expect([response.status, await response.text()]).toEqual([405, ""])
  })

  test.prop([
    fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"),
    fc.webPath(),
    fc.dictionary(
      fc.constantFrom("origin", tokenHeader, ttlHeader, "authorization", "x-forwarded-for", "accept"),
      fc.stringMatching(/^[\x21-\x7e]{0,40}$/),
    ),
  ])("gives nothing to whoever has no token, and lets no page or cache in", async (method, path, headers) => {
    const { credentials, send } = setup()

    const response = await send(method, path, headers)

    if (path !== "/latest/api/token") expect(await response.text()).toBe("")
    expect(credentials).not.toHaveBeenCalled()
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(response.headers.get("x-content-type-options")).toBe("nosniff")
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'")
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([])
  })

  it("logs no secret and no token", async () => {
    const { get, held, log, mint } = setup()
    const token = await mint()
    await get(`${list}credd-dev`, token)

    for (const secret of [held.secretAccessKey.reveal(), held.sessionToken.reveal(), token, held.accessKeyId]) {
      expect(log.lines.join("\n")).not.toContain(secret)
    }
  })
})
