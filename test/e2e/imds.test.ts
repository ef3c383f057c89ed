// Instance metadata from the real daemon, to real callers: the AWS CLI, boto3, JavaScript v3, and a second Unix user.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { hours, minutes } from "../fakes/clock.ts"
import {
  fetchCredentials,
  finished,
  install,
  killed,
  signIn,
  variablesIn,
  type Installation,
  type Ran,
} from "../support/daemon.ts"
import { machineClock } from "../support/faketime.ts"
import { freePort } from "../support/free-port.ts"
import { asOtherUser, needsOtherUser } from "../support/other-user.ts"
import { aws, isPythonMissing, python, pythonMissing } from "../support/python.ts"

const arn = "arn:aws:sts::123456789012:assumed-role/developer/credd\n"
const boto3 = 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])'
const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" }

async function signedIn(variables: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const box = await install({ CREDD_IMDS: "dev", ...variables })
  await box.start()
  await signIn(box)
  return box
}

/** What a new shell of this user has after `eval "$(credd env … --imds)"`, and nothing else. */
async function shellOf({ run, home, sandbox }: Installation, profile = "dev"): Promise<Record<string, string>> {
  const { stdout } = await run(["env", profile, "--imds"])
  return { HOME: home, AWS_ENDPOINT_URL_STS: sandbox.url, ...variablesIn(stdout) }
}

async function endpointOf(box: Installation, profile = "dev"): Promise<string> {
  const { stdout } = await box.run(["imds", "list", "--json"])
  const endpoints = JSON.parse(stdout) as { profile: string; endpoint: string }[]
  return endpoints.find((each) => each.profile === profile)?.endpoint ?? ""
}

interface Answered {
  readonly status: number
  readonly expiration: number
}

/** The whole way that an SDK goes. */
async function document(endpoint: string): Promise<Answered> {
  const token = await (await fetch(`${endpoint}/latest/api/token`, { method: "PUT", headers: ttl })).text()
  const get = async (path: string): Promise<Response> =>
    await fetch(`${endpoint}/latest/meta-data/iam/security-credentials/${path}`, {
      headers: { "x-aws-ec2-metadata-token": token },
    })
  const response = await get(await (await get("")).text())
  const text = await response.text()
  const { Expiration } = (text === "" ? {} : JSON.parse(text)) as { Expiration?: string }
  return { status: response.status, expiration: Date.parse(Expiration ?? "") }
}

async function javascript(env: Readonly<Record<string, string>>): Promise<Ran> {
  const script = `
    import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts"
    const client = new STSClient({})
    console.log((await client.send(new GetCallerIdentityCommand({}))).Arn)`
  const cwd = fileURLToPath(new URL("../..", import.meta.url))
  return await finished(spawn(process.execPath, ["--input-type=module", "-e", script], { cwd, env }))
}

describe("instance metadata", () => {
  it("is off until somebody asks for it", async () => {
    const box = await install()
    await box.start()

    expect(await box.run(["imds", "list", "--json"])).toMatchObject({ stdout: "[]\n" })
    expect(await box.run(["env", "dev", "--imds"])).toMatchObject({ status: 2, stdout: "" })
  })

  it("serves the AWS CLI, boto3 and JavaScript v3, proxies or not", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const box = await signedIn()
    const shell = await shellOf(box)
    box.env["http_proxy"] = "http://127.0.0.1:9"
    const proxied = { ...(await shellOf(box)), http_proxy: "http://127.0.0.1:9" }
    const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]

    expect(await aws(whoami, shell)).toMatchObject({ stdout: arn })
    expect((await aws(["configure", "list"], shell)).stdout).toMatch(/access_key.*iam-role/)
    expect(await python(boto3, proxied)).toMatchObject({ stdout: arn })
    expect(await javascript(shell)).toMatchObject({ stdout: arn })
  }, 90_000) // prettier-ignore

  it("serves 50 at once that come first, and AWS is asked once", async () => {
    const box = await signedIn()
    const endpoint = await endpointOf(box)

    const all = await Promise.all(Array.from({ length: 50 }, async () => await document(endpoint)))

    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
    expect(box.sandbox.count("AssumeRole")).toBe(1)
  })

  it("serves boto3's first question even when AWS is slower than the port lets it wait", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const box = await signedIn()
    box.sandbox.faults.add({ kind: "latency", ms: 1_200, action: "AssumeRole", times: 1 })

    expect(await python(boto3, await shellOf(box))).toMatchObject({ stdout: arn })
  })

  it("tells boto3 the region where no variable does", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const box = await signedIn()
    const { AWS_REGION, AWS_DEFAULT_REGION, ...shell } = await shellOf(box)
    const script = "from botocore.utils import IMDSRegionProvider as P; import botocore.session as s; print(P(s.Session()).provide())"

    expect([AWS_REGION, AWS_DEFAULT_REGION]).toEqual(["eu-central-1", "eu-central-1"])
    expect(await python(script, shell)).toMatchObject({ stdout: "eu-central-1\n" })
  }) // prettier-ignore

  it("goes on in one process through a logout, a login and a restart of the daemon", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const first = await freePort()
    const box = await install({ CREDD_PORT: String(first) })
    const daemon = await box.start()
    await signIn(box)
    expect(await box.run(["imds", "enable", "dev"])).toMatchObject({ stdout: `http://127.0.0.1:${first + 1}\n` })
    const script = `
import boto3, sys
def who():
    try: return boto3.Session().client("sts").get_caller_identity()["Arn"]
    except Exception as error: return type(error).__name__
for line in sys.stdin: print(who(), flush=True)
`
    const shell = await shellOf(box)
    const child = spawn(fileURLToPath(new URL("../../.cache/python/bin/python", import.meta.url)), ["-c", script], {
      env: { PATH: process.env["PATH"] ?? "", ...shell },
    })
    onTestFinished(() => void child.kill("SIGKILL"))
    const ask = async (): Promise<string> => {
      child.stdin.write("\n")
      return String((await once(child.stdout, "data"))[0])
    }

    expect(await ask()).toBe(arn)
    await box.run(["logout", "--all"])
    expect(await ask()).toBe("NoCredentialsError\n")
    expect(
      await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice", 1)}\n`),
    ).toMatchObject({ status: 0 })
    expect(await ask()).toBe(arn)

    await killed(daemon, "SIGKILL")
    expect(await ask()).toBe("NoCredentialsError\n")
    await box.start()
    expect(`${await endpointOf(box)}/`).toBe(shell["AWS_EC2_METADATA_SERVICE_ENDPOINT"])
    expect((await document(await endpointOf(box))).status).toBe(401)
  }, 90_000) // prettier-ignore
})

/** A machine and an AWS whose clocks a test sets, with both profiles on. */
async function machine() {
  const clock = machineClock()
  let awsMs = 0
  const box = await install({ ...clock.env, CREDD_IMDS: "acme,dev" }, undefined, { now: () => Date.now() + awsMs })
  await box.start()
  await signIn(box)
  const now = (): number => Date.now() + awsMs
  const sleep = (ms: number): void => {
    awsMs = ms
    clock.set(ms)
  }
  const at = { acme: await endpointOf(box, "acme"), dev: await endpointOf(box) }
  await document(at.dev)
  return { box, clock, sleep, now, at }
}

describe("what is near its end", () => {
  it("is renewed first, so that boto3 never believes in more than AWS gave", async ({ skip }) => {
    skip(isPythonMissing, pythonMissing)
    const { box, clock, sleep, now, at } = await machine()
    const script = `
import boto3
held = boto3.Session().get_credentials()
print(held.access_key, held._expiry_time.strftime("%Y-%m-%dT%H:%M:%SZ"))`

    // Of an hour, 24, 16 and 10 minutes are left; botocore stretches the last, were it handed out.
    for (const ms of [36 * minutes, 80 * minutes, 130 * minutes]) {
      sleep(ms)
      const { stdout } = await python(script, { ...clock.env, ...(await shellOf(box)) })
      const [keyId, expiry] = stdout.trim().split(" ")
      const { body } = await fetchCredentials(box, "dev")

      expect([keyId, expiry]).toEqual([body["AccessKeyId"], body["Expiration"]])
      expect((await document(at.dev)).expiration).toBeGreaterThan(now() + 25 * minutes)
    }
  }, 90_000)

  it("is served to its true end while AWS cannot be reached", async () => {
    const { box, sleep, now, at } = await machine()
    const { expiration } = await document(at.dev)
    box.sandbox.faults.add({ kind: "drop", when: "before" })

    sleep(59 * minutes)
    expect(await document(at.dev)).toEqual({ status: 200, expiration })
    sleep(61 * minutes)
    expect(now()).toBeGreaterThan(expiration)
    expect((await document(at.dev)).status).toBe(503)
  })

  it("is not handed out where it is the MFA session itself, which only a login renews", async () => {
    const { box, sleep, at } = await machine()
    expect((await document(at.acme)).status).toBe(200)

    sleep(12 * hours - 24 * minutes)

    expect((await document(at.acme)).status).toBe(401)
    expect((await document(at.dev)).status).toBe(200)
    // The container endpoint, which nobody stretches, serves it on.
    expect((await fetchCredentials(box, "acme")).status).toBe(200)
  })
})

describe("a second Unix user", () => {
  it("gets 403 for everything, and takes nobody's place with connections that say nothing", async (context) => {
    needsOtherUser(context)
    const box = await signedIn()
    const { port } = new URL(await endpointOf(box))
    const intruder = asOtherUser(
      `
      import { connect } from "node:net"
      const port = Number(process.argv[1])
      const ask = (text, half) => new Promise((resolve) => {
        let got = ""
        const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => half ? socket.end(text) : socket.write(text))
        socket.on("data", (chunk) => (got += chunk)).on("end", () => resolve(got)).on("error", (error) => resolve(error.code))
      })
      const head = "Host: 127.0.0.1:" + port + "\\r\\nX-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n"
      const answers = []
      for (const half of [false, true]) for (const line of ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/"])
        answers.push(await ask(line + " HTTP/1.1\\r\\n" + head, half))
      let idle = 0
      for (let i = 0; i < 2000; i += 1) {
        const socket = connect({ port, host: "127.0.0.1" }).on("error", () => undefined)
        await new Promise((resolve) => socket.on("connect", resolve).on("close", resolve))
      }
      console.log(JSON.stringify(answers))
      setInterval(() => undefined, 1_000)
    `,
      [port],
    )
    const [printed] = (await once(intruder.stdout!, "data")) as [Buffer]
    const answers = JSON.parse(String(printed)) as string[]

    expect(answers).toHaveLength(4)
    for (const answer of answers.slice(0, 2)) expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    // Whoever has closed a half already is gone to node, and may get no word at all.
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 403 [^]*\r\n\r\n)?$/)
    await vi.waitFor(async () => expect((await document(`http://127.0.0.1:${port}`)).status).toBe(200), 10_000)
  }, 60_000)
})

describe("imds in the settings", () => {
  it("opens a port for each, says what is wrong, and follows the AWS config file", async () => {
    const box = await install({ CREDD_IMDS: "dev, later" })
    await box.start()
    await signIn(box)
    const warnings = async (): Promise<string> =>
      (JSON.parse((await box.run(["status", "--json"])).stdout) as { warnings: string[] }).warnings.join("\n")
    expect(await warnings()).toContain("later")
    expect((await document(await endpointOf(box, "later"))).status).toBe(401)

    const config = join(box.home, "aws-config")
    const before = readFileSync(config, "utf8")
    writeFileSync(config, `${before}[profile later]\nrole_arn = arn:aws:iam::123456789012:role/developer\nsource_profile = acme\n`)
    expect(await warnings()).toBe("")
    expect((await document(await endpointOf(box, "later"))).status).toBe(200)

    writeFileSync(config, before)
    expect(await warnings()).toContain("later")
    expect((await document(await endpointOf(box, "later"))).status).toBe(401)
    expect(await box.run(["imds", "disable", "dev"])).toMatchObject({ status: 2 })
  }, 60_000) // prettier-ignore

  it.each([
    ["CREDD_IMDS", { CREDD_IMDS: "dev,,prod" }],
    ["config.toml", {}],
  ])("keep the daemon from starting when they are wrong in %s", async (_, variables) => {
    const box = await install(variables)
    if (_ === "config.toml") {
      const run = await box.run(["use", "dev"])
      expect(run.status).toBe(0)
      const path = join(box.env["CREDD_HOME"] ?? "", "config.toml")
      writeFileSync(path, 'imds = "dev"\n')
    }

    const { status, stderr } = await box.startInVain()

    expect(status).toBe(1)
    expect(stderr).toMatch(_ === "config.toml" ? /config\.toml:1: imds/ : /CREDD_IMDS: imds/)
  })

  it("leaves a port that somebody holds, serves the rest, and takes it on SIGHUP once it is free", async () => {
    const first = await freePort()
    const holder = createServer()
    await listenOnPort(holder, first + 1)
    onTestFinished(() => void holder.close())
    const box = await install({ CREDD_PORT: String(first) })
    const daemon = await box.start()
    await signIn(box)
    await new Promise((resolve) => void holder.close(resolve))
    await box.run(["imds", "enable", "dev"])
    expect(await endpointOf(box)).toBe(`http://127.0.0.1:${first + 1}`)
    await killed(daemon, "SIGTERM")
    await listenOnPort(holder, first + 1)

    const again = await box.start()
    expect((await box.run(["status"])).stdout).toContain(`port ${first + 1} is held by`)
    expect(await endpointOf(box)).toBe("")
    await new Promise((resolve) => void holder.close(resolve))
    again.kill("SIGHUP")

    await vi.waitFor(async () => expect(await endpointOf(box)).toBe(`http://127.0.0.1:${first + 1}`), { timeout: 10_000 })
  }, 60_000) // prettier-ignore
})
