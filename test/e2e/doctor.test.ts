/** The doctor on real machines: a real daemon, real ports, clocks, files and keyrings. */
import { spawn } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { finished, install, killed, signIn, variablesIn, type Installation, type Ran } from "../support/daemon.ts"
import { machineClock } from "../support/faketime.ts"
import { startKeyring } from "../support/keyring.ts"

interface Report {
  readonly ok: boolean
  readonly findings: readonly { id: string; level: string; what: string; fix: string; danger: boolean }[]
  readonly families: readonly { id: string; uses: string; profile: string | null; identity: { arn: string } | null }[]
}

const main = new URL("../../dist/client/main.js", import.meta.url).pathname
const developer = "arn:aws:sts::123456789012:assumed-role/developer/credd"
const alice = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001",
  AWS_SECRET_ACCESS_KEY: "EXAMPLEsecretOfAliceNotARealOne000000001",
}

async function doctor(
  box: Installation,
  env: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<Ran> {
  return await finished(
    spawn(process.execPath, [main, "doctor", ...flags], { env: { ...box.env, ...env }, cwd: box.home }),
  )
}

async function report(
  box: Installation,
  env: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<Report & { readonly ids: readonly string[]; readonly status: number | null; readonly text: string }> {
  const { status, stdout, stderr } = await doctor(box, env, "--json", ...flags)
  expect(stderr).toBe("")
  const parsed = JSON.parse(stdout) as Report
  return { ...parsed, ids: parsed.findings.map(({ id }) => id), status, text: stdout }
}

async function shellOf(box: Installation, ...args: readonly string[]): Promise<Record<string, string>> {
  return variablesIn((await box.run(["env", "dev", ...args])).stdout)
}

describe("credd doctor, with the real daemon", () => {
  it("finds nothing to stop credd in a shell that was set up, and says as whom it is used", async () => {
    const box = await install()
    await box.start()
    await signIn(box)

    const { ok, status, families, findings } = await report(box, await shellOf(box, "--token-file"), "--identity")

    expect(findings.filter(({ level }) => level !== "note")).toEqual([])
    expect({ ok, status }).toEqual({ ok: true, status: 0 })
    expect(
      families.every(
        ({ uses, profile, identity }) => uses === "credd" && profile === "dev" && identity?.arn === developer,
      ),
    ).toBe(true)
  }, 60_000)

  it("asks AWS whose a forgotten key is, and calls it a danger", async () => {
    const box = await install()
    await box.start()
    await signIn(box)

    const { findings, families, status, text } = await report(box, { ...(await shellOf(box)), ...alice }, "--identity")

    expect(status).toBe(1)
    expect(findings[0]).toMatchObject({ id: "environment-keys", danger: true })
    expect(families.find(({ id }) => id === "botocore")?.identity?.arn).toBe("arn:aws:iam::123456789012:user/alice")
    expect(text).not.toContain(alice.AWS_SECRET_ACCESS_KEY)
    expect(text).not.toContain(alice.AWS_ACCESS_KEY_ID)
  }, 60_000)

  it("says what programs get when nobody has logged in", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    const shell = await shellOf(box)
    await box.run(["logout", "--all"])

    const { findings, status } = await report(box, shell)

    expect(status).toBe(1)
    expect(findings.find(({ id }) => id === "refused")?.fix).toBe("credd login acme")
  }, 60_000)

  it("finds a token that lock has ended", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    const shell = await shellOf(box)
    await box.run(["lock"])

    expect((await report(box, shell)).ids).toContain("token-rejected")
  }, 60_000)

  it("names the program that holds the port", async () => {
    const box = await install()
    const holder = spawn(process.execPath, [
      "-e",
      "require('net').createServer().listen(0,'127.0.0.1',function(){console.log(this.address().port)})",
    ])
    onTestFinished(() => void holder.kill("SIGKILL"))
    const port = await new Promise<string>((resolve) => {
      holder.stdout.once("data", (chunk: Buffer) => resolve(String(chunk).trim()))
    })

    const { findings } = await report(box, { CREDD_PORT: port })

    expect(findings.find(({ id }) => id === "port-held")?.what).toContain(`(pid ${holder.pid}`)
  }, 60_000)

  it("does not name anybody where the port is free", async () => {
    const { ids } = await report(await install(), {})

    expect(ids).toContain("daemon-not-running")
    expect(ids).not.toContain("port-held")
  }, 60_000)

  it("knows from AWS's own answers that this machine's clock is wrong", async () => {
    const box = await install({}, undefined, { skewMs: 10 * 60_000 })
    await box.start()
    await signIn(box)

    const { findings } = await report(box, await shellOf(box))

    expect(findings.find(({ id }) => id === "clock")).toMatchObject({
      level: "problem",
      what: expect.stringMatching(/clock is (9|10)m behind AWS's/) as string,
    })
  }, 60_000)

  it("counts the days that credd has had a key", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    const clock = machineClock()
    const before = await report(box, clock.env)
    clock.set(91 * 86_400_000)

    const after = await report(box, clock.env)

    expect(before.ids).not.toContain("key-old")
    expect(after.findings.find(({ id }) => id === "key-old")).toMatchObject({
      what: 'the access key ****0001 of "acme" has been with credd for 91 days',
      fix: "credd rotate acme",
    })
  }, 60_000)

  it("tightens a file, and takes no key out of it for a store that forgets", async () => {
    const box = await install()
    await box.start()
    // The memory store keeps no key that was moved.
    const credentials = box.env["AWS_SHARED_CREDENTIALS_FILE"] ?? ""
    writeFileSync(
      credentials,
      `[default]\naws_access_key_id = ${alice.AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${alice.AWS_SECRET_ACCESS_KEY}\n`,
      { mode: 0o644 },
    )
    chmodSync(credentials, 0o644)

    const { stderr } = await doctor(box, await shellOf(box), "--fix", "--yes")

    expect(stderr).toContain(`done: make ${credentials} yours alone`)
    expect(statSync(credentials).mode & 0o777).toBe(0o600)
    // It refuses to take the key out of the file, and says so.
    expect(stderr).toMatch(/not done: move the key/)
    expect(readFileSync(credentials, "utf8")).toContain(alice.AWS_ACCESS_KEY_ID)
  }, 60_000)

  it("moves keys into a store that lasts", async () => {
    const home = await install({ CREDD_STORE: "file" })
    await home.start()
    await home.run(["unlock"], "EXAMPLE-passphrase\n")
    const credentials = home.env["AWS_SHARED_CREDENTIALS_FILE"] ?? ""
    writeFileSync(
      credentials,
      `[default]\naws_access_key_id = ${alice.AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${alice.AWS_SECRET_ACCESS_KEY}\n`,
      { mode: 0o600 },
    )
    const shell = await shellOf(home, "--token-file")
    expect((await report(home, shell)).ids).toEqual(expect.arrayContaining(["profile-keys", "plain-keys"]))

    const { stderr } = await doctor(home, shell, "--fix", "--yes")

    expect(stderr).toContain("done: move the access key")
    expect(readFileSync(credentials, "utf8")).not.toContain("AKIA")
    expect((await report(home, shell)).ids).not.toContain("profile-keys")
  }, 60_000)

  it("finds copies of keys anywhere under ~/.aws", async () => {
    const box = await install()
    const folder = join(box.home, ".aws", "backup", "2024")
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, "old.csv"),
      `Access key ID,Secret access key\n${alice.AWS_ACCESS_KEY_ID},${alice.AWS_SECRET_ACCESS_KEY}\n`,
    )

    const { findings } = await report(box, {})

    expect(findings.find(({ id }) => id === "plain-keys")?.what).toContain(`(****0001) in ${folder}/old.csv:2`)
  }, 60_000)

  it("tells a locked keyring from an open one", async () => {
    const keyring = await startKeyring()
    onTestFinished(() => keyring.close())
    const { HOME: _, ...variables } = keyring.env
    const box = await install({ ...variables, CREDD_STORE: "keychain" })
    const daemon = await box.start()
    await signIn(box)
    expect((await report(box, {})).ids).not.toContain("store-locked")
    await killed(daemon, "SIGTERM")
    await keyring.restartLocked()
    await box.start()

    expect((await report(box, {})).ids).toContain("store-locked")
  }, 60_000)
})
