/** Random callers: bare sockets that ask for this and that, well and badly, and real SDKs and tools as processes. */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { credd, type Machine } from "./machine.ts"
import { mayRead, type Answer, type Question } from "./model.ts"
import type { Random } from "./random.ts"
import { rawCaller, type RawAnswer } from "./raw-request.ts"
import type { HeldToken, Tokens } from "./tokens.ts"
import { profiles } from "./world.ts"

export interface CallersOptions {
  readonly machine: Machine
  readonly tokens: Tokens
  readonly random: Random
  readonly isOver: () => boolean
  /** Hears of every answer to a bare socket. */
  readonly onAnswer: (question: Question, answer: Answer) => void
  /** Hears of every run of a tool; `answer` is a `broken` one where it did not get credentials. */
  readonly onTool: (tool: string, question: Question, answer: Answer) => void
}

/** Asks until it is over. */
export async function rawCallers(options: CallersOptions, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, i) => rawLoop(options, options.random.fork(`raw ${i}`), i % 2 === 1)),
  )
}

async function rawLoop(
  { machine, tokens, isOver, onAnswer }: CallersOptions,
  random: Random,
  keepsAlive: boolean,
): Promise<void> {
  const caller = rawCaller(machine.port, keepsAlive)
  while (!isOver()) {
    const { question, headers } = ask(tokens, random)
    const [sentAt, awsSentAt] = [performance.now(), machine.awsNow()]
    const answer = await caller.ask(`/credentials/${encodeURIComponent(question.profile)}`, headers)
    onAnswer(question, {
      sentAt,
      awsSentAt,
      answeredAt: performance.now(),
      awsAnsweredAt: machine.awsNow(),
      result: resultOf(machine, answer),
    })
    await sleep(random.between(0, 120))
  }
  caller.close()
}

function ask(tokens: Tokens, random: Random): { question: Question; headers: Record<string, string> } {
  const held =
    tokens.good().length === 0 || random.chance(0.1) ? someOf(tokens.old(), random) : random.pick(tokens.good())
  // Mostly what the token may ask for.
  const named =
    held === undefined || random.chance(0.2) ? profiles : profiles.filter((name) => mayRead(held.token, name))
  const profile = random.pick(named)
  const lot = random.next()
  if (lot < 0.02) return { question: { profile, token: undefined }, headers: {} }
  if (lot < 0.04 || held === undefined)
    return { question: { profile, token: "nobody's" }, headers: { Authorization: "nobody's" } }
  const headers = { Authorization: random.chance(0.2) ? `Bearer ${held.text}` : held.text }
  if (lot > 0.98)
    return { question: { profile, token: held.token, isForeign: true }, headers: { ...headers, Host: "rebind.test" } }
  return { question: { profile, token: held.token }, headers }
}

function someOf(from: readonly HeldToken[], random: Random): HeldToken | undefined {
  return from.length === 0 ? undefined : random.pick(from)
}

function resultOf({ sandbox }: Machine, answer: RawAnswer): Answer["result"] {
  if (answer.kind === "broken") return answer
  let body: Record<string, string>
  try {
    body = JSON.parse(answer.body) as Record<string, string>
  } catch {
    return { kind: "refusal", status: answer.status, code: "not JSON", message: answer.body.slice(0, 80) }
  }
  if (answer.status !== 200) {
    return { kind: "refusal", status: answer.status, code: body["Code"] ?? "", message: body["Message"] ?? "" }
  }
  const { AccessKeyId = "", SecretAccessKey, Token, Expiration = "" } = body
  const issued = sandbox.issued(AccessKeyId)
  const isWhole = issued?.secretAccessKey === SecretAccessKey && issued?.sessionToken === Token
  // Halves of two sets are nobody's credentials.
  return { kind: "credentials", accessKeyId: isWhole ? AccessKeyId : "", expiration: Date.parse(Expiration) }
}

interface Tool {
  readonly name: string
  readonly isThere: boolean
  /** The program and its arguments; it prints the access key id that it got. */
  command(profile: string): readonly [string, ...string[]]
}

const python = fileURLToPath(new URL("../../../.cache/python/bin/python", import.meta.url))
const boto3 = "import boto3; print(boto3.Session().get_credentials().get_frozen_credentials().access_key)"
const clientSts = import.meta.resolve("@aws-sdk/client-sts")
const javascript = `import { STSClient } from ${JSON.stringify(clientSts)}
console.log((await new STSClient({ region: "eu-west-1" }).config.credentials()).accessKeyId)`

const tools: readonly Tool[] = [
  { name: "boto3", isThere: existsSync(python), command: () => [python, "-c", boto3] },
  {
    name: "AWS SDK for JavaScript",
    isThere: true,
    command: () => [process.execPath, "--input-type=module", "-e", javascript],
  },
  {
    name: "credd process",
    isThere: existsSync(join(credd, "../commands/process.js")),
    command: (profile) => [process.execPath, credd, "process", profile],
  },
]

/** Runs one tool after another until it is over. */
export async function toolCallers(options: CallersOptions): Promise<void> {
  const { machine, tokens, random, isOver, onTool } = options
  const there = tools.filter(({ isThere }) => isThere)
  while (!isOver()) {
    await sleep(random.between(500, 4_000))
    const tool = random.pick(there)
    const held = tokens.good()[0]
    const profile = random.pick(profiles.filter((name) => held === undefined || mayRead(held.token, name)))
    if (held === undefined) continue
    const [program, ...args] = tool.command(profile)
    const [sentAt, awsSentAt] = [performance.now(), machine.awsNow()]
    const stdout = await run(program, args, {
      ...machine.env,
      AWS_CONFIG_FILE: tool.name === "credd process" ? (machine.env["AWS_CONFIG_FILE"] ?? "") : "/dev/null",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${machine.port}/credentials/${encodeURIComponent(profile)}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: held.text,
      AWS_EC2_METADATA_DISABLED: "true",
    })
    const accessKeyId = /ASIA[A-Z0-9]+/.exec(stdout)?.[0]
    onTool(
      tool.name,
      { profile, token: held.token },
      {
        sentAt,
        awsSentAt,
        answeredAt: performance.now(),
        awsAnsweredAt: machine.awsNow(),
        result:
          accessKeyId === undefined
            ? { kind: "broken", why: "no credentials" }
            : { kind: "credentials", accessKeyId, expiration: 0 },
      },
    )
  }
}

async function run(program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  return await new Promise((resolve) => {
    execFile(program, args, { env, timeout: 60_000 }, (_, stdout) => resolve(stdout))
  })
}
