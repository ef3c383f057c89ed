import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { awsVaultFolder, buildAwsVault, isGoMissing } from "../support/aws-vault.ts"
import { accessKeyLines, install, type Installation } from "../support/daemon.ts"
import { startKeyring } from "../support/keyring.ts"

const [keyId = "", secret = ""] = accessKeyLines.split("\n")

type Env = Readonly<Record<string, string>>

async function file(): Promise<Env> {
  return { AWS_VAULT_FILE_PASSPHRASE: "EXAMPLE-passphrase" }
}

async function secretService(): Promise<Env> {
  const keyring = await startKeyring()
  onTestFinished(async () => await keyring.close())
  // A collection of its own would have the desktop ask for a password.
  return { ...keyring.env, AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME: "login" }
}

async function pass({ home }: Installation): Promise<Env> {
  const env = { GNUPGHOME: join(home, "gnupg"), PASSWORD_STORE_DIR: join(home, "pass") }
  mkdirSync(env.GNUPGHOME, { mode: 0o700 })
  const all = { env: { ...env, PATH: process.env["PATH"], HOME: home }, stdio: "ignore" } as const
  execFileSync(
    "gpg",
    ["--batch", "--passphrase", "", "--quick-gen-key", "alice@example.test", "default", "default", "never"],
    all,
  )
  execFileSync("pass", ["init", "alice@example.test"], all)
  onTestFinished(() => {
    execFileSync("gpgconf", ["--kill", "all"], all)
  })
  return { ...env, AWS_VAULT_PASS_PASSWORD_STORE_DIR: env.PASSWORD_STORE_DIR }
}

describe("credd import --from aws-vault", () => {
  beforeAll(() => {
    if (!isGoMissing) buildAwsVault()
  }, 300_000)
  beforeEach((context) => {
    if (isGoMissing) context.skip("go is not installed here")
  })

  it.each([
    ["file", file],
    ["secret-service", secretService],
    ["pass", pass],
  ])("takes a key over from the real one's %s backend", { timeout: 60_000 }, async (backend, prepare) => {
    const box = await install()
    const path = `${awsVaultFolder}:${box.env["PATH"]}`
    Object.assign(box.env, await prepare(box), { PATH: path, HOME: box.home, AWS_VAULT_BACKEND: backend })
    execFileSync("aws-vault", ["add", "--env", "acme"], {
      env: { ...box.env, AWS_ACCESS_KEY_ID: keyId, AWS_SECRET_ACCESS_KEY: secret },
      stdio: "ignore",
    })
    await box.start()

    const { status, stdout, stderr } = await box.run(["import", "--from", "aws-vault"])

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(stderr).toContain('kept the access key of arn:aws:iam::123456789012:user/alice as "acme"')
    expect(stderr).toContain("once all works: aws-vault remove acme")
    expect(stderr + box.log()).not.toContain(secret)
    expect(box.sandbox.calls.at(-1)).toMatchObject({ action: "GetCallerIdentity", accessKeyId: keyId, outcome: "ok" })
    expect(await box.run(["login", "acme"], `${box.sandbox.mfaCode("alice")}\n`)).toMatchObject({ status: 0 })
  })
})
