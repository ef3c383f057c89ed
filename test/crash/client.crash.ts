// The commands that write files of the user's, killed before each of their effects as the system sees them.
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { alice, credd, openBox, type Box } from "./box.ts"
import { calls, nameOf, traceCommand, type Effect } from "./tracer.ts"

const credentials = `# mine
[acme]
aws_access_key_id = ${alice.accessKeyId}
aws_secret_access_key = ${alice.secretAccessKey}
region = eu-west-1
`

async function hasKey({ call }: Box): Promise<boolean> {
  return await call("GET /login-plan", { profile: "acme" }).then(
    () => true,
    () => false,
  )
}

/** Runs it once undisturbed, and then once for each of its effects, from how things were. */
async function sweep(
  box: Box,
  args: readonly string[],
  { before, check }: { before: () => Promise<void>; check: (killedAt: string) => Promise<void> },
): Promise<readonly Effect[]> {
  const command = [process.execPath, credd, ...args]
  await before()
  const effects = await traceCommand(box, command)
  for (const effect of effects) {
    await before()
    await traceCommand(box, command, effect)
    await check(`killed before ${nameOf(effect)}`)
  }
  return effects
}

describe("a command that is killed", () => {
  it("amid import leaves the key in the file, in the store, or in both", async () => {
    const box = await openBox()
    const daemon = await box.start()
    const file = box.env["AWS_SHARED_CREDENTIALS_FILE"] ?? ""
    const emptied = credentials.replace(/aws_.*\n/g, "")

    const effects = await sweep(box, ["import"], {
      async before() {
        if (await hasKey(box)) await box.call("DELETE /access-keys", { profile: "acme" })
        writeFileSync(file, credentials)
      },
      async check(killed) {
        const text = readFileSync(file, "utf8")
        expect([credentials, emptied], killed).toContain(text)
        if (text === emptied) expect(await hasKey(box), killed).toBe(true)
      },
    })

    expect(calls(effects)).toEqual(expect.arrayContaining(["write", "rename"]))
    // What the last of them left is taken away by the next that is not killed.
    writeFileSync(file, credentials)
    await traceCommand(box, [process.execPath, credd, "import"])
    expect(readFileSync(file, "utf8")).toBe(emptied)
    expect(readdirSync(box.home).filter((name) => name.endsWith(".tmp"))).toEqual([])
    await box.end(daemon)
  })

  it("amid use leaves the settings as they were, or as they are to be", async () => {
    const box = await openBox()
    const daemon = await box.start()
    const file = join(box.state, "config.toml")
    const [before, after] = ["# mine\n", '# mine\ndefault_profile = "dev"\n']

    const effects = await sweep(box, ["use", "dev"], {
      async before() {
        writeFileSync(file, before)
      },
      async check(killed) {
        expect([before, after].map(normal), killed).toContain(normal(readFileSync(file, "utf8")))
      },
    })

    expect(calls(effects)).toEqual(expect.arrayContaining(["write", "rename"]))
    await box.end(daemon)
  })
})

/** Where in the file the line stands is the command's own business, and tested there. */
function normal(text: string): string {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .toSorted()
    .join("\n")
}
