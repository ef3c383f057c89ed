import { readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { ErrorCode } from "../../daemon/api.ts"
import { CreddError, errorBody } from "../../daemon/core/errors.ts"
import { problem } from "../../daemon/http/problem.ts"
import { allCommands } from "../../client/man-pages.ts"
import { exitStatusOf } from "../../client/output.ts"
import { credd, refuse } from "../client/fake-context.ts"
import { factoryNames, make, samples } from "./errors.ts"
import { transcriptOf } from "./scene.ts"
import { scenes } from "./scenes.ts"

// Some errors tell the time by the clock on the wall.
process.env["TZ"] = "UTC"

const update = "npx vitest run test/transcripts -u"

describe("the transcript of", () => {
  it.each(Object.keys(scenes))("credd %s is as written down", async (words) => {
    const text = await transcriptOf(scenes[words]!)

    await expect(text, `if it is meant to be so, run: ${update}`).toMatchFileSnapshot(
      `${words.replaceAll(" ", "-")}.txt`,
    )
  })

  it("every error is as written down, at a command and at the endpoint", async () => {
    const parts = await Promise.all(
      factoryNames()
        .filter((name) => name in samples)
        .map(async (name) => {
          const error = make(name)
          const { status, stderr } = await credd(["lock"], { daemon: { "POST /lock": () => refuse(errorBody(error)) } })
          const { status: http, body } = problem(error)
          return [
            `# ${name}`,
            `$ credd …`,
            `exit status ${status}`,
            "stderr:",
            ...bars(stderr),
            `endpoint, ${http}:`,
            ...bars(body),
            "",
          ].join("\n")
        }),
    )

    await expect(parts.join("\n"), `if it is meant to be so, run: ${update}`).toMatchFileSnapshot("errors.txt")
  })
})

function bars(text: string): readonly string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `|${line}`)
}

describe("the transcripts", () => {
  it("are there for every command", () => {
    const missing = allCommands()
      .map(({ words }) => words.join(" "))
      .filter((words) => !Object.hasOwn(scenes, words))

    expect(missing, `add these to test/transcripts/scenes.ts with a scene or two, then run: ${update}`).toEqual([])
  })

  it("are there for every error of core/errors.ts", () => {
    const missing = factoryNames().filter((name) => !Object.hasOwn(samples, name))

    expect(missing, `add these to test/transcripts/errors.ts with arguments, then run: ${update}`).toEqual([])
  })

  it("are of commands that exist, and none is left over", () => {
    const words = new Set(allCommands().map((entry) => entry.words.join(" ")))
    const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".txt"))

    expect(Object.keys(scenes).filter((each) => !words.has(each))).toEqual([])
    expect(
      files.filter((name) => name !== "errors.txt" && !Object.hasOwn(scenes, name.slice(0, -4).replaceAll("-", " "))),
    ).toEqual([])
  })

  it("hold no secret of those that went in", async () => {
    for (const list of Object.values(scenes)) {
      const text = await transcriptOf(list.filter(({ args }) => args[0] !== "process"))
      const said = text.split("\n").filter((line) => !line.startsWith("$ "))

      expect(said.join("\n")).not.toMatch(/EXAMPLEsecret|EXAMPLE-passphrase|canary/)
    }
  })
})

describe("every error", () => {
  it.each(factoryNames().filter((name) => Object.hasOwn(samples, name)))("%s speaks as the house does", (name) => {
    const error = make(name)

    expect(error).toBeInstanceOf(CreddError)
    expect(error.message).toMatch(/^[^A-Z]|^(AWS|STS|MFA|IAM|GET|POST)\b/)
    expect(error.message).not.toMatch(/[.\n]$|canary/)
    expect(error.hint ?? "").not.toMatch(/\n|canary/)
    expect(Buffer.byteLength(JSON.parse(problem(error).body).Message as string)).toBeLessThan(200)
    expect(exitStatusOf(error.code satisfies ErrorCode)).toBeGreaterThan(0)
  })
})
