/**
 * Opens a URL that is a secret. In the arguments of `xdg-open` and of the browser every user of the machine could read
 * it, so what they are given is the name of a page that only its owner can read, and that leads on to the URL.
 */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { Failure } from "./failure.ts"
import { errnoCode } from "./files.ts"

/** A browser that is not running yet takes its time; the URL itself ends after 15 minutes. */
const pageSeconds = 60
/** An opener that has not failed by then has handed the page over, or has become the browser. */
const openerMs = 5_000
const pageName = /^credd-console-[0-9a-f]{16}\.html$/

export async function openBrowser(url: string): Promise<void> {
  const isMac = process.platform === "darwin"
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER } = process.env
  if (!isMac && !DISPLAY && !WAYLAND_DISPLAY && !BROWSER) throw notOpened("there is no display")
  // In the home folder and with a plain name: browsers from snap read neither /tmp nor hidden folders.
  const folder = homedir()
  sweep(folder)
  const page = join(folder, `credd-console-${randomBytes(8).toString("hex")}.html`)
  try {
    writeFileSync(page, redirection(url), { mode: 0o600, flag: "wx" })
  } catch (error) {
    throw notOpened(`could not write ${page}: ${errnoCode(error) || "the write failed"}`)
  }
  try {
    await run(isMac ? "open" : "xdg-open", page)
  } catch (error) {
    rmSync(page, { force: true })
    throw error
  }
  removeLater(page)
}

async function run(opener: string, page: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(opener, [page], { detached: true, stdio: "ignore" })
    const timer = setTimeout(resolve, openerMs)
    child.once("error", () => reject(notOpened(`there is no program "${opener}"`)))
    child.once("exit", (status) => {
      if (status === 0) resolve()
      else reject(notOpened(`${opener} ended with status ${status ?? "unknown"}`))
    })
    child.once("close", () => clearTimeout(timer))
    child.unref()
  })
}

/** This process does not stay for it. */
function removeLater(page: string): void {
  const wait = ["-c", 'sleep "$1"; rm -f -- "$2"', "sh", String(pageSeconds), page]
  spawn("sh", wait, { detached: true, stdio: "ignore" })
    .once("error", () => rmSync(page, { force: true }))
    .unref()
}

/** What was left where the machine went down in that minute. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder).filter((each) => pageName.test(each))) {
    const page = join(folder, name)
    const ageMs = Date.now() - (statSync(page, { throwIfNoEntry: false })?.mtimeMs ?? 0)
    if (ageMs > 2 * pageSeconds * 1_000) rmSync(page, { force: true })
  }
}

function redirection(url: string): string {
  const escaped = url.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;")
  return [
    "<!doctype html>",
    '<meta charset="utf-8">',
    '<meta name="referrer" content="no-referrer">',
    "<title>AWS console</title>",
    `<meta http-equiv="refresh" content="0;url=${escaped}">`,
    "",
  ].join("\n")
}

function notOpened(why: string): Failure {
  return new Failure({
    code: "Unavailable",
    message: `could not open a browser: ${why}`,
    hint: "run: credd console --print",
  })
}
