/** The control plane: every command that changes something. Reached over the Unix socket only. */
import { getRequestListener } from "@hono/node-server"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import { Hono } from "hono"
import type { ServerResponse } from "node:http"
import * as v from "valibot"
import type { ControlRoute, ControlRoutes, ErrorBody, HeldRoute, HeldRoutes } from "../api.ts"
import { CreddError, errorBody, originRejected, requestMalformed, routeNotFound } from "../core/errors.ts"
import type { Log } from "../core/ports.ts"
import { statusOf } from "./problem.ts"
import type { Handle } from "./servers.ts"

/** What the hall gives: one function for each route of `api.ts`. */
export type ControlHandlers = {
  readonly [R in ControlRoute]: (body: ControlRoutes[R]["body"]) => Promise<ControlRoutes[R]["answer"]>
}

/** And one for each route whose answer is held: what it gives is over when the caller is gone. */
export type HeldHandlers = {
  readonly [R in HeldRoute]: (body: HeldRoutes[R]["body"]) => Promise<HeldAnswer<HeldRoutes[R]["answer"]>>
}

export interface HeldAnswer<A> {
  readonly answer: A
  /** Called once, with the open connection. */
  hold(connection: HeldConnection): void
}

export interface HeldConnection {
  close(): void
  onGone(callback: () => void): void
}

const profile = v.pipe(v.string(), v.nonEmpty(), v.maxLength(256))
const mfaSerial = v.pipe(v.string(), v.minLength(9), v.maxLength(256))
const nothing = v.object({})
// Looked into by the core, which says what is wrong with it.
const policy = v.pipe(v.string(), v.maxLength(32_768))
const policyArns = v.pipe(v.array(v.pipe(v.string(), v.maxLength(2_048))), v.maxLength(100))
const scope = v.nullable(
  v.variant("kind", [
    v.strictObject({ kind: v.literal("read-only") }),
    v.strictObject({ kind: v.literal("policy"), policy }),
    v.strictObject({ kind: v.literal("policy-arns"), policyArns }),
  ]),
)
const leaseName = v.pipe(v.string(), v.nonEmpty(), v.maxLength(256))
const token = v.pipe(v.string(), v.maxLength(256))
const seconds = v.pipe(v.number(), v.integer())

export interface ControlAppOptions {
  readonly handlers: ControlHandlers
  readonly held: HeldHandlers
  /** Runs before each command: a person who has just edited the config file means what it says now. */
  readonly before: () => Promise<void>
  readonly log: Log
}

/** node-server hands the response through. */
interface Served {
  readonly Bindings: { readonly outgoing?: ServerResponse }
}

export function controlListener(options: ControlAppOptions): Handle {
  const listener = getRequestListener(controlApp(options).fetch)
  return (request, response) => void listener(request, response)
}

export function controlApp({ handlers, held, before, log }: ControlAppOptions): Hono<Served> {
  const app = new Hono<Served>()

  // A browser cannot open a Unix socket; whatever brings these headers is not our client.
  app.use(async (c, next) => {
    if (c.req.header("origin") !== undefined || c.req.header("referer") !== undefined) throw originRejected()
    await next()
  })

  function on<R extends ControlRoute>(name: R, schema: v.GenericSchema<unknown, ControlRoutes[R]["body"]>): void {
    const [method = "", path = ""] = name.split(" ")
    app.on(method, path, async (c) => {
      const sent: unknown = method === "GET" ? c.req.query() : await c.req.json().catch(() => undefined)
      const body = parsed(name, schema, sent)
      await before()
      return c.json(await handlers[name](body))
    })
  }
  function onHeld<R extends HeldRoute>(name: R, schema: v.GenericSchema<unknown, HeldRoutes[R]["body"]>): void {
    const [method = "", path = ""] = name.split(" ")
    app.on(method, path, async (c) => {
      const body = parsed(name, schema, await c.req.json().catch(() => undefined))
      await before()
      const { answer, hold } = await held[name](body)
      const { outgoing } = c.env
      if (outgoing === undefined) return c.json(answer)
      outgoing.writeHead(200, { "content-type": "application/json" })
      outgoing.write(JSON.stringify(answer))
      hold({
        close: () => outgoing.destroy(),
        onGone(callback) {
          if (outgoing.destroyed) callback()
          else outgoing.once("close", callback)
        },
      })
      return RESPONSE_ALREADY_SENT
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
  on("GET /access-keys", nothing)
  on(
    "POST /access-keys",
    v.object({ profile, accessKeyId: v.string(), secretAccessKey: v.string(), mfaSerial: v.exactOptional(mfaSerial) }),
  )
  on("POST /rotate", v.object({ profile, isUndoing: v.boolean(), isDeleting: v.boolean() }))
  on("DELETE /access-keys", v.object({ profile }))
  on("GET /leases", nothing)
  on(
    "POST /leases",
    v.object({
      name: leaseName,
      profiles: v.pipe(v.array(profile), v.nonEmpty(), v.maxLength(100)),
      scope,
      ttlSeconds: seconds,
      description: v.exactOptional(v.pipe(v.string(), v.maxLength(1_000))),
      replace: v.boolean(),
      within: v.exactOptional(token),
    }),
  )
  on("DELETE /leases", v.object({ name: v.exactOptional(leaseName), all: v.boolean() }))
  onHeld(
    "POST /exec",
    v.object({
      command: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4_096)),
      pid: v.pipe(seconds, v.minValue(1)),
      profile: v.exactOptional(profile),
      scope,
      within: v.exactOptional(token),
      token: v.exactOptional(token),
    }),
  )
  on("GET /imds", nothing)
  on("POST /imds", v.object({ profile }))
  on("DELETE /imds", v.object({ profile }))
  on("GET /audit", nothing)
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

function parsed<T>(name: string, schema: v.GenericSchema<unknown, T>, sent: unknown): T {
  const body = v.safeParse(schema, sent)
  if (body.success) return body.output
  // The path, never its value: a body may hold a secret.
  throw requestMalformed(`${name}: ${v.getDotPath(body.issues[0]) ?? "the body"} is not as it should be`)
}

/** The first line of the stack that is ours: enough to find a defect, and no values. */
function whereOf(error: Error): string | undefined {
  return error.stack?.split("\n")[1]?.trim()
}
