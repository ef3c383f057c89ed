/** A person's machine for one SDK: AWS (the sandbox, and moto's S3), the real daemon, `~/.aws`, and a clock to move. */
import type { ChildProcess } from "node:child_process"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { expect } from "vitest"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { minutes } from "../../fakes/clock.ts"
import { credd, install, killed, signIn, type AtEnd, type Installation } from "../../support/daemon.ts"
import { machineClock } from "../../support/faketime.ts"
import { startSignedMoto, type SignedMoto } from "../../support/signed-moto.ts"
import { startProxy, type Proxy } from "./proxy.ts"
import type { Answer, Prepared, Running, Sdk } from "./sdk.ts"

export const oddNames = ["with space", "team/dev", "a.b", "a+b", "50%", "schön", "team a/dev.eu+1 50% schön"]

const developer = `role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
`
/** `brief` has the shortest life that AWS gives. */
const config = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
${developer}[profile brief]
duration_seconds = 900
${developer}[profile chained]
role_arn = arn:aws:iam::210987654321:role/auditor
credential_source = EcsContainer
external_id = unique-id
region = eu-west-1
[profile through-dev]
credential_process = ${process.execPath} ${credd} process dev
region = eu-central-1
[profile through-brief]
credential_process = ${process.execPath} ${credd} process brief
region = eu-central-1
${oddNames.map((name) => `[profile "${name}"]\n${developer}`).join("")}`

/** Somebody else, in the file and in the environment: nobody that AWS knows. */
const strayKeys = `[stray]
aws_access_key_id = AKIAEXAMPLESTRAY0001
aws_secret_access_key = EXAMPLEsecretOfNobodyNotARealOne00000001
`
export const strayVariables = {
  AWS_PROFILE: "stray",
  AWS_DEFAULT_PROFILE: "stray",
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLESTRAY0002",
  AWS_SECRET_ACCESS_KEY: "EXAMPLEsecretOfNobodyNotARealOne00000002",
  AWS_SESSION_TOKEN: "EXAMPLE",
}

export interface Environment {
  /** Profile and flags for `credd env`. */
  readonly args?: readonly string[]
  /** In the shell before `credd env`. */
  readonly before?: Readonly<Record<string, string>>
  /** What the person types after it. */
  readonly after?: string
  /** Looks at the lines before they are evaluated. */
  readonly lines?: (printed: string) => string
}

export interface Machine {
  readonly box: Installation
  readonly proxy: Proxy
  /** The profile that the programs use. */
  readonly profile: string
  /** Flags of `credd env` for this SDK. */
  readonly how: readonly string[]
  /** Moves the clock of AWS, daemon and program so far from the start. */
  setClock(ms: number): void
  /** A shell in which that environment was evaluated; each call of what it gives starts a program there. */
  shell(environment?: Environment): Promise<() => Running>
  /** The key that signed the last call that AWS took. */
  lastKey(): string
  restartDaemon(): Promise<void>
  logIn(): Promise<void>
}

export async function startMachine(sdk: Sdk, { start }: Prepared, atEnd: AtEnd): Promise<Machine> {
  const hasOwnClock = sdk.clock === "own"
  // AWS takes signatures that are up to 15 minutes off.
  const behindMs = hasOwnClock ? 15 * minutes - 3_000 : 0
  let offsetMs = -behindMs
  const clock = machineClock(atEnd)
  clock.set(offsetMs)
  const variables = {
    ...clock.env,
    // A session outlives the daemon, and the port stays: both as on a person's machine.
    CREDD_STORE: "file",
    CREDD_PORT: String(await freePort()),
  }
  const box = await install(variables, config, { now: () => Date.now() + offsetMs }, { atEnd })
  const passphrase = join(box.home, "passphrase")
  writeFileSync(passphrase, "EXAMPLE passphrase", { mode: 0o600 })
  box.env["CREDD_PASSPHRASE_FILE"] = passphrase
  mkdirSync(join(box.home, ".aws"))
  symlinkSync(box.env["AWS_CONFIG_FILE"] ?? "", join(box.home, ".aws", "config"))
  writeFileSync(join(box.home, ".aws", "credentials"), strayKeys)

  let daemon: ChildProcess = await box.start()
  await signIn(box, hasOwnClock ? ["--duration", "15m"] : [])
  const s3 = sdk.speaks === "s3" ? await startSignedMoto(box.sandbox, atEnd) : undefined
  if (s3 !== undefined) await fetch(`${s3.moto}/credd`, { method: "PUT" })
  const proxy = await startProxy(atEnd)
  const profile = hasOwnClock ? "brief" : "dev"
  const how = sdk.tokens === "file" ? ["--token-file"] : []

  return {
    box,
    proxy,
    profile,
    how,
    setClock(ms) {
      offsetMs = ms - behindMs
      clock.set(offsetMs)
    },
    async shell({ args = [...how, profile], before = {}, after = "", lines = (printed: string) => printed } = {}) {
      const env = {
        PATH: process.env["PATH"] ?? "",
        HOME: box.home,
        LANG: "C.UTF-8",
        AWS_ENDPOINT_URL_STS: box.sandbox.url,
        // What has nowhere else to ask (object_store) does not leave this machine.
        AWS_METADATA_ENDPOINT: box.sandbox.url,
        // The hours go by while the machine is awake: all of its clocks move.
        ...(hasOwnClock ? {} : { ...clock.env, FAKETIME_DONT_FAKE_MONOTONIC: "0" }),
        ...before,
      }
      const printed = await box.run(["env", "--shell", "sh", ...args], "", before)
      expect(printed).toMatchObject({ status: 0 })
      const evaluated = `${lines(printed.stdout)}\n${after}`
      return () => {
        const running = start({ env, lines: evaluated, stsUrl: box.sandbox.url, s3Url: s3?.url ?? "" })
        return { ...running, call: async () => signedBy(await running.call(), s3) }
      }
    },
    lastKey() {
      if (s3 !== undefined) return s3.lastSigner()?.accessKeyId ?? ""
      const taken = box.sandbox.calls.findLast((call) => call.action === "GetCallerIdentity" && call.outcome === "ok")
      return taken?.accessKeyId ?? ""
    },
    async restartDaemon() {
      await killed(daemon, "SIGTERM")
      daemon = await box.start()
      // A caller's patience with a daemon that has just started is measured in test/bench.
      expect(await box.run(["refresh", profile])).toMatchObject({ status: 0 })
    },
    async logIn() {
      const { code } = box.sandbox.nextUnusedCode("alice")
      expect(await box.run(["login", "acme"], `${code}\n`)).toMatchObject({ status: 0 })
      // As in a restart: on a busy machine AWS may take longer than a caller waits.
      expect(await box.run(["refresh", profile])).toMatchObject({ status: 0 })
    },
  }
}

/** A program that speaks S3 does not learn who it is; AWS does. */
function signedBy(answer: Answer, s3: SignedMoto | undefined): Answer {
  return "arn" in answer && s3 !== undefined ? { arn: s3.lastSigner()?.arn ?? "nobody" } : answer
}

/** Outside the range that outgoing connections take theirs from: the daemon comes back to it after a restart. */
async function freePort(): Promise<number> {
  const first = 20_000 + (process.pid % 10_000)
  for (let port = first; port < first + 100; port += 1) {
    const probe = createServer()
    try {
      await listenOnPort(probe, port)
    } catch {
      continue
    }
    await new Promise((resolve) => {
      probe.close(resolve)
    })
    return port
  }
  throw new Error("no port is free")
}
