/** The page that `credd console` gives to the browser, in a real Chromium: it leads to the sign-in, and tells it nothing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"
import { expect, it, onTestFinished } from "vitest"
import { install, signIn } from "../../support/daemon.ts"

it("leads a real browser to the sign-in, which learns of no page before", async () => {
  // In the place of AWS's sign-in, so that what comes over the wire is seen.
  const heard: { readonly url: URL; readonly headers: IncomingHttpHeaders }[] = []
  const aws = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://aws")
    heard.push({ url, headers: request.headers })
    const isLogin = url.searchParams.get("Action") === "login"
    response.setHeader("content-type", isLogin ? "text/html" : "application/json")
    response.end(isLogin ? "<h1>signed in</h1>" : JSON.stringify({ SigninToken: "EXAMPLE-token" }))
  })
  await new Promise<void>((resolve) => {
    aws.listen(0, "127.0.0.1", resolve)
  })
  onTestFinished(() => {
    aws.closeAllConnections()
    aws.close()
  })
  const box = await install()
  const bin = join(box.home, "bin")
  mkdirSync(bin)
  writeFileSync(join(bin, "xdg-open"), '#!/bin/sh\necho "$1" > "$HOME/opened"\n', { mode: 0o755 })
  Object.assign(box.env, {
    AWS_ENDPOINT_URL_SIGNIN: `http://127.0.0.1:${(aws.address() as AddressInfo).port}`,
    PATH: `${bin}:${box.env["PATH"]}`,
    DISPLAY: ":99",
  })
  await box.start()
  await signIn(box)
  expect(await box.run(["console", "dev", "--service", "ec2"])).toMatchObject({ status: 0 })
  const folder = mkdtempSync(join(tmpdir(), "credd-chromium-"))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  })
  onTestFinished(async () => {
    await context.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const page = await context.newPage()

  await page.goto(`file://${readFileSync(join(box.home, "opened"), "utf8").trim()}`)
  await page.waitForURL(/Action=login/)

  expect(await page.textContent("h1")).toBe("signed in")
  const login = heard.find(({ url }) => url.searchParams.get("Action") === "login")
  expect(Object.fromEntries(login?.url.searchParams ?? [])).toEqual({
    Action: "login",
    Issuer: "credd",
    Destination: "https://console.aws.amazon.com/ec2/home?region=eu-central-1",
    SigninToken: "EXAMPLE-token",
  })
  expect(login?.headers).not.toHaveProperty("referer")
})
