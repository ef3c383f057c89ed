// What people do all day: the AWS CLI through credd, against moto; every signature is checked.
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { exampleWorld, type World } from "../sandbox/world.ts"
import {
  accessKeyLines,
  credd,
  finished,
  install,
  variablesIn,
  type Installation,
  type Ran,
} from "../support/daemon.ts"
import { aws, isPythonMissing, pythonMissing } from "../support/python.ts"
import { startSignedMoto } from "../support/signed-moto.ts"

beforeEach(({ skip }) => skip(isPythonMissing, pythonMissing))

const config = `[profile acme]
mfa_serial = arn:aws:iam::123456789012:mfa/alice
region = eu-west-1
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
[profile other]
mfa_serial = arn:aws:iam::210987654321:mfa/bob
region = us-east-1
[profile audit]
role_arn = arn:aws:iam::210987654321:role/auditor
source_profile = other
external_id = unique-id
region = us-east-2
`
const bobsKey = ["AKIAEXAMPLEBOB000001", "EXAMPLEsecretOfBobNotARealOne0000000001"] as const
/** Two people in two accounts; the developer may decode. */
const world: World = {
  users: [
    ...exampleWorld.users,
    {
      accountId: "210987654321",
      userName: "bob",
      accessKeys: [{ accessKeyId: bobsKey[0], secretAccessKey: bobsKey[1] }],
      mfa: { serial: "arn:aws:iam::210987654321:mfa/bob", totpSecret: "KRUGS4ZANFZSAYJAKRUGS4ZANFZSAYJA" },
    },
  ],
  roles: [
    { arn: "arn:aws:iam::123456789012:role/developer", trust: { requireMfa: true }, mayDecode: true },
    {
      arn: "arn:aws:iam::210987654321:role/auditor",
      trust: { principals: ["arn:aws:iam::210987654321:user/bob"], externalId: "unique-id" },
    },
  ],
}
const developer = "arn:aws:sts::123456789012:assumed-role/developer/credd"
const auditor = "arn:aws:sts::210987654321:assumed-role/auditor/credd"
const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]

interface Day {
  readonly box: Installation
  /** A new shell after `eval "$(credd env …)"`. */
  shell(...args: readonly string[]): Promise<Record<string, string>>
  readonly signer: () => string | undefined
}

async function day(): Promise<Day> {
  const box = await install({}, config, { world })
  const { url, lastSigner } = await startSignedMoto(box.sandbox)
  await box.start()
  expect(await box.run(["add", "acme"], accessKeyLines)).toMatchObject({ status: 0 })
  expect(await box.run(["add", "other"], `${bobsKey.join("\n")}\n`)).toMatchObject({ status: 0 })
  expect(await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)).toMatchObject({ status: 0 })
  expect(await box.run(["login", "other"], `${box.sandbox.mfaCode("bob")}\n`)).toMatchObject({ status: 0 })
  return {
    box,
    signer: () => lastSigner()?.arn,
    async shell(...args) {
      const { stdout } = await box.run(["env", ...args])
      return { HOME: box.home, AWS_ENDPOINT_URL: url, AWS_ENDPOINT_URL_STS: box.sandbox.url, ...variablesIn(stdout) }
    },
  }
}

/** A shell in which a person types; `credd` is on its PATH. */
async function typed({ env, home }: Installation, line: string, more: Readonly<Record<string, string>>): Promise<Ran> {
  const bin = join(home, "bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, "credd"), `#!/bin/sh\nexec '${process.execPath}' '${credd}' "$@"\n`, { mode: 0o755 })
  const tools = new URL("../../.cache/python/bin/", import.meta.url).pathname
  const path = [bin, tools, env["PATH"]].join(":")
  return await finished(spawn("/bin/sh", ["-ec", line], { env: { ...env, ...more, PATH: path } }))
}

describe("a working day with the AWS CLI", () => {
  it("lists users, sets an alarm's state and tells who it is", async () => {
    const { shell, signer } = await day()
    const dev = await shell("dev")

    expect(await aws(whoami, dev)).toMatchObject({ status: 0, stdout: `${developer}\n` })
    expect(await aws(["iam", "list-users", "--query", "length(Users)"], dev)).toMatchObject({
      status: 0,
      stdout: "0\n",
    })
    expect(signer()).toBe(developer)
    const alarm = ["--alarm-name", "credd"]
    const put = `put-metric-alarm --evaluation-periods 1 --comparison-operator GreaterThanThreshold --metric-name m
      --namespace n --period 60 --statistic Sum --threshold 1`
    expect(await aws(["cloudwatch", ...put.split(/\s+/), ...alarm], dev)).toMatchObject({ status: 0 })
    const set = ["cloudwatch", "set-alarm-state", ...alarm, "--state-value", "ALARM", "--state-reason", "a drill"]
    expect(await aws(set, dev)).toMatchObject({ status: 0 })
    const state = ["cloudwatch", "describe-alarms", "--query", "MetricAlarms[].StateValue", "--output", "text"]
    expect((await aws(state, dev)).stdout).toBe("ALARM\n")
    expect(signer()).toBe(developer)
    expect((await aws(["configure", "list"], dev)).stdout).toMatch(/access_key.*container-role/)
  }, 120_000)

  it("copies a file and syncs 500 objects over 100 connections, and nothing stops when credentials are renewed", async () => {
    const { box, shell, signer } = await day()
    const dev = await shell("dev")
    const there = join(box.home, "there")
    const back = join(box.home, "back")
    mkdirSync(there)
    for (let number = 0; number < 500; number += 1) writeFileSync(join(there, `${number}.txt`), `object ${number}\n`)
    mkdirSync(join(box.home, ".aws"))
    writeFileSync(join(box.home, ".aws", "config"), "[default]\ns3 =\n  max_concurrent_requests = 100\n")

    expect(await aws(["s3", "mb", "s3://example"], dev)).toMatchObject({ status: 0 })
    expect(await aws(["s3", "cp", "--quiet", join(there, "7.txt"), "s3://example/one"], dev)).toMatchObject({
      status: 0,
    })
    const [up, ...renewed] = await Promise.all([
      aws(["s3", "sync", "--quiet", there, "s3://example/all"], dev),
      box.run(["refresh", "dev"]),
      box.run(["refresh", "dev"]),
    ])
    expect([up, ...renewed]).toMatchObject([{ status: 0, stderr: "" }, { status: 0 }, { status: 0 }])
    expect(await aws(["s3", "sync", "--quiet", "s3://example/all", back], dev)).toMatchObject({ status: 0, stderr: "" })

    expect(readdirSync(back)).toHaveLength(500)
    expect(readFileSync(join(back, "499.txt"), "utf8")).toBe("object 499\n")
    expect((await aws(["s3", "cp", "s3://example/one", "-"], dev)).stdout).toBe("object 7\n")
    expect(signer()).toBe(developer)
  }, 180_000)

  it("starts no instance in a dry run, and credd decode says why a real one was refused", async () => {
    const { box, shell } = await day()
    const dev = await shell("dev")
    const run = ["ec2", "run-instances", "--image-id", "ami-12c6146b", "--instance-type", "t3.micro", "--dry-run"]

    expect((await aws(run, dev)).stderr).toContain("(DryRunOperation)")

    const message = box.sandbox.mintAuthorizationMessage({
      allowed: false,
      explicitDeny: true,
      matchedStatements: { items: [{ statementId: "NoBigOnes", effect: "DENY" }] },
      context: { principal: { arn: developer }, action: "ec2:RunInstances", resource: "arn:aws:ec2:::instance/*" },
    })
    const refused = await aws(run, { ...dev, AWS_ENDPOINT_URL: await refusingEc2(message) })
    expect(refused.stderr).toContain("Encoded authorization failure message")
    const decoded = await box.run(["decode", "--profile", "dev", "-"], refused.stderr)
    expect(decoded).toMatchObject({ status: 0, stderr: "" })
    expect(decoded.stdout).toMatch(/action +ec2:RunInstances\n/)
    expect(decoded.stdout).toMatch(/verdict +explicitly denied/)
  }, 120_000)

  it("keeps two people in two shells apart, and each region where its profile has it", async () => {
    const { box, shell } = await day()
    const [alice, bob, dev, audit] = await Promise.all([shell("acme"), shell("other"), shell("dev"), shell("audit")])

    const answers = await Promise.all(
      [alice, bob, dev, audit].map(async (env) => (await aws(whoami, env)).stdout.trim()),
    )

    expect(answers).toEqual([
      "arn:aws:iam::123456789012:user/alice",
      "arn:aws:iam::210987654321:user/bob",
      developer,
      auditor,
    ])
    const regions = box.sandbox.calls.filter(({ action }) => action === "GetCallerIdentity").map(({ region }) => region)
    expect(regions).toEqual(expect.arrayContaining(["eu-west-1", "us-east-1", "eu-central-1", "us-east-2"]))
  }, 120_000)

  it("changes the environment in one shell, whatever region was set before, and leaves nothing behind", async () => {
    const { box } = await day()
    const ask = "aws sts get-caller-identity --query Arn --output text; echo $AWS_REGION $AWS_DEFAULT_REGION"

    const { status, stdout } = await typed(
      box,
      `eval "$(credd env dev)"; ${ask}; eval "$(credd env audit)"; ${ask}; eval "$(credd env --unset)"; env | grep -c ^AWS_CONTAINER || true`,
      { AWS_REGION: "ap-south-1", AWS_DEFAULT_REGION: "ap-south-2", AWS_PROFILE: "nobody", SHELL: "/bin/sh" },
    )

    expect({ status, lines: stdout.trim().split("\n") }).toEqual({
      status: 0,
      lines: [developer, "eu-central-1 eu-central-1", auditor, "us-east-2 us-east-2", "0"],
    })
  }, 120_000)
})

/** EC2 as it refuses what a policy forbids. */
async function refusingEc2(message: string): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(403, { "content-type": "text/xml" })
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation. Encoded authorization failure message: ${message}</Message></Error></Errors><RequestID>EXAMPLE</RequestID></Response>`,
    )
  })
  const port = await listenOnPort(server, 0)
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${port}`
}
