/** The control plane: every command that changes something. Reached over the Unix socket only. */
import { Hono } from "hono"
import * as v from "valibot"
import type { ControlRoute, ControlRoutes, ErrorBody } from "../api.ts"
import { CreddError, errorBody, originRejected, requestMalformed, routeNotFound } from "../core/errors.ts"
import type { Log } from "../core/ports.ts"
import { statusOf } from "./problem.ts"

/** What the hall gives: one function for each route of `api.ts`. */
export type ControlHandlers = {
  readonly [R in ControlRoute]: (body: ControlRoutes[R]["body"]) => Promise<ControlRoutes[R]["answer"]>
}

const profile = v.pipe(v.string(), v.nonEmpty(), v.maxLength(256))
const mfaSerial = v.pipe(v.string(), v.minLength(9), v.maxLength(256))
const nothing = v.object({})

export interface ControlAppOptions {
  readonly handlers: ControlHandlers
  /** Runs before each command: a person who has just edited the config file means what it says now. */
  readonly before: () => Promise<void>
  readonly log: Log
}

export function controlApp({ handlers, before, log }: ControlAppOptions): Hono {
  const app = new Hono()

  // A browser cannot open a Unix socket; whatever brings these headers is not our client.
  app.use(async (c, next) => {
    if (c.req.header("origin") !== undefined || c.req.header("referer") !== undefined) throw originRejected()
    await next()
  })

  function on<R extends ControlRoute>(name: R, schema: v.GenericSchema<unknown, ControlRoutes[R]["body"]>): void {
    const [method = "", path = ""] = name.split(" ")
    app.on(method, path, async (c) => {
      const sent: unknown = method === "GET" ? c.req.query() : await c.req.json().catch(() => undefined)
      const body = v.safeParse(schema, sent)
      // The path, never its value: a body may hold a secret.
      if (!body.success)
        throw requestMalformed(`${name}: ${v.getDotPath(body.issues[0]) ?? "the body"} is not as it should be`)
      await before()
      return c.json(await handlers[name](body.output))
    })
  }
  on("GET /status", nothing)
  on("GET /environment", v.object({ profile: v.exactOptional(profile) }))
  on("GET /whoami", v.object({ profile }))
  on("GET /session", v.object({ profile }))
  on("GET /login-plan", v.object({ profile }))
  on("POST /login", v.object({ profile, mfaCode: v.string(), durationSeconds: v.pipe(v.number(), v.integer()) }))
  on("POST /logout", v.object({ profiles: v.array(profile), all: v.boolean() }))
  on("POST /lock", nothing)
  on("POST /refresh", v.object({ profile }))
  // AWS's own limit: https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
  on("POST /decode", v.object({ profile, message: v.pipe(v.string(), v.nonEmpty(), v.maxLength(10_240)) }))
  on(
    "POST /console",
    v.object({
      profile,
      service: v.exactOptional(v.string()),
      path: v.exactOptional(v.string()),
      region: v.exactOptional(v.string()),
      policy: v.exactOptional(v.string()),
      durationSeconds: v.exactOptional(v.pipe(v.number(), v.integer())),
    }),
  )
  on(
    "POST /access-keys",
    v.object({ profile, accessKeyId: v.string(), secretAccessKey: v.string(), mfaSerial: v.exactOptional(mfaSerial) }),
  )
  on("DELETE /access-keys", v.object({ profile }))
  on("GET /imds", nothing)
  on("POST /imds", v.object({ profile }))
  on("DELETE /imds", v.object({ profile }))
  on("POST /unlock", v.object({ passphrase: v.string() }))

  app.notFound(() => {
    throw routeNotFound()
  })

  app.onError((error, c) => {
    if (!(error instanceof CreddError))
      log.error("command_failed", { path: c.req.path, error: error.name, at: whereOf(error) })
    const body: ErrorBody = errorBody(error)
    return c.json(body, statusOf(error))
  })

  return app
}

/** The first line of the stack that is ours: enough to find a defect, and no values. */
function whereOf(error: Error): string | undefined {
  return error.stack?.split("\n")[1]?.trim()
}
