/** Another user of this machine: can connect to every port, see every process's arguments, and try every door. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { finished, install, signIn } from "../support/daemon.ts"
import { asOtherUser, needsOtherUser, otherUid } from "../support/other-user.ts"

const owner = 54_320

beforeEach((context) => needsOtherUser(context))

async function signedIn(variables: Readonly<Record<string, string>> = {}, hasInetDiag = false) {
  const box = await install(variables, undefined, {}, { owner, hasInetDiag })
  const daemon = await box.start()
  await signIn(box)
  const state = box.env["CREDD_HOME"] ?? ""
  const { endpoint } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
  const token = readFileSync(join(state, "tokens", "shell"), "utf8")
  return { box, daemon, state, port: Number(new URL(endpoint).port), token }
}

/** What each attempt came to, by its name: what the attacker got, or the error that it met. */
async function attempts(code: string, facts: object): Promise<Record<string, unknown>> {
  const child = asOtherUser(
    `const facts = ${JSON.stringify(facts)}
     const outcome = {}
     const attempt = async (name, act) => {
       outcome[name] = await (async () => await act())().catch((error) => error.code ?? error.cause?.code ?? String(error))
     }
     ${code}
     console.log(JSON.stringify(outcome))
     process.exit()`,
  )
  const { stdout } = await finished(child)
  return JSON.parse(stdout) as Record<string, unknown>
}

const raw = `
  import { connect } from "node:net"
  const raw = (bytes, { half = false, host = "127.0.0.1", port = facts.port } = {}) => new Promise((resolve) => {
    let text = ""
    const socket = connect({ host, port, allowHalfOpen: true }, () => half ? socket.end(bytes) : socket.write(bytes))
    socket.on("data", (chunk) => { text += chunk })
    socket.on("error", (error) => resolve(error.code))
    socket.on("end", () => { socket.destroy(); resolve(text.split("\\r\\n")[0] + " " + (/"Code":"(\\w+)"/.exec(text)?.[1] ?? text.length)) })
  })
  const get = (path, more = "") => "GET " + path + " HTTP/1.1\\r\\nHost: 127.0.0.1:" + facts.port + "\\r\\nConnection: close\\r\\n" + more + "\\r\\n"`

describe.each([
  ["is found in the table of connections", false],
  ["the kernel tells when it is asked for it alone", true],
])("another user at the data plane, whose connection %s", (_, hasInetDiag) => {
  it("gets no credentials with the owner's own token, however it connects", async () => {
    const { box, port, token } = await signedIn({}, hasInetDiag)
    expect((await box.run(["whoami", "dev"])).status).toBe(0)

    const outcome = await attempts(
      `${raw}
      const auth = "Authorization: " + facts.token + "\\r\\n"
      await attempt("plain", () => raw(get("/credentials/dev", auth)))
      await attempt("half-closed", () => raw(get("/credentials/dev", auth), { half: true }))
      await attempt("mapped to IPv6", () => raw(get("/credentials/dev", auth), { host: "::ffff:127.0.0.1" }))
`,
      { port, token },
    )

    const { "half-closed": halfClosed, ...rest } = outcome
    expect(new Set(Object.values(rest))).toEqual(new Set(["HTTP/1.1 403 Forbidden PeerRejected"]))
    // Node ends a connection whose other side has ended, before we could answer.
    expect([" 0", "HTTP/1.1 403 Forbidden PeerRejected"]).toContain(halfClosed)
    await box.run(["audit", "--verify"])
    const trail = (await box.run(["audit", "--json"])).stdout
    expect(trail).toContain(`"outcome":"PeerRejected","via":"endpoint","profile":"dev","lease":"shell"`)
    expect(trail).toContain(`"peer":{"uid":${otherUid}}`)
    expect(trail).not.toContain('"event":"served"')
  })

  it("learns nothing without a token: no profile's name, the same answer for every path", async () => {
    const { port } = await signedIn({}, hasInetDiag)

    const outcome = await attempts(
      `await attempt("texts", () => Promise.all(["/credentials/dev", "/credentials/nope", "/credentials/acme"].map(
         async (path) => { const r = await fetch("http://127.0.0.1:" + facts.port + path); return r.status + await r.text() })))`,
      { port },
    )

    const texts = outcome["texts"] as string[]
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toMatch(/^401/)
    expect(texts[0]).not.toMatch(/dev|acme|arn:/)
  })

  it("is let in by allow_uids, on purpose, and then only with the token", async () => {
    const { port, token } = await signedIn({ CREDD_ALLOW_UIDS: String(otherUid) }, hasInetDiag)

    const outcome = await attempts(
      `${raw}
      await attempt("with", () => raw(get("/credentials/dev", "Authorization: " + facts.token + "\\r\\n")))
      await attempt("without", () => raw(get("/credentials/dev")))`,
      { port, token },
    )

    expect(outcome["with"]).toMatch(/^HTTP\/1.1 200 OK/)
    expect(outcome["without"]).toBe("HTTP/1.1 401 Unauthorized TokenMissing")
  })

  it("gets nothing of the instance metadata service", async () => {
    const { box } = await signedIn({ CREDD_IMDS: "dev" }, hasInetDiag)
    const [{ endpoint: base } = { endpoint: "" }] = JSON.parse((await box.run(["imds", "list", "--json"])).stdout) as {
      endpoint: string
    }[]

    const outcome = await attempts(
      `await attempt("token", async () => {
         const r = await fetch(facts.base + "/latest/api/token", { method: "PUT", headers: { "X-aws-ec2-metadata-token-ttl-seconds": "60" } })
         return r.status + await r.text() })
       await attempt("role", async () => (await fetch(facts.base + "/latest/meta-data/iam/security-credentials/")).status)`,
      { base },
    )

    expect(outcome).toEqual({ token: "403", role: 403 })
  })
})

describe("another user at the owner's files and processes", () => {
  it("reaches neither the socket nor a file of the state, token and audit trail among them", async () => {
    const { state } = await signedIn()

    const outcome = await attempts(
      `import { readFileSync, readdirSync, writeFileSync } from "node:fs"
       import { connect } from "node:net"
       for (const name of ["tokens/shell", "leases.json", "endpoint.json", "audit/audit-000001.jsonl"])
         await attempt(name, () => readFileSync(facts.state + "/" + name, "utf8"))
       await attempt("list", () => readdirSync(facts.state))
       await attempt("write", () => writeFileSync(facts.state + "/config.toml", "store = 'memory'"))
       await attempt("socket", () => new Promise((resolve, reject) =>
         connect(facts.state + "/credd.sock", () => resolve("connected")).on("error", reject)))`,
      { state },
    )

    expect(new Set(Object.values(outcome))).toEqual(new Set(["EACCES"]))
  })

  it("reads neither the daemon's environment nor its memory, and cannot signal it", async () => {
    const { daemon } = await signedIn()

    const outcome = await attempts(
      `import { openSync, readFileSync, readlinkSync } from "node:fs"
       for (const name of ["environ", "maps", "mem", "fd/1"]) await attempt(name, () => openSync("/proc/" + facts.pid + "/" + name, "r"))
       await attempt("cwd", () => readlinkSync("/proc/" + facts.pid + "/cwd"))
       for (const signal of ["SIGUSR1", "SIGTERM", "SIGABRT"]) await attempt(signal, () => process.kill(facts.pid, signal))`,
      { pid: daemon.pid },
    )

    for (const [name, got] of Object.entries(outcome)) expect(got, name).toMatch(/^(EACCES|EPERM)$/)
  })

  it("cannot share the port, nor take it beside the daemon", async () => {
    const { box, port } = await signedIn()

    const outcome = await attempts(
      `import { createServer } from "node:net"
       for (const host of ["127.0.0.1", "0.0.0.0"]) await attempt(host, () => new Promise((resolve, reject) =>
         createServer().on("error", reject).listen({ host, port: facts.port }, () => resolve("listening"))))`,
      { port },
    )

    expect(outcome).toEqual({ "127.0.0.1": "EADDRINUSE", "0.0.0.0": "EADDRINUSE" })
    // The one that a name would lead to: [::1] is anybody's, so the URL has the IPv4 literal.
    expect((await box.run(["env", "dev"])).stdout).toContain(`http://127.0.0.1:${port}/`)
  })
})
