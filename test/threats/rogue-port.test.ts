/** A rogue of another user that takes the port while the daemon is down: it learns the token that a caller brings. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { finished, install, killed, signIn } from "../support/daemon.ts"
import { freePort } from "../support/free-port.ts"
import { asOtherUser, needsOtherUser, otherUid } from "../support/other-user.ts"

const owner = 54_320

beforeEach((context) => needsOtherUser(context))

/** Takes the port, and says what the first caller brought. */
const rogue = `
  import { createServer } from "node:http"
  createServer((request, response) => {
    console.log(request.headers.authorization)
    response.end('{"AccessKeyId":"ASIAEXAMPLEROGUE0001","SecretAccessKey":"x","Token":"x","Expiration":"2099-01-01T00:00:00Z"}')
  }).listen(Number(process.argv[1]), "127.0.0.1", () => console.log("listening"))`

const replay = `
  const [port, token] = process.argv.slice(1)
  const answer = await fetch("http://127.0.0.1:" + port + "/credentials/dev", { headers: { authorization: token } })
  console.log(answer.status + await answer.text())
  process.exit()`

async function lineOf(child: ReturnType<typeof asOtherUser>): Promise<string> {
  return await new Promise((resolve) => {
    child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()))
  })
}

describe("a rogue that has taken the port", () => {
  it("is named by the daemon, which does not start, takes no other port, and tells nobody to go there", async () => {
    const port = await freePort()
    const box = await install({ CREDD_PORT: String(port) }, undefined, {}, { owner })
    await lineOf(asOtherUser(rogue, [String(port)]))

    const { status, stderr } = await box.startInVain()

    expect(status).toBe(1)
    expect(stderr).toContain(`port ${port} is held by a program of user id ${otherUid}`)
    expect(existsSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"))).toBe(false)
  })

  it("can do nothing with the token that it has learnt, once the daemon is back", async () => {
    const port = await freePort()
    const box = await install({ CREDD_PORT: String(port) }, undefined, {}, { owner })
    const first = await box.start()
    await signIn(box)
    await killed(first, "SIGKILL")
    const thief = asOtherUser(rogue, [String(port)])
    await lineOf(thief)
    const token = readFileSync(join(box.env["CREDD_HOME"] ?? "", "tokens", "shell"), "utf8")
    const caught = lineOf(thief)
    await fetch(`http://127.0.0.1:${port}/credentials/dev`, { headers: { authorization: token } })
    expect(await caught).toBe(token)
    await killed(thief, "SIGKILL")

    await box.start()
    const { stdout } = await finished(asOtherUser(replay, [String(port), token]))

    expect(stdout).toMatch(/^403.*PeerRejected/)
  })

  it("is not asked by credd's own commands: they use the socket", async () => {
    const port = await freePort()
    const box = await install({ CREDD_PORT: String(port) }, undefined, {}, { owner })
    await killed(await box.start(), "SIGKILL")
    await lineOf(asOtherUser(rogue, [String(port)]))

    for (const args of [["status"], ["whoami", "dev"], ["login", "dev"]]) expect((await box.run(args)).status).toBe(3)
  })
})
