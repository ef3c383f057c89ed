import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { accessKeyLines, install, signIn, type Installation } from "../support/daemon.ts"

async function setup(): Promise<Installation> {
  const box = await install()
  box.env["AWS_ENDPOINT_URL_SIGNIN"] = box.sandbox.url
  await box.start()
  await signIn(box)
  return box
}

/** In the place of the desktop's: notes what it was given, and the page's mode and text, as it stands then. */
function opener({ home, env }: Installation, status = 0): () => readonly string[] {
  const bin = join(home, "bin")
  mkdirSync(bin)
  const script = `#!/bin/sh\n{ echo "$@"; stat -c %a "$1"; cat "$1"; } > "$HOME/opened"\nexit ${status}\n`
  writeFileSync(join(bin, "xdg-open"), script, { mode: 0o755 })
  Object.assign(env, { PATH: `${bin}:${env["PATH"]}`, DISPLAY: ":99" })
  return () => readFileSync(join(home, "opened"), "utf8").split("\n")
}

async function follow(url: string): Promise<string | null> {
  return (await fetch(url, { redirect: "manual" })).headers.get("location")
}

const pages = ({ home }: Installation): readonly string[] =>
  readdirSync(home).filter((name) => name.startsWith("credd-console-"))

describe("credd console", () => {
  it("prints a URL that signs in as a role", async () => {
    const box = await setup()

    const { status, stdout } = await box.run(["console", "dev", "--print", "--service", "ec2"])

    expect(status).toBe(0)
    expect(await follow(stdout.trim())).toBe("https://console.aws.amazon.com/ec2/home?region=eu-central-1")
    expect(box.log()).toContain("console_opened")
    expect(box.log()).not.toContain(new URL(stdout.trim()).searchParams.get("SigninToken"))
  })

  it("prints a URL that signs in as a user, without a session", async () => {
    const box = await install()
    box.env["AWS_ENDPOINT_URL_SIGNIN"] = box.sandbox.url
    await box.start()
    await box.run(["add", "acme"], accessKeyLines)

    const { stdout } = await box.run(["console", "acme", "--print", "--policy-arn", "ReadOnlyAccess"])

    expect(await follow(stdout.trim())).toBe("https://console.aws.amazon.com/console/home?region=eu-west-1")
    expect(await box.run(["console", "acme", "--print"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("credd console acme --policy-arn ReadOnlyAccess"),
    })
    expect((await box.run(["console", "dev", "--print"])).status).toBe(10)
  })

  it("gives the browser a page that is its owner's alone, and no argument a secret", async () => {
    const box = await setup()
    const opened = opener(box)

    expect(await box.run(["console", "dev"])).toMatchObject({ status: 0, stdout: "" })

    const [argument, mode, ...text] = opened()
    expect(argument).toBe(join(box.home, pages(box)[0] ?? ""))
    expect(mode).toBe("600")
    const url = /url=([^"]+)"/.exec(text.join("\n"))?.[1]?.replaceAll("&amp;", "&") ?? ""
    expect(await follow(url)).toBe("https://console.aws.amazon.com/console/home?region=eu-central-1")
  })

  it("says how to go on where no browser can be opened, and leaves no page behind", async () => {
    const box = await setup()

    expect(await box.run(["console", "dev"])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "credd: error: could not open a browser: there is no display\ncredd: hint: run: credd console --print\n",
    })
    opener(box, 3)
    expect(await box.run(["console", "dev"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("xdg-open ended with status 3"),
    })
    expect(pages(box)).toEqual([])
  })
})
