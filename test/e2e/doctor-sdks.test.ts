/** What the doctor predicts, held against what the real SDKs do, for every combination of what may be set. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { families } from "../../client/doctor/families.ts"
import { readShell } from "../../client/doctor/shell.ts"
import { winnerOf, type Winner } from "../../client/doctor/winner.ts"
import type { Context } from "../../client/context.ts"
import { realFiles } from "../../client/files.ts"
import { realMachine } from "../../client/machine.ts"
import {
  fetchCredentials,
  finished,
  install,
  signIn,
  variablesIn,
  type Installation,
  type Ran,
} from "../support/daemon.ts"
import { aws, isPythonMissing, python, pythonMissing } from "../support/python.ts"

beforeEach(({ skip }) => skip(isPythonMissing, pythonMissing))

type Env = Readonly<Record<string, string>>

interface Scenario {
  readonly name: string
  readonly env: Env
}

const ids = {
  environment: "AKIAEXAMPLEENV000001",
  default: "AKIAEXAMPLEDEFAULT01",
  config: "AKIAEXAMPLECONFIG001",
  keyed: "AKIAEXAMPLEKEYED0001",
  process: "AKIAEXAMPLEPROCESS01",
  mixed: "AKIAEXAMPLEMIXED0001",
} as const
const secret = "EXAMPLEsecretOfNobodyNotARealOne00000001"
const keyLines = (id: string): string => `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`

const defaults: Readonly<Record<string, { readonly config: string; readonly credentials: string }>> = {
  "no default": { config: "", credentials: "" },
  "a default with a region only": { config: "[default]\nregion = eu-west-1\n", credentials: "" },
  "a default with keys": { config: "", credentials: `[default]\n${keyLines(ids.default)}` },
  "a default with keys in the config file": { config: `[default]\n${keyLines(ids.config)}`, credentials: "" },
  "a default with keys in both files": {
    config: `[default]\n${keyLines(ids.config)}`,
    credentials: `[default]\n${keyLines(ids.default)}`,
  },
  "a default with half a key": {
    config: "",
    credentials: `[default]\naws_access_key_id = ${ids.default}\n`,
  },
}

const processLine = `credential_process = echo '{"Version":1,"AccessKeyId":"${ids.process}","SecretAccessKey":"${secret}"}'\n`
const others = `[profile plain]\nregion = eu-west-1\n[profile proc]\n${processLine}[profile mixed]\n${processLine}${keyLines(ids.mixed)}[profile mixed-files]\n${processLine}`

const environments: Readonly<Record<string, Env>> = {
  "no keys": {},
  keys: { AWS_ACCESS_KEY_ID: ids.environment, AWS_SECRET_ACCESS_KEY: secret },
  "half a key": { AWS_ACCESS_KEY_ID: ids.environment },
}

const profiles: Readonly<Record<string, Env>> = {
  "no profile": {},
  "an empty AWS_PROFILE": { AWS_PROFILE: "" },
  "AWS_PROFILE with keys": { AWS_PROFILE: "keyed" },
  "AWS_PROFILE without keys": { AWS_PROFILE: "plain" },
  "AWS_PROFILE with a process": { AWS_PROFILE: "proc" },
  "AWS_PROFILE with a process and keys below it": { AWS_PROFILE: "mixed" },
  "AWS_PROFILE with a process and keys in the other file": { AWS_PROFILE: "mixed-files" },
  "AWS_PROFILE that is not there": { AWS_PROFILE: "missing" },
  "AWS_DEFAULT_PROFILE with keys": { AWS_DEFAULT_PROFILE: "keyed" },
  "both, and different": { AWS_PROFILE: "plain", AWS_DEFAULT_PROFILE: "keyed" },
}

function scenarios(box: Installation, shell: Env): readonly Scenario[] {
  const files = Object.entries(defaults).map(([name, { config, credentials }], index) => {
    const folder = join(box.home, `aws-${index}`)
    mkdirSync(folder)
    const paths = { AWS_CONFIG_FILE: join(folder, "config"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials") }
    writeFileSync(paths.AWS_CONFIG_FILE, config + others)
    writeFileSync(
      paths.AWS_SHARED_CREDENTIALS_FILE,
      `${credentials}[keyed]\n${keyLines(ids.keyed)}[mixed-files]\n${keyLines(ids.mixed)}`,
    )
    return { name, paths }
  })
  return files.flatMap(({ name, paths }) =>
    Object.entries(environments).flatMap(([keys, keyEnv]) =>
      Object.entries(profiles).map(([profile, profileEnv]) => ({
        name: `${name}, ${keys}, ${profile}`,
        env: { ...shell, ...paths, ...keyEnv, ...profileEnv },
      })),
    ),
  )
}

/** What stops an SDK at credd's door. */
function doorScenarios(box: Installation, shell: Env): readonly Scenario[] {
  const token = shell["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? ""
  const file = (name: string, text: string): string => {
    const path = join(box.home, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN: _, ...bare } = shell
  const fileName = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
  return [
    { name: "the token in a file", env: { ...bare, [fileName]: file("good", token) } },
    { name: "the token in both", env: { ...shell, [fileName]: file("also-good", token) } },
    { name: "a line break in the file", env: { ...bare, [fileName]: file("newline", `${token}\n`) } },
    { name: "no file", env: { ...bare, [fileName]: join(box.home, "missing") } },
    { name: "no token", env: bare },
    { name: "an empty file variable", env: { ...shell, [fileName]: "" } },
    { name: "an empty relative URI", env: { ...shell, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "" } },
    { name: "no URI at all", env: { HOME: box.home, AWS_EC2_METADATA_DISABLED: "true" } },
  ]
}

async function predicted(family: string, env: Env, creddId: string): Promise<string> {
  const context = { env, files: realFiles, paths: { state: env["CREDD_HOME"] ?? "", settings: "", socket: "" } }
  const shell = await readShell(context as unknown as Context, realMachine)
  return idOf(
    winnerOf(
      families.find(({ id }) => id === family)!,
      shell,
    ),
    creddId,
  )
}

function idOf(winner: Winner, creddId: string): string {
  if (winner.kind === "credd") return creddId
  if (winner.kind !== "other") return "none"
  const { kind, accessKeyId } = winner.source
  return kind === "process" ? ids.process : (accessKeyId ?? "none")
}

const botocore = `
import json, os, sys
import botocore.session
keep = dict(os.environ)
answers = []
for scenario in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(keep)
    os.environ.update(scenario["env"])
    try:
        found = botocore.session.Session().get_credentials()
        answers.append("none" if found is None else found.access_key)
    except Exception:
        answers.append("none")
print(json.dumps(answers))
`

const javaScript = `
import { defaultProvider } from "@aws-sdk/credential-provider-node"
let text = ""
for await (const chunk of process.stdin) text += chunk
const keep = { ...process.env }
const answers = []
for (const { env } of JSON.parse(text)) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, keep, env)
  try {
    answers.push((await defaultProvider({ logger: undefined })()).accessKeyId)
  } catch {
    answers.push("none")
  }
}
console.log(JSON.stringify(answers))
`

/** Built with the SDK suite's own module, whose packages it shares. Without Go on this machine, its rows are skipped. */
const hasGo = spawnSync("go", ["version"]).status === 0
const goModule = fileURLToPath(new URL("../sdks/programs/go-v2/", import.meta.url))
const goProgram = join(goModule, "../../../../.cache/go-v2-chain")

type Asked = "botocore" | "js-v3" | "go-v2"

async function asked(family: Asked, list: readonly Scenario[]): Promise<readonly string[]> {
  const input = JSON.stringify(list)
  const env = { PATH: process.env["PATH"] ?? "" }
  const programs: Readonly<Record<Asked, () => Promise<Ran>>> = {
    botocore: () => python(botocore, env, input),
    "js-v3": () =>
      finished(
        spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", javaScript], { env, stdio: "pipe" }),
        input,
      ),
    async "go-v2"() {
      execFileSync("go", ["build", "-o", goProgram, "./chain"], { cwd: goModule })
      return await finished(spawn(goProgram, [], { env, stdio: "pipe" }), input)
    },
  }
  const ran = await programs[family]()
  expect(ran).toMatchObject({ status: 0 })
  return JSON.parse(ran.stdout) as string[]
}

/** An STS that answers everybody with the access key that they have signed with. */
async function echoingSts(): Promise<string> {
  const server = createServer((request, response) => {
    const id = /Credential=(\w+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "none"
    const result = `<GetCallerIdentityResult><Arn>${id}</Arn><UserId>x</UserId><Account>1</Account></GetCallerIdentityResult>`
    response.setHeader("Content-Type", "text/xml")
    response.end(`<GetCallerIdentityResponse>${result}</GetCallerIdentityResponse>`)
  })
  const port = await listenOnPort(server, 0)
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${port}`
}

async function setup(): Promise<{ box: Installation; shell: Env; creddId: string }> {
  const box = await install()
  await box.start()
  await signIn(box)
  const { stdout } = await box.run(["env", "dev"])
  const shell = { HOME: box.home, CREDD_HOME: box.env["CREDD_HOME"] ?? "", ...variablesIn(stdout) }
  const { body } = await fetchCredentials(box, "dev")
  return { box, shell, creddId: body["AccessKeyId"] ?? "" }
}

describe("the doctor's prediction", () => {
  it.for(["botocore", "js-v3", "go-v2"] as const)(
    "is what %s does, whatever keys and profiles are about",
    { timeout: 300_000 },
    async (family, { skip }) => {
      skip(family === "go-v2" && !hasGo, "no Go")
      const { box, shell, creddId } = await setup()
      const list = scenarios(box, shell)

      const real = await asked(family, list)

      const rows = await Promise.all(
        list.map(async ({ name, env }, index) => ({
          name,
          predicted: await predicted(family, env, creddId),
          real: real[index],
        })),
      )
      expect(rows.filter((row) => row.predicted !== row.real)).toEqual([])
      // It is no prediction where all ends alike.
      expect(new Set(real)).toEqual(new Set([creddId, "none", ...Object.values(ids)].filter((id) => real.includes(id))))
      expect(new Set(real).size).toBeGreaterThan(5)
    },
  )

  it.for(["botocore", "js-v3", "go-v2"] as const)(
    "is what %s does at credd's door",
    { timeout: 300_000 },
    async (family, { skip }) => {
      skip(family === "go-v2" && !hasGo, "no Go")
      const { box, shell, creddId } = await setup()
      const list = doorScenarios(box, shell)

      const real = await asked(family, list)

      for (const [index, { name, env }] of list.entries()) {
        expect({ name, id: await predicted(family, env, creddId) }).toEqual({ name, id: real[index] })
      }
    },
  )

  it("is what the AWS CLI does", async () => {
    const { box, shell, creddId } = await setup()
    const sts = await echoingSts()
    const some = scenarios(box, shell).filter((_, index) => index % 11 === 3)

    const rows = await Promise.all(
      some.map(async ({ name, env }) => {
        const line = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
        const { status, stdout } = await aws(line, { ...env, AWS_ENDPOINT_URL_STS: sts })
        const real = status === 0 ? stdout.trim() : "none"
        return { name, predicted: await predicted("botocore", env, creddId), real }
      }),
    )

    expect(rows.filter((row) => row.predicted !== row.real)).toEqual([])
    expect(new Set(rows.map(({ real }) => real)).size).toBeGreaterThan(4)
  }, 180_000)
})
