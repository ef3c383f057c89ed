import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import type { AuditLine } from "../../daemon/audit-trail.ts"
import { awsConfig, fetchCredentials, install, killed, signIn, type Installation } from "../support/daemon.ts"

const folderOf = ({ env }: Installation): string => join(env["CREDD_HOME"] ?? "", "audit")

/** Once all is written: the daemon waits for that before it says where the record stands. */
async function linesOf(box: Installation): Promise<AuditLine[]> {
  await box.run(["audit", "--verify"])
  const { stdout } = await box.run(["audit", "--json"])
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditLine)
}

describe("the audit trail", () => {
  it("says who took which credentials, who was refused, and what a person has changed", async () => {
    const box = await install()
    const child = await box.start()
    await signIn(box)
    const { body } = await fetchCredentials(box, "dev")
    await fetchCredentials(box, "nope")
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }
    await fetch(`${endpoint}/credentials/dev`, { headers: { authorization: "wrong" } })
    await box.run(["logout", "acme"])
    await box.run(["lock"])

    const lines = await linesOf(box)

    const me = { uid: process.getuid?.(), pid: process.pid, executable: process.execPath, directory: process.cwd() }
    expect(lines).toMatchObject([
      { event: "started", pid: child.pid },
      { event: "access-key-add", outcome: "ok", profile: "acme", keyId: "AKIAEXAMPLEALICE0001" },
      { event: "login", outcome: "ok", profile: "acme", sourceProfile: "acme" },
      {
        event: "served",
        outcome: "ok",
        via: "endpoint",
        profile: "dev",
        lease: "shell",
        keyId: body["AccessKeyId"],
        expiration: body["Expiration"],
        peer: me,
      },
      { event: "refused", outcome: "ProfileNotFound", profile: "nope", lease: "shell", peer: me },
      { event: "refused", outcome: "TokenRejected", peer: me },
      { event: "logout", outcome: "ok", profiles: ["acme"] },
      { event: "lease-end", lease: "shell" },
      { event: "lock", outcome: "ok" },
    ])
    expect((await box.run(["audit", "--lease", "shell"])).stdout.split("\n").filter(Boolean)).toHaveLength(3)
  })

  it.each([
    ["under a service manager", true],
    ["by hand", false],
  ])("says whose they were where a program hangs up on each answer at once: %s", async (_, hasInetDiag) => {
    const box = await install({}, awsConfig, {}, { hasInetDiag })
    await box.start()
    await signIn(box)
    const program = `import { connect } from "node:net"
      const { port, path, token } = JSON.parse(process.argv[1])
      for (let times = 0; times < 300; times += 1) await new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(
          "GET " + path + " HTTP/1.1\\r\\nHost: 127.0.0.1:" + port + "\\r\\nAuthorization: " + token + "\\r\\n\\r\\n"))
        socket.once("data", () => { socket.resetAndDestroy(); resolve() })
      })`
    const home = box.env["CREDD_HOME"] ?? ""
    const { port } = new URL(
      (JSON.parse(readFileSync(join(home, "endpoint.json"), "utf8")) as { endpoint: string }).endpoint,
    )
    const token = readFileSync(join(home, "tokens", "shell"), "utf8")
    const asked = JSON.stringify({ port: Number(port), path: "/credentials/dev", token })
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, asked], { stdio: "inherit" })
    await once(child, "exit")

    const served = (await linesOf(box)).filter(({ event }) => event === "served")
    expect(served).toHaveLength(300)
    const named = served.map(({ peer }) => peer?.pid)
    expect(named.filter((pid) => pid !== undefined && pid !== child.pid)).toEqual([])
    // The first is gone by the time that anybody looks; more are on a machine that is busy.
    expect(named.filter((pid) => pid === child.pid).length).toBeGreaterThan(100)
  })

  it("never holds a secret, and is its user's alone", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    const { body } = await fetchCredentials(box, "dev")
    await box.run(["login", "dev", "--mfa-code", "000000"])
    await linesOf(box)

    const files = readdirSync(folderOf(box)).map((name) => join(folderOf(box), name))
    const text = files.map((file) => readFileSync(file, "utf8")).join("")
    const token = readFileSync(join(box.env["CREDD_HOME"] ?? "", "tokens", "shell"), "utf8")

    for (const secret of [
      token,
      body["SecretAccessKey"],
      body["Token"],
      "EXAMPLEsecretOfAlice",
      '"000000"',
      `"${box.sandbox.mfaCode("alice")}"`,
    ])
      expect(text).not.toContain(secret)
    expect(text).toContain(body["AccessKeyId"])
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it("stays whole through kill -9 under load and a restart, and through a change of settings", async () => {
    const box = await install()
    const first = await box.start()
    await signIn(box)
    await fetchCredentials(box, "dev")
    const calls = Array.from({ length: 200 }, () => fetchCredentials(box, "dev").catch(() => undefined))
    await Promise.race(calls)
    await killed(first, "SIGKILL")
    await Promise.all(calls)

    box.env["CREDD_ALLOW_UIDS"] = "54321"
    await box.start()
    const verified = await box.run(["audit", "--verify"])

    expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining(": whole") })
    expect((await linesOf(box)).at(-1)).toMatchObject({
      event: "settings",
      changed: { allow_uids: { from: "", to: "54321" } },
    })
  })

  it("is told to be damaged when somebody cuts lines off while the daemon runs", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    await linesOf(box)
    const file = join(folderOf(box), "audit-000001.jsonl")

    truncateSync(file, statSync(file).size - 30)
    rmSync(join(folderOf(box), "head.json"))

    expect(await box.run(["audit", "--verify"])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("damaged"),
    })
  })

  it("goes on serving when it cannot be written, and says so", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    rmSync(folderOf(box), { recursive: true })
    writeFileSync(folderOf(box), "a file in the way")

    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })

    await vi.waitFor(
      async () => expect((await box.run(["status"])).stdout).toContain("the audit log cannot be written"),
      { timeout: 5_000, interval: 100 },
    )
    expect(box.log()).toContain("audit_not_written")
    rmSync(folderOf(box))
    await vi.waitFor(async () => expect((await box.run(["status"])).stdout).not.toContain("audit log"), {
      timeout: 10_000,
      interval: 200,
    })
    expect((await linesOf(box)).map(({ event }) => event)).toContain("damaged")
  })

  it("is shown as it is written by --follow", async () => {
    const box = await install()
    await box.start()
    await signIn(box)
    const credd = fileURLToPath(new URL("../../dist/client/main.js", import.meta.url))
    const follower = spawn(process.execPath, [credd, "audit", "--follow"], { env: box.env })
    onTestFinished(() => void follower.kill("SIGKILL"))
    let shown = ""
    follower.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      shown += chunk
    })
    await vi.waitFor(() => expect(shown).toContain("login"), { timeout: 5_000 })

    await fetchCredentials(box, "dev")

    await vi.waitFor(() => expect(shown).toContain(`dev to shell; ASIA`), { timeout: 5_000 })
  })
})
