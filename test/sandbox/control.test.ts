import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { DecodeAuthorizationMessageCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { request } from "undici"
import { describe, expect, it, onTestFinished } from "vitest"
import type { Fault } from "./faults.ts"
import { aliceKeys, refused, started } from "./started.ts"
import { exampleWorld } from "./world.ts"

const who = new GetCallerIdentityCommand({})
const main = fileURLToPath(new URL("../../build/test/sandbox/main.js", import.meta.url))

async function control(url: string, method: "GET" | "POST", path: string, document?: unknown) {
  const answer = await request(`${url}/_sandbox/${path}`, {
    method,
    body: document === undefined ? null : JSON.stringify(document),
  })
  const body = await answer.body.text()
  return { status: answer.statusCode, body: (body === "" ? undefined : JSON.parse(body)) as unknown }
}

async function run(world?: string) {
  const folder = await mkdtemp(join(tmpdir(), "sandbox-"))
  const file = join(folder, "world.json")
  if (world !== undefined) await writeFile(file, world)
  const child = spawn(process.execPath, world === undefined ? [main] : [main, file])
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await rm(folder, { recursive: true })
  })
  return child
}

describe("the sandbox's own paths", () => {
  it("make an authorization message that the real call decodes", async () => {
    const { client, sandbox } = await started()

    const { status, body } = await control(sandbox.url, "POST", "messages", { allowed: false })

    expect(status).toBe(200)
    const command = new DecodeAuthorizationMessageCommand({ EncodedMessage: (body as { message: string }).message })
    expect((await client().send(command)).DecodedMessage).toBe('{"allowed":false}')
    expect(await control(sandbox.url, "POST", "messages", "no object")).toMatchObject({ status: 400 })
  })

  it("take one fault or several, and tell the calls", async () => {
    const { client, sandbox } = await started()
    const fault: Fault = { kind: "error", code: "Throttling", times: 1 }

    expect(await control(sandbox.url, "POST", "faults", fault)).toMatchObject({ status: 204 })
    expect(await control(sandbox.url, "POST", "faults", [fault, fault])).toMatchObject({ status: 204 })

    for (const _ of [1, 2, 3]) await expect(client().send(who)).rejects.toMatchObject(refused("Throttling"))
    await client().send(who)
    expect(await control(sandbox.url, "GET", "calls")).toMatchObject({
      status: 200,
      body: {
        calls: [{ outcome: "Throttling" }, {}, {}, { outcome: "ok", accessKeyId: aliceKeys.accessKeyId }],
        counts: { GetCallerIdentity: 4 },
        peaks: { GetCallerIdentity: 1 },
      },
    })
  })

  it.each<Fault>([
    { kind: "latency", ms: 10 },
    { kind: "drop", when: "after", forSeconds: 3 },
    { kind: "hang", action: "AssumeRole" },
    { kind: "error", code: "X", status: 500, message: "m", retryAfterSeconds: 1, until: 5 },
    { kind: "malformed" },
    { kind: "html" },
    { kind: "huge" },
    { kind: "drip", everyMs: 0 },
  ])("take %j", async (fault) => {
    const { sandbox } = await started()

    expect(await control(sandbox.url, "POST", "faults", fault)).toMatchObject({ status: 204 })
  })

  it.each([{}, { kind: "nope" }, { kind: "latency" }, { kind: "hang", tims: 1 }, "x"])("refuse %j", async (fault) => {
    const { sandbox } = await started()

    expect(await control(sandbox.url, "POST", "faults", fault)).toMatchObject({ status: 400 })
  })

  it("reset everything, and know nothing else", async () => {
    const { client, sandbox } = await started()
    sandbox.faults.add({ kind: "html" })
    await client().send(who)

    expect(await control(sandbox.url, "POST", "reset")).toMatchObject({ status: 204 })

    expect(await control(sandbox.url, "GET", "calls")).toEqual({
      status: 200,
      body: { calls: [], counts: {}, peaks: {} },
    })
    expect(await control(sandbox.url, "GET", "reset")).toMatchObject({ status: 404 })
    expect(await control(sandbox.url, "GET", "nope")).toMatchObject({ status: 404 })
  })
})

describe("the sandbox as a process", () => {
  it.each([
    ["the example world", undefined],
    ["a world from a file", JSON.stringify(exampleWorld)],
  ])("prints its URL, serves %s, and ends when it is told to", async (_, world) => {
    const child = await run(world)
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string]
    const client = new STSClient({ region: "eu-west-1", endpoint: line.trim(), credentials: aliceKeys })

    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/)
    expect(await client.send(who)).toHaveProperty("Account", "123456789012")

    child.kill("SIGTERM")
    expect((await once(child, "exit"))[0]).toBe(0)
  })

  it.each(["{", '{"users":[{"accountId":1}],"roles":[]}'])("does not start with the world %s", async (world) => {
    const child = await run(world)
    const [said, [status]] = await Promise.all([text(child.stderr), once(child, "exit")])

    expect([status, said]).toEqual([1, expect.stringMatching(/^sandbox: error: could not start: /)])
    expect(said).toMatch(world === "{" ? /JSON/ : /users\.0\.accountId: /)
  })
})
