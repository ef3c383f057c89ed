/** For the sandbox's own tests: a sandbox for one test, and the real SDK as its caller. */
import { AssumeRoleCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts"
import type { AssumeRoleCommandInput, Credentials, GetSessionTokenCommandInput } from "@aws-sdk/client-sts"
import { expect, onTestFinished } from "vitest"
import { fakeClock } from "../fakes/clock.ts"
import { startSandbox, type Sandbox, type SandboxOptions } from "./sandbox.ts"

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export const aliceKeys: Keys = {
  accessKeyId: "AKIAEXAMPLEALICE0001",
  secretAccessKey: "EXAMPLEsecretOfAliceNotARealOne000000001",
}
export const aliceSerial = "arn:aws:iam::123456789012:mfa/alice"
export const developer = "arn:aws:iam::123456789012:role/developer"
export const auditor = "arn:aws:iam::210987654321:role/auditor"

export interface Started {
  readonly sandbox: Sandbox
  client(keys?: Keys): STSClient
  /** GetSessionToken with alice's keys and her MFA code. */
  login(input?: Partial<GetSessionTokenCommandInput>): Promise<Keys>
}

/** Its clock stands still unless a test brings its own: a code must not change between two lines. */
export async function started({ now = fakeClock().now, ...options }: SandboxOptions = {}): Promise<Started> {
  const sandbox = await startSandbox({ now, ...options })
  onTestFinished(async () => await sandbox.close())
  // The callers' clock is the test's, so that it is the sandbox alone that is skewed.
  const client = (keys = aliceKeys): STSClient =>
    new STSClient({
      region: "eu-west-1",
      endpoint: sandbox.url,
      credentials: keys,
      maxAttempts: 1,
      systemClockOffset: now() - Date.now(),
    })
  return {
    sandbox,
    client,
    async login(input = {}) {
      const code = { SerialNumber: aliceSerial, TokenCode: sandbox.mfaCode("alice") }
      const { Credentials: issued } = await client().send(new GetSessionTokenCommand({ ...code, ...input }))
      return keysOf(issued)
    },
  }
}

export async function assume(from: STSClient, input: Partial<AssumeRoleCommandInput> = {}): Promise<Keys> {
  const command = new AssumeRoleCommand({ RoleArn: developer, RoleSessionName: "credd", ...input })
  return keysOf((await from.send(command)).Credentials)
}

export function refused(name: string, message = "", status?: number): object {
  const metadata = status === undefined ? {} : { $metadata: expect.objectContaining({ httpStatusCode: status }) }
  return { name, message: expect.stringContaining(message), ...metadata }
}

function keysOf(issued: Credentials | undefined): Keys {
  return {
    accessKeyId: issued?.AccessKeyId ?? "",
    secretAccessKey: issued?.SecretAccessKey ?? "",
    sessionToken: issued?.SessionToken ?? "",
  }
}
