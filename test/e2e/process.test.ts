// `credd process` run by real SDKs, over the real daemon, from the profiles that `--setup` writes.
import { spawn } from "node:child_process"
import { chmodSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { finished, install, signIn, type Installation, type Ran } from "../support/daemon.ts"
import { aws, isPythonMissing, python, pythonMissing } from "../support/python.ts"

const arn = "arn:aws:sts::123456789012:assumed-role/developer/credd\n"
const boto3 = `
import boto3
try: print(boto3.client("sts").get_caller_identity()["Arn"])
except Exception as error: raise SystemExit(str(error))
`

async function setUp(): Promise<{ readonly box: Installation; readonly shell: Record<string, string> }> {
  chmodSync(fileURLToPath(new URL("../../dist/client/main.js", import.meta.url)), 0o755)
  const box = await install()
  await box.start()
  await signIn(box)
  expect(await box.run(["process", "--setup"])).toMatchObject({ status: 0 })
  const { PATH = "", HOME = "", CREDD_HOME = "", AWS_CONFIG_FILE = "", AWS_ENDPOINT_URL_STS = "" } = box.env
  return { box, shell: { PATH, HOME, CREDD_HOME, AWS_CONFIG_FILE, AWS_ENDPOINT_URL_STS, AWS_PROFILE: "credd-dev" } }
}

async function javascript(env: Readonly<Record<string, string>>): Promise<Ran> {
  const script = `
    import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts"
    console.log((await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn)`
  const cwd = fileURLToPath(new URL("../..", import.meta.url))
  return await finished(spawn(process.execPath, ["--input-type=module", "-e", script], { cwd, env }))
}

describe("credd process", () => {
  it("serves the AWS CLI, boto3 and JavaScript v3 through the profiles that --setup writes", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const { box, shell } = await setUp()

    const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
    expect(await aws(whoami, shell)).toMatchObject({ stdout: arn })
    expect((await aws(["configure", "list"], shell)).stdout).toMatch(/access_key.*custom-process/)
    expect(await python(boto3, shell)).toMatchObject({ stdout: arn })
    expect(await javascript(shell)).toMatchObject({ stdout: arn })

    // What SDKs show when a login is needed, and when there is no daemon.
    await box.run(["logout", "--all"])
    expect((await python(boto3, shell)).stderr).toContain('profile "acme" has no MFA session; run: credd login acme')
    expect((await aws(whoami, shell)).stderr).toContain("run: credd login acme")
    // JavaScript v3 keeps the reason to itself.
    expect((await javascript(shell)).stderr).toContain("Could not load credentials from any providers")
  }, 120_000)

  it("is not taken by the daemon for a source of its own, and undone to the byte", async () => {
    const { box } = await setUp()
    const config = box.env["AWS_CONFIG_FILE"] ?? ""
    const { profiles } = JSON.parse((await box.run(["status", "--json"])).stdout) as {
      profiles: { name: string; kind: string; reason?: string }[]
    }

    expect(profiles.find(({ name }) => name === "credd-dev")).toMatchObject({
      kind: "unsupported",
      reason: "its credential_process is credd itself",
    })
    // A second time: what was written the first time is not set up in its turn.
    await box.run(["process", "--setup"])
    expect(readFileSync(config, "utf8")).not.toContain("credd-credd")
    await box.run(["process", "--remove"])
    expect(readFileSync(config, "utf8").endsWith("source_profile = round\n")).toBe(true)
  })

  it("answers 50 at once, and AWS is asked once", async () => {
    const { box } = await setUp()

    const all = await Promise.all(Array.from({ length: 50 }, async () => await box.run(["process", "dev"])))

    expect(new Set(all.map(({ status, stderr }) => `${status} ${stderr}`))).toEqual(new Set(["0 "]))
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1)
    expect(box.sandbox.count("AssumeRole")).toBe(1)
  }, 120_000)

  it("waits for a slow AWS longer than the endpoint lets a caller wait", async () => {
    const { box } = await setUp()
    box.sandbox.faults.add({ kind: "latency", ms: 1_500, action: "AssumeRole", times: 1 })

    expect(await box.run(["process", "dev"])).toMatchObject({ status: 0, stderr: "" })
  })

  it("tells a script by its status what is missing", async () => {
    const { box } = await setUp()
    await box.run(["logout", "--all"])

    expect(await box.run(["process", "dev"])).toEqual({
      status: 10,
      stdout: "",
      stderr: 'credd: error: profile "acme" has no MFA session; run: credd login acme\n',
    })
    expect(await box.run(["process", "dve"])).toMatchObject({ status: 1, stdout: "" })
    const { pid } = (JSON.parse((await box.run(["status", "--json"])).stdout) as { daemon: { pid: number } }).daemon
    process.kill(pid, "SIGKILL")
    await expect.poll(async () => (await box.run(["process", "dev"])).status).toBe(3)
    expect((await box.run(["process", "dev"])).stderr).toMatch(/^credd: error: .* is not running; run: credd service install.*\n$/)
  }) // prettier-ignore
})
