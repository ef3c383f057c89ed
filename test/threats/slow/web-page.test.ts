/** A web page in the user's own browser, with the right token in its hands: a real Chromium against a real daemon. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium, type BrowserContext, type Page } from "playwright-core"
import { describe, expect, it, onTestFinished } from "vitest"
import type { AuditLine } from "../../../daemon/audit-trail.ts"
import { install, signIn, type Installation } from "../../support/daemon.ts"

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Newer browsers ask the user before a page of the internet reaches this machine. Nothing here is to rest on that.
  "--disable-features=LocalNetworkAccessChecks",
  "--host-resolver-rules=MAP evil.test 127.0.0.1,MAP rebind.test 127.0.0.1,EXCLUDE 127.0.0.1",
]

async function browser(): Promise<BrowserContext> {
  const folder = mkdtempSync(join(tmpdir(), "credd-chromium-"))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: flags,
  })
  onTestFinished(async () => {
    await context.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return context
}

/** A page of the attacker's own, which counts as local as the daemon does: no browser rule of the day stands between. */
async function evilPage(context: BrowserContext): Promise<Page> {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<h1>evil</h1>"))
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  onTestFinished(() => void server.close())
  const page = await context.newPage()
  await page.goto(`http://evil.test:${(server.address() as AddressInfo).port}/`)
  return page
}

/** The page of a name that led to the attacker a moment ago and leads to the daemon's port now. */
async function reboundPage(context: BrowserContext, port: number): Promise<Page> {
  const page = await context.newPage()
  const address = `http://rebind.test:${port}/page`
  await page.route(address, async (route) => {
    await route.fulfill({ contentType: "text/html", body: "<h1>rebound</h1>" })
  })
  await page.goto(address)
  await page.unroute(address)
  return page
}

async function setup() {
  const box = await install({ CREDD_IMDS: "dev" })
  await box.start()
  await signIn(box)
  const state = box.env["CREDD_HOME"] ?? ""
  const { endpoint } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
  const [{ endpoint: imds } = { endpoint: "" }] = JSON.parse((await box.run(["imds", "list", "--json"])).stdout) as {
    endpoint: string
  }[]
  const token = readFileSync(join(state, "tokens", "shell"), "utf8")
  // Credentials are held, so that whoever gets through gets them.
  expect((await box.run(["whoami", "dev"])).status).toBe(0)
  return { box, port: Number(new URL(endpoint).port), imds: Number(new URL(imds).port), token }
}

/** How often the daemon has said no so far: in its log each time, in the audit trail also where it did not even parse. */
async function refusals(box: Installation): Promise<number> {
  return (await linesOf(box)).length + box.log().split("request_refused").length
}

async function linesOf(box: Installation): Promise<AuditLine[]> {
  await box.run(["audit", "--verify"])
  const { stdout } = await box.run(["audit", "--json"])
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditLine)
}

interface Target {
  readonly port: number
  readonly token: string
}

/** What each does in the page, and gives back what the page could see. `fetched` says all that a script can learn. */
const fetched = `async (url, options) => {
  try {
    const response = await fetch(url, options)
    return response.type + " " + response.status + " " + (await response.text())
  } catch (error) { return "failed: " + error.message }
}`
const element = `(name, property, url) => new Promise((resolve) => {
  const made = document.createElement(name)
  made.onload = made.onerror = (event) => resolve(event.type + " " + (made.contentDocument?.body?.innerText ?? ""))
  made[property] = url
  document.body.append(made)
  setTimeout(() => resolve("nothing"), 3000)
})`
const form = `(method, url) => new Promise((resolve) => {
  const frame = document.createElement("iframe")
  frame.name = "target"
  document.body.append(frame)
  const made = document.createElement("form")
  Object.assign(made, { method, action: url, target: "target", enctype: "text/plain" })
  document.body.append(made)
  frame.onload = () => setTimeout(() => { try { resolve("loaded " + frame.contentDocument.body.innerText) } catch (error) { resolve(error.message) } }, 300)
  made.submit()
})`

const vectors: readonly (readonly [string, (target: Target) => string])[] = [
  ["fetch", ({ port }) => `(${fetched})("http://127.0.0.1:${port}/credentials/dev", {})`],
  [
    "fetch with the token",
    ({ port, token }) =>
      `(${fetched})("http://127.0.0.1:${port}/credentials/dev", { headers: { authorization: "${token}" } })`,
  ],
  ["fetch without cors", ({ port }) => `(${fetched})("http://127.0.0.1:${port}/credentials/dev", { mode: "no-cors" })`],
  [
    "fetch of localhost",
    ({ port }) =>
      `(${fetched})("http://localhost:${port}/credentials/dev", { mode: "no-cors", referrerPolicy: "no-referrer" })`,
  ],
  ["fetch of 0.0.0.0", ({ port }) => `(${fetched})("http://0.0.0.0:${port}/credentials/dev", { mode: "no-cors" })`],
  [
    "a POST of plain text",
    ({ port }) => `(${fetched})("http://127.0.0.1:${port}/lock", { method: "POST", mode: "no-cors", body: "{}" })`,
  ],
  [
    "a PUT for a metadata token",
    ({ port }) =>
      `(${fetched})("http://127.0.0.1:${port}/latest/api/token", { method: "PUT", headers: { "X-aws-ec2-metadata-token-ttl-seconds": "60" } })`,
  ],
  ["an image", ({ port }) => `(${element})("img", "src", "http://127.0.0.1:${port}/credentials/dev")`],
  ["a script", ({ port }) => `(${element})("script", "src", "http://127.0.0.1:${port}/credentials/dev")`],
  ["an iframe", ({ port }) => `(${element})("iframe", "src", "http://127.0.0.1:${port}/credentials/dev")`],
  ["a form that posts", ({ port }) => `(${form})("post", "http://127.0.0.1:${port}/credentials/dev")`],
  ["a form that gets", ({ port }) => `(${form})("get", "http://127.0.0.1:${port}/credentials/dev")`],
  [
    "a beacon",
    ({ port }) =>
      `new Promise((resolve) => { navigator.sendBeacon("http://127.0.0.1:${port}/lock", "{}"); setTimeout(() => resolve("sent"), 500) })`,
  ],
  [
    "a WebSocket",
    ({ port }) =>
      `new Promise((resolve) => { const socket = new WebSocket("ws://127.0.0.1:${port}/credentials/dev"); socket.onopen = () => resolve("open"); socket.onerror = () => resolve("error") })`,
  ],
  [
    "an event source",
    ({ port }) =>
      `new Promise((resolve) => { const source = new EventSource("http://127.0.0.1:${port}/credentials/dev"); source.onopen = () => resolve("open"); source.onerror = () => { source.close(); resolve("error") } })`,
  ],
]

/** DNS rebinding: to the browser the daemon is the page's own server. */
const rebound: readonly (readonly [string, (target: Target) => string])[] = [
  ["fetch", () => `(${fetched})("/credentials/dev", { referrerPolicy: "no-referrer" })`],
  [
    "fetch with the token",
    ({ token }) =>
      `(${fetched})("/credentials/dev", { referrerPolicy: "no-referrer", headers: { authorization: "${token}" } })`,
  ],
  ["an iframe", () => `(${element})("iframe", "src", "/credentials/dev")`],
  [
    "the whole of the metadata protocol",
    () => `(async () => {
      const fetched = ${fetched}
      const token = await fetched("/latest/api/token", { method: "PUT", referrerPolicy: "no-referrer", headers: { "X-aws-ec2-metadata-token-ttl-seconds": "60" } })
      const headers = { "X-aws-ec2-metadata-token": token.split(" ").at(-1) }
      return token + await fetched("/latest/meta-data/iam/security-credentials/", { headers, referrerPolicy: "no-referrer" })
        + await fetched("/latest/meta-data/iam/security-credentials/credd-dev", { headers, referrerPolicy: "no-referrer" })
    })()`,
  ],
]

describe("a web page that has the right token", () => {
  it("reads nothing and changes nothing by any way that a browser has", async () => {
    const { box, port, imds, token } = await setup()
    const context = await browser()
    const seen: [string, string][] = []
    const reached: [string, number][] = []
    for (const target of [port, imds]) {
      for (const [name, script] of vectors) {
        const before = await refusals(box)
        const page = await evilPage(context)
        seen.push([`${name} at ${target}`, String(await page.evaluate(script({ port: target, token })))])
        await page.close()
        reached.push([name, (await refusals(box)) - before])
      }
      for (const [name, script] of rebound) {
        const before = await refusals(box)
        const page = await reboundPage(context, target)
        seen.push([`rebound: ${name} at ${target}`, String(await page.evaluate(script({ port: target, token })))])
        await page.close()
        reached.push([`rebound: ${name}`, (await refusals(box)) - before])
      }
    }

    for (const [name, text] of seen) {
      expect(text, name).not.toMatch(/SecretAccessKey|AccessKeyId|ASIA|credd-dev|\b200\b/)
      expect(text, name).not.toMatch(/^open/)
    }
    // Each attack was felt: none of them failed for want of trying.
    for (const [name, lines] of reached) expect(lines, name).toBeGreaterThan(0)
    const lines = await linesOf(box)
    expect(lines.filter(({ event }) => event === "served")).toEqual([])
    expect(lines.filter(({ event }) => event === "lock")).toEqual([])
    expect((await box.run(["whoami", "dev"])).status).toBe(0)
  }, 300_000)
})
