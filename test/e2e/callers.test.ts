import { beforeEach, describe, expect, it } from "vitest"
import { accessKeyLines, install, variablesIn, type Installation } from "../support/daemon.ts"
import { aws, isPythonMissing, python, pythonMissing, startMoto } from "../support/python.ts"

beforeEach(({ skip }) => skip(isPythonMissing, pythonMissing))

const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
const boto3 = `
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
`

async function signedIn(config?: string): Promise<Installation> {
  const box = await install({}, config)
  await box.start()
  expect(await box.run(["add", "acme"], accessKeyLines)).toMatchObject({ status: 0 })
  expect(await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)).toMatchObject({ status: 0 })
  return box
}

/** What a new shell of this user has after `eval "$(credd env …)"`, and nothing else. */
async function shellOf(box: Installation, ...args: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await box.run(["env", ...args])
  return { HOME: box.home, AWS_ENDPOINT_URL_STS: box.sandbox.url, ...variablesIn(stdout) }
}

describe("the AWS CLI and boto3", () => {
  it("are served by the token in the variable and by the token file", async () => {
    const box = await signedIn()

    for (const args of [["dev"], ["dev", "--token-file"]]) {
      const shell = await shellOf(box, ...args)
      expect(await aws(whoami, shell)).toMatchObject({
        status: 0,
        stdout: "arn:aws:sts::123456789012:assumed-role/developer/credd\n",
      })
      expect(await python(boto3, shell)).toMatchObject({
        status: 0,
        stdout: "arn:aws:sts::123456789012:assumed-role/developer/credd\n",
      })
    }
    expect((await aws(["configure", "list"], await shellOf(box, "dev"))).stdout).toMatch(/access_key.*container-role/)
  }, 60_000)

  it("show the person the command to run when the session is over", async () => {
    const box = await signedIn()
    const shell = await shellOf(box, "dev")
    await box.run(["logout", "--all"])

    const { status, stderr } = await aws(whoami, shell)

    expect(status).not.toBe(0)
    expect(stderr).toContain("run: credd login acme")
  }, 60_000)

  it("go on in one process while credentials are renewed behind them", async () => {
    const box = await signedIn()
    const shell = await shellOf(box, "dev")
    const script = `
import boto3, os, subprocess, sys
session = boto3.Session()
first = session.get_credentials().get_frozen_credentials().access_key
print(session.client("sts").get_caller_identity()["Arn"])
subprocess.run([os.environ["NODE"], os.environ["CREDD"], "refresh", "dev"], check=True, env=dict(os.environ))
again = boto3.Session()
assert again.get_credentials().get_frozen_credentials().access_key != first
print(again.client("sts").get_caller_identity()["Arn"])
print(session.client("sts").get_caller_identity()["Arn"])
`
    const credd = new URL("../../dist/client/main.js", import.meta.url).pathname

    const { status, stdout, stderr } = await python(script, {
      ...box.env,
      ...shell,
      NODE: process.execPath,
      CREDD: credd,
    })

    expect(stderr).toContain('renewed "dev"')
    expect([status, stdout.trim().split("\n").length]).toEqual([0, 3])
  }, 60_000)

  it.each(["with space", "team/dev", "a.b", "a+b", "50%", "schön"])(
    "are served for a profile called %j",
    async (name) => {
      const box = await signedIn(
        `[profile acme]\nmfa_serial = arn:aws:iam::123456789012:mfa/alice\n[profile "${name}"]\nrole_arn = arn:aws:iam::123456789012:role/developer\nsource_profile = acme\nregion = eu-west-1\n`,
      )

      expect(await python(boto3, await shellOf(box, name))).toMatchObject({ status: 0 })
    },
    60_000,
  )
})

describe("moto, as a second opinion on the sandbox", () => {
  it("takes credd from an access key over MFA to a role, for STS, IAM and S3", async () => {
    const moto = await startMoto()
    const admin = {
      HOME: "/nonexistent",
      AWS_ENDPOINT_URL: moto,
      AWS_ACCESS_KEY_ID: "EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "EXAMPLE",
      AWS_DEFAULT_REGION: "eu-west-1",
    }
    const made = await python(
      `
import boto3, json
iam = boto3.client("iam")
iam.create_user(UserName="alice")
key = iam.create_access_key(UserName="alice")["AccessKey"]
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
iam.create_role(RoleName="developer", AssumeRolePolicyDocument=json.dumps(trust))
boto3.client("s3").create_bucket(Bucket="example", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
print(key["AccessKeyId"]); print(key["SecretAccessKey"])
`,
      admin,
    )
    expect(made).toMatchObject({ status: 0 })
    const box = await install({ AWS_ENDPOINT_URL_STS: moto })
    await box.start()

    expect(await box.run(["add", "acme"], made.stdout)).toMatchObject({ status: 0 })
    expect(await box.run(["login", "dev"], "123456\n")).toMatchObject({ status: 0 })
    const shell = { ...(await shellOf(box, "dev")), AWS_ENDPOINT_URL: moto, AWS_ENDPOINT_URL_STS: moto }

    expect((await aws(whoami, shell)).stdout).toBe("arn:aws:sts::123456789012:assumed-role/developer/credd\n")
    expect((await aws(["iam", "list-users", "--query", "Users[].UserName", "--output", "text"], shell)).stdout).toBe(
      "alice\n",
    )
    expect((await aws(["s3", "ls"], shell)).stdout).toContain("example")
    expect(await box.run(["whoami", "dev"])).toMatchObject({
      status: 0,
      stdout: "arn:aws:sts::123456789012:assumed-role/developer/credd\n",
    })
  }, 120_000)
})
