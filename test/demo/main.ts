/**
 * `npm run demo`: the main job on a machine without an AWS account. Everything in it is the real thing but for AWS
 * itself, whose place the sandbox STS takes: it checks signatures and MFA codes as AWS does.
 */
import { spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startSandbox } from "../sandbox/sandbox.ts"
import { exampleWorld } from "../sandbox/world.ts"

const credd = fileURLToPath(new URL("../../../dist/client/main.js", import.meta.url))
const caller = fileURLToPath(new URL("./caller.js", import.meta.url))
const color = process.stdout.isTTY && !process.env["NO_COLOR"]
const dim = (text: string): string => (color ? `\u001b[2m${text}\u001b[22m` : text)
const bold = (text: string): string => (color ? `\u001b[1m${text}\u001b[22m` : text)
const green = (text: string): string => (color ? `\u001b[32m${text}\u001b[39m` : text)

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const home = await mkdtemp(join(tmpdir(), "credd-demo-"))
const sandbox = await startSandbox()
/** Nothing of the person's own environment: the demo reads no AWS files and no keychain of theirs. */
const env: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  HOME: home,
  SHELL: "/bin/sh",
  CREDD_HOME: join(home, "credd"),
  CREDD_STORE: "memory",
  CREDD_PORT: "0",
  CREDD_LOG_LEVEL: "warn",
  AWS_CONFIG_FILE: join(home, "config"),
  AWS_SHARED_CREDENTIALS_FILE: join(home, "credentials"),
  AWS_ENDPOINT_URL_STS: sandbox.url,
}

async function run(args: readonly string[], input = "", variables = env): Promise<Ran> {
  return await new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env: variables })
    const ran = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (ran.stdout += chunk))
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (ran.stderr += chunk))
    child.once("close", (status) => resolve({ status, ...ran }))
    child.stdin.on("error", () => undefined).end(input)
  })
}

function insist(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}

function title(text: string): void {
  console.log(`\n${bold(text)}`)
}

/** Shows a credd command as a person would type it, runs it, and insists that it worked. */
async function command(line: string, input?: string): Promise<Ran> {
  console.log(`${dim("$")} credd ${line}`)
  const ran = await run([credd, ...line.split(" ")], input)
  for (const text of [ran.stdout, ran.stderr]) {
    for (const each of text.trimEnd().split("\n")) if (each !== "") console.log(`  ${shown(each)}`)
  }
  insist(ran.status === 0, `"credd ${line}" ended with status ${ran.status}`)
  return ran
}

/** The demo's token is worth nothing after it, but a habit is a habit. */
function shown(line: string): string {
  return line.replace(/(AUTHORIZATION_TOKEN=')([^']{6})[^']*/, "$1$2…")
}

interface Seen {
  readonly arn: string
  readonly accessKeyId: string
}

/** A program of the user's: the AWS SDK for JavaScript, with nothing but the variables that `credd env` printed. */
async function callAws(variables: NodeJS.ProcessEnv): Promise<Seen> {
  const ran = await run([caller], "", { PATH: process.env["PATH"], ...variables, AWS_ENDPOINT_URL_STS: sandbox.url })
  insist(ran.status === 0, `the SDK could not call AWS: ${ran.stderr}`)
  const seen = JSON.parse(ran.stdout) as Seen
  console.log(`  ${green("GetCallerIdentity")} ${seen.arn}  ${dim(`key ****${seen.accessKeyId.slice(-4)}`)}`)
  return seen
}

function variablesIn(lines: string): NodeJS.ProcessEnv {
  return Object.fromEntries([...lines.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]))
}

async function main(): Promise<void> {
  const [alice] = exampleWorld.users
  const [key] = alice?.accessKeys ?? []
  insist(alice !== undefined && key !== undefined, "the sandbox has no user")
  await writeFile(
    join(home, "config"),
    `[profile acme]
mfa_serial = ${alice?.mfa?.serial}
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
`,
  )
  console.log(
    bold("credd demo") + dim("  an AWS of its own (a sandbox STS on this machine), a daemon, and a real AWS SDK"),
  )

  title("1. The daemon starts")
  const daemon = spawn(process.execPath, [credd, "daemon"], { env, stdio: ["ignore", "ignore", "inherit"] })
  const ended = new Promise<number | null>((resolve) => {
    daemon.once("close", resolve)
  })
  try {
    await untilRunning()
    await steps(`${key?.accessKeyId}\n${key?.secretAccessKey}\n`)
  } finally {
    daemon.kill("SIGTERM")
    insist((await ended) === 0, "the daemon did not stop cleanly")
  }
}

async function steps(accessKey: string): Promise<void> {
  await command("status")

  title("2. Once: the long-lived access key goes into the store")
  await command("add acme", accessKey)

  title("3. Once a day: one MFA code")
  const code = sandbox.mfaCode("alice")
  console.log(dim(`  (alice's authenticator shows ${code})`))
  await command("login dev", `${code}\n`)
  const again = await run([credd, "login", "acme"], `${code}\n`)
  insist(again.status !== 0, "the same code was taken twice")
  console.log(dim("  (the same code again is refused: ") + dim(`${again.stderr.split("\n")[0]})`))

  title("4. In each shell: point the AWS SDKs at credd")
  const lines = await command("env dev")

  title("5. Any AWS SDK is served")
  const variables = variablesIn(lines.stdout)
  const before = await callAws(variables)
  insist(before.arn === "arn:aws:sts::123456789012:assumed-role/developer/credd", "the SDK is not who it should be")

  title("6. And goes on being served when the credentials are renewed")
  await command("refresh dev")
  const after = await callAws(variables)
  insist(after.arn === before.arn && after.accessKeyId !== before.accessKeyId, "the credentials were not renewed")
  await command("status")
  insist(sandbox.count("GetSessionToken") === 1, "more than one MFA session was started")
}

async function untilRunning(): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await run([credd, "status"])).status === 0) return
  }
  throw new Error("the daemon did not start")
}

try {
  await main()
  console.log(
    `\n${green("It works.")} On your own machine: credd add PROFILE, credd login, eval "$(credd env PROFILE)"`,
  )
} catch (error) {
  console.error(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await sandbox.close()
  await rm(home, { recursive: true, force: true })
}
