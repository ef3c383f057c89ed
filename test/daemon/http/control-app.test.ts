import { fc, test } from "@fast-check/vitest"
import { describe, expect, it, vi } from "vitest"
import { keychainLocked, loginRequired } from "../../../daemon/core/errors.ts"
import { controlApp, type ControlHandlers, type HeldHandlers } from "../../../daemon/http/control-app.ts"
import { fakeLog } from "../../fakes/log.ts"

async function never(): Promise<never> {
  throw new TypeError("EXAMPLE-canary of an error of our own")
}

function setup() {
  const handlers = {
    "GET /status": vi.fn<ControlHandlers["GET /status"]>(never),
    "GET /environment": vi.fn<ControlHandlers["GET /environment"]>(never),
    "GET /whoami": vi.fn<ControlHandlers["GET /whoami"]>(never),
    "GET /session": vi.fn<ControlHandlers["GET /session"]>(never),
    "GET /login-plan": vi.fn<ControlHandlers["GET /login-plan"]>(never),
    "POST /login": vi.fn<ControlHandlers["POST /login"]>(never),
    "POST /logout": vi.fn<ControlHandlers["POST /logout"]>(never),
    "POST /lock": vi.fn<ControlHandlers["POST /lock"]>(async () => ({ sessions: 1, warnings: [] })),
    "POST /console": vi.fn<ControlHandlers["POST /console"]>(never),
    "POST /decode": vi.fn<ControlHandlers["POST /decode"]>(never),
    "POST /rotate": vi.fn<ControlHandlers["POST /rotate"]>(never),
    "POST /refresh": vi.fn<ControlHandlers["POST /refresh"]>(never),
    "GET /access-keys": vi.fn<ControlHandlers["GET /access-keys"]>(never),
    "POST /access-keys": vi.fn<ControlHandlers["POST /access-keys"]>(never),
    "DELETE /access-keys": vi.fn<ControlHandlers["DELETE /access-keys"]>(never),
    "GET /leases": vi.fn<ControlHandlers["GET /leases"]>(never),
    "POST /leases": vi.fn<ControlHandlers["POST /leases"]>(never),
    "DELETE /leases": vi.fn<ControlHandlers["DELETE /leases"]>(never),
    "GET /audit": vi.fn<ControlHandlers["GET /audit"]>(never),
    "GET /imds": vi.fn<ControlHandlers["GET /imds"]>(never),
    "POST /imds": vi.fn<ControlHandlers["POST /imds"]>(never),
    "DELETE /imds": vi.fn<ControlHandlers["DELETE /imds"]>(never),
    "POST /unlock": vi.fn<ControlHandlers["POST /unlock"]>(never),
  }
  const log = fakeLog()
  const held = { "POST /exec": vi.fn<HeldHandlers["POST /exec"]>(never) }
  const app = controlApp({ handlers, held, log, before: async () => undefined })
  const send = async (
    route: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> => {
    const [method = "", path = ""] = route.split(" ")
    const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }
    return await app.request(path, {
      method,
      headers: { host: "credd", "content-type": "application/json", ...headers },
      ...sent,
    })
  }
  return { handlers, log, send }
}

describe(controlApp.name, () => {
  it("hands a checked body to its handler and the answer back", async () => {
    const { handlers, send } = setup()

    const response = await send("POST /lock", {})

    expect([response.status, await response.json()]).toEqual([200, { sessions: 1, warnings: [] }])
    expect(handlers["POST /lock"]).toHaveBeenCalledWith({})
  })

  it("reads the query of a GET", async () => {
    const { handlers, send } = setup()
    handlers["GET /login-plan"].mockRejectedValue(loginRequired("dev", "acme"))

    const response = await send("GET /login-plan?profile=with%20space")

    expect(handlers["GET /login-plan"]).toHaveBeenCalledWith({ profile: "with space" })
    expect([response.status, await response.json()]).toEqual([
      403,
      { code: "LoginRequired", message: 'profile "dev" has no MFA session', hint: "run: credd login acme" },
    ])
  })

  it("sends code, message and hint of our errors", async () => {
    const { handlers, send } = setup()
    handlers["GET /status"].mockRejectedValue(keychainLocked())

    expect(await (await send("GET /status")).json()).toMatchObject({ code: "KeychainLocked", hint: expect.any(String) })
  })

  it("sends and logs nothing of an error that is not ours", async () => {
    const { log, send } = setup()

    const response = await send("GET /status")

    expect(response.status).toBe(500)
    expect((await response.text()) + log.lines.join("")).not.toContain("canary")
  })

  it.each([
    ["not JSON", "{"],
    ["no profile", { mfaCode: "123456", durationSeconds: 900 }],
    ["an empty profile", { profile: "", mfaCode: "123456", durationSeconds: 900 }],
    ["a code that is a number", { profile: "a", mfaCode: 123_456, durationSeconds: 900 }],
    ["a duration of half a second", { profile: "a", mfaCode: "123456", durationSeconds: 0.5 }],
    ["an array", []],
    ["null", null],
  ])("refuses a login with %s, and does not repeat it", async (_, body) => {
    const { handlers, send } = setup()

    const response = await send("POST /login", body)

    expect(response.status).toBe(400)
    expect(await response.text()).not.toContain("123456")
    expect(handlers["POST /login"]).not.toHaveBeenCalled()
  })

  it.each([{ origin: "http://evil.test" }, { referer: "http://evil.test/" }])(
    "refuses what comes from a page: %j",
    async (headers) => {
      const { handlers, send } = setup()

      expect((await send("POST /lock", {}, headers)).status).toBe(403)
      expect(handlers["POST /lock"]).not.toHaveBeenCalled()
    },
  )

  test.prop([
    fc.constantFrom(
      "POST /login",
      "POST /logout",
      "POST /access-keys",
      "POST /unlock",
      "DELETE /access-keys",
      "POST /leases",
      "DELETE /leases",
      "POST /exec",
    ),
    fc.jsonValue(),
  ])("answers any body with an error of its own words", async (route, body) => {
    const { send } = setup()

    const response = await send(route, body)

    expect([400, 500]).toContain(response.status)
    expect(await response.json()).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  })
})
