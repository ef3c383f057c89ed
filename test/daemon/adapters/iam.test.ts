import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam"
import { beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { openAwsHttp } from "../../../daemon/adapters/aws-http.ts"
import { systemClock } from "../../../daemon/adapters/clock.ts"
import { awsIam } from "../../../daemon/adapters/iam.ts"
import { awsSts } from "../../../daemon/adapters/sts.ts"
import type { AccessKey } from "../../../daemon/core/credentials.ts"
import { Secret } from "../../../daemon/core/secret.ts"
import { someAccessKey } from "../../fakes/credentials.ts"
import { startSandbox } from "../../sandbox/sandbox.ts"
import { exampleWorld } from "../../sandbox/world.ts"
import { isPythonMissing, startMoto } from "../../support/python.ts"

function adapters() {
  const clock = systemClock()
  const http = async () => await openAwsHttp({ clock, env: {} })
  return { iam: awsIam({ clock, http }), sts: awsSts({ clock, http }) }
}

async function sandboxOf(mayRotate: boolean | "with-mfa" = true) {
  const [alice] = exampleWorld.users
  const sandbox = await startSandbox({ world: { ...exampleWorld, users: [{ ...alice!, mayRotate }] } })
  onTestFinished(async () => await sandbox.close())
  return { sandbox, url: sandbox.url, key: someAccessKey }
}

async function moto(): Promise<{ url: string; key: AccessKey }> {
  const url = await startMoto()
  const credentials = { accessKeyId: "EXAMPLE", secretAccessKey: "EXAMPLE" }
  const client = new IAMClient({ region: "eu-west-1", endpoint: url, credentials })
  await client.send(new CreateUserCommand({ UserName: "alice" }))
  const { AccessKey: made } = await client.send(new CreateAccessKeyCommand({ UserName: "alice" }))
  return { url, key: { accessKeyId: made!.AccessKeyId!, secretAccessKey: new Secret(made!.SecretAccessKey!) } }
}

describe.each([
  ["the sandbox", sandboxOf],
  ["moto", moto],
] as const)("awsIam against %s", (name, start) => {
  beforeEach((context) => {
    if (name === "moto" && isPythonMissing) context.skip("no Python tools: see test/support/python.ts")
  })

  it("makes, lists, turns off and deletes a user's access keys, and knows the quota", { timeout: 60_000 }, async () => {
    const { url, key } = await start()
    const { iam } = adapters()
    const target = { region: "eu-west-1", endpoint: url }

    const made = await iam.createAccessKey(key, "alice", target)
    expect(made.accessKeyId).toMatch(/^AKIA/)
    expect(made.secretAccessKey.reveal()).toHaveLength(40)
    await expect(iam.createAccessKey(key, "alice", target)).rejects.toMatchObject({ code: "AccessKeyQuota" })
    expect(await iam.isNeverUsed(key, made.accessKeyId, target)).toBe(true)
    await iam.setActive(key, "alice", made.accessKeyId, false, target)
    const listed = await iam.listAccessKeys(key, "alice", target)
    expect(listed.map(({ accessKeyId, isActive }) => [accessKeyId, isActive])).toEqual([
      [key.accessKeyId, true],
      [made.accessKeyId, false],
    ])
    expect(Math.abs((listed[1]?.createdAt ?? 0) - Date.now())).toBeLessThan(60_000)
    for (const _ of ["once", "again"]) await iam.deleteAccessKey(key, "alice", made.accessKeyId, target)
    expect(await iam.listAccessKeys(key, "alice", target)).toHaveLength(1)
  })
})

describe(awsIam.name, () => {
  it("tells a right that is missing, and does with a session with MFA what the key may not", async () => {
    const { sandbox, url, key } = await sandboxOf("with-mfa")
    const { iam, sts } = adapters()
    const target = { region: "eu-west-1", endpoint: url }
    const mfa = { mfaSerial: "arn:aws:iam::123456789012:mfa/alice", mfaCode: sandbox.mfaCode("alice") }
    const session = await sts.getSessionToken(key, { ...mfa, durationSeconds: 900 }, target)

    await expect(iam.listAccessKeys(key, "alice", target)).rejects.toMatchObject({ code: "AccessDenied" })
    expect(await iam.listAccessKeys(session, "alice", target)).toHaveLength(1)
  })

  it("says that IAM cannot be reached, and sends nothing to a plain-http host elsewhere", async () => {
    const { iam } = adapters()
    const list = async (endpoint: string) =>
      await iam.listAccessKeys(someAccessKey, "alice", { region: "eu-west-1", endpoint })

    await expect(list("http://127.0.0.1:1")).rejects.toMatchObject({ code: "Unavailable" })
    await expect(list("http://iam.example")).rejects.toMatchObject({
      code: "ConfigMalformed",
      hint: expect.stringContaining("AWS_ENDPOINT_URL_IAM"),
    })
  })
})
