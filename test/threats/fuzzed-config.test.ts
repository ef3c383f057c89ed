/** Config files that are broken in any way: the daemon goes on with the last good reading, and credd's own names the line. */
import { writeFileSync } from "node:fs"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { CreddError } from "../../daemon/core/errors.ts"
import { readSettings } from "../../daemon/settings.ts"
import { fetchCredentials, install, signIn } from "../support/daemon.ts"

const good = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
[services other]
sts =
  endpoint_url = http://127.0.0.1:9
`

/** A good file with something put in, taken out or turned over; or anything at all. */
function broken(text: string) {
  const at = fc.nat(text.length)
  const bits = fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        "[",
        "]",
        "=",
        "\n[",
        "\u0000",
        "source_profile = dev\n",
        "[profile dev]\n",
        "\r",
        "  ",
        "#",
        "x".repeat(70_000),
      )
      .map((piece) => Buffer.from(piece)),
  )
  return fc.oneof(
    fc
      .tuple(at, bits, fc.nat(40))
      .map(([i, put, cut]) => Buffer.concat([Buffer.from(text.slice(0, i)), put, Buffer.from(text.slice(i + cut))])),
    fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
  )
}

describe("a fuzzed AWS config file", () => {
  it("neither ends the daemon nor stops what it serves, and comes back when it is mended", async () => {
    const box = await install({}, good)
    const { pid } = await box.start()
    await signIn(box)
    expect((await fetchCredentials(box, "dev")).status).toBe(200)
    const file = box.env["AWS_CONFIG_FILE"] ?? ""

    await fc.assert(
      fc.asyncProperty(broken(good), async (bytes) => {
        writeFileSync(file, bytes)
        const { status, stdout } = await box.ask("GET", "/status")
        expect(status).toBe(200)
        expect(JSON.parse(stdout)).toMatchObject({ daemon: { pid } })
        // Whatever the file says now, whoever asks gets an answer in words, and never somebody else's credentials.
        const { status: served, body } = await fetchCredentials(box, "dev")
        expect([200, 403, 503]).toContain(served)
        if (served === 200) expect(body["AccountId"]).toBe("123456789012")
      }),
      { numRuns: 300, endOnFailure: true },
    )

    writeFileSync(file, good)
    await box.ask("GET", "/status")
    expect((await fetchCredentials(box, "dev")).status).toBe(200)
    expect(box.log()).not.toMatch(/command_failed|request_failed|beat_failed/)
  }, 120_000)
})

describe("a fuzzed config.toml", () => {
  const settings = 'port = 9912\nstore = "file"\nlog_level = "info"\nimds = ["dev"]\nallow_uids = [0]\n'

  test.prop([broken(settings)], { numRuns: 500 })(
    "is read whole or refused by name, never half believed",
    async (bytes) => {
      const home = mkdtempSync(join(tmpdir(), "credd-fuzz-"))
      writeFileSync(join(home, "config.toml"), bytes)
      const outcome = await readSettings({ CREDD_HOME: home }).catch((error: unknown) => error)
      rmSync(home, { recursive: true })

      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(CreddError)
        expect(outcome.message).toContain("config.toml")
      } else {
        const { port, allowUids } = outcome as Awaited<ReturnType<typeof readSettings>>
        expect(port).toBeGreaterThanOrEqual(0)
        for (const uid of allowUids) expect(Number.isInteger(uid)).toBe(true)
      }
    },
  )
})
