import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { outsideCredentials } from "../../../daemon/adapters/outside-credentials.ts"

const env = { PATH: process.env["PATH"], HOME: "/" }

/** A program that prints this and ends with that. */
function program(output: string, status = 0): string {
  const folder = mkdtempSync(join(tmpdir(), "credd-process "))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, "creds")
  writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${output}\nEND\nexit ${status}\n`, { mode: 0o755 })
  return `"${file}" --profile 'a b'`
}

const whole = {
  Version: 1,
  AccessKeyId: "ASIAEXAMPLE",
  SecretAccessKey: "EXAMPLE-canary",
  SessionToken: "EXAMPLE-token",
}

describe("fromProcess", () => {
  it("reads temporary credentials, with the end that they name", async () => {
    const json = JSON.stringify({ ...whole, Expiration: "2026-11-23T10:00:00Z" })

    const read = await outsideCredentials(env).fromProcess(program(json))

    expect(read).toMatchObject({ accessKeyId: "ASIAEXAMPLE", expiration: Date.parse("2026-11-23T10:00:00Z") })
    expect(read.secretAccessKey.reveal()).toBe("EXAMPLE-canary")
  })

  it("reads an access key", async () => {
    const read = await outsideCredentials(env).fromProcess(program(JSON.stringify({ ...whole, SessionToken: null })))

    expect(read).not.toHaveProperty("sessionToken")
  })

  it.each([
    ["a failure", program.bind(undefined, "EXAMPLE-canary", 3), "ended with status 3"],
    ["no JSON", program.bind(undefined, "EXAMPLE-canary"), "something else than credentials"],
    ["another version", program.bind(undefined, JSON.stringify({ ...whole, Version: 2 })), "version 1"],
    ["no secret", program.bind(undefined, '{"Version":1,"AccessKeyId":"EXAMPLE-canary"}'), "something else"],
    ["a program that is not there", () => "/nowhere/creds x", 'no program "/nowhere/creds"'],
    ["an open quote", () => "creds 'x", "not one that a shell could split"],
    ["a flood", () => "head -c 100000 /dev/zero", "could not be run"],
  ])("says what is wrong after %s, and quotes nothing of what was printed", async (_, command, why) => {
    const failed = outsideCredentials(env).fromProcess(command())

    await expect(failed).rejects.toMatchObject({ code: "SourceFailed", message: expect.stringContaining(why) })
    await expect(failed).rejects.not.toThrow("canary")
  })
})

describe("fromEnvironment", () => {
  it("reads what the daemon was started with", () => {
    const variables = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "EXAMPLE" }

    expect(outsideCredentials(variables).fromEnvironment()).toMatchObject({ accessKeyId: "AKIAEXAMPLE" })
    expect(outsideCredentials({ ...variables, AWS_SESSION_TOKEN: "EXAMPLE" }).fromEnvironment()).toHaveProperty(
      "sessionToken",
    )
    expect(() => outsideCredentials({}).fromEnvironment()).toThrow("holds no access key")
  })
})
