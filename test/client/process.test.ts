import { describe, expect, it } from "vitest"
import { credd, endpointFiles, home, token } from "./fake-context.ts"
import { runCredd } from "./real-process.ts"
import { temporaryHome } from "./control-server.ts"

const files = endpointFiles({ dev: {}, "a b/ü": {} })
const body = {
  AccessKeyId: "ASIAEXAMPLE",
  SecretAccessKey: "EXAMPLE-secret",
  Token: "EXAMPLE-token",
  Expiration: "2026-11-23T22:10:00Z",
}
const served = { status: 200, text: JSON.stringify({ ...body, AccountId: "123456789012" }) }
const refused = (status: number, code: string, message: string) => ({
  status,
  text: JSON.stringify({ Code: code, Message: message, code, message }),
})

describe("credd process", () => {
  it("prints version 1 and nothing else, from the data plane alone", async () => {
    const { status, stdout, stderr, calls, requests } = await credd(["process", "dev"], { files, answers: [served] })

    expect({ status, stderr, calls }).toEqual({ status: 0, stderr: "", calls: [] })
    expect(stdout.endsWith("\n")).toBe(true)
    expect(JSON.parse(stdout)).toEqual({
      Version: 1,
      AccessKeyId: "ASIAEXAMPLE",
      SecretAccessKey: "EXAMPLE-secret",
      SessionToken: "EXAMPLE-token",
      Expiration: "2026-11-23T22:10:00Z",
      AccountId: "123456789012",
    })
    expect(requests).toEqual([`http://127.0.0.1:9912/credentials/dev ${token}`])
  })

  it("leaves out an account id that is not known, and encodes the profile's name", async () => {
    const answers = [{ status: 200, text: JSON.stringify(body) }]

    const { stdout, requests } = await credd(["process", "a b/ü"], { files, answers })

    expect(JSON.parse(stdout)).not.toHaveProperty("AccountId")
    expect(requests[0]).toContain("/credentials/a%20b%2F%C3%BC ")
  })

  it.each([
    [403, "LoginRequired", 'profile "acme" has no MFA session; run: credd login acme', 10],
    [403, "SessionExpired", "the MFA session ended; run: credd login acme", 10],
    [403, "KeychainLocked", "the keychain is locked; unlock it", 13],
    [403, "ProfileNotFound", 'there is no profile "dev"', 1],
    [401, "TokenRejected", "the token is wrong", 1],
    [403, "CodeOfTheFuture", "something new", 1],
  ])("says why in one line on stderr for %i %s, and nothing on stdout", async (code, name, message, exit) => {
    const { status, stdout, stderr } = await credd(["process", "dev"], {
      files,
      answers: [refused(code, name, message)],
    })

    expect({ status, stdout, stderr }).toEqual({ status: exit, stdout: "", stderr: `credd: error: ${message}\n` })
  })

  it.each([
    ["nobody listens", files],
    ["the daemon never ran", {}],
    ["the token is not there", { [`${home}/endpoint.json`]: files[`${home}/endpoint.json`]! }],
  ])("ends with 3 in one line when %s", async (_, given) => {
    const { status, stdout, stderr } = await credd(["process", "dev"], { files: given })

    expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
    expect(stderr).toMatch(/^credd: error: [^\n]+\n$/)
  }) // prettier-ignore

  it("waits for what AWS has not answered yet, and gives up after a while", async () => {
    const waiting = refused(503, "Unavailable", "AWS has not answered yet; try again")

    const patient = await credd(["process", "dev"], { files, answers: [waiting, waiting, served], pauses: 2 })
    expect(patient).toMatchObject({ status: 0, stderr: "" })

    const tired = await credd(["process", "dev"], { files, answers: [waiting], pauses: 100 })
    expect(tired).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "credd: error: AWS has not answered yet; try again\n",
    })
    expect(tired.requests).toHaveLength(13)
  })

  it("takes the new token when it was changed between two looks", async () => {
    const path = `${home}/tokens/shell`
    let asked = 0

    const { status, requests } = await credd(["process", "dev"], {
      files,
      answers: [refused(401, "TokenRejected", "it has ended"), served],
      pauses: 1,
      onCall: (held) => (asked += 1) === 1 && held.set(path, Buffer.from("new-token")),
    })

    expect(status).toBe(0)
    expect(requests.map((request) => request.split(" ")[1])).toEqual([token, "new-token"])
  })

  it.each([
    ["a page", "<html>"],
    ["nothing", ""],
    ["null", "null"],
    ["half", JSON.stringify({ AccessKeyId: "x" })],
    ["a number for a key", JSON.stringify({ ...body, Token: 1 })],
  ])("takes %s for no credentials", async (_, text) => {
    for (const code of [200, 403, 503]) {
      const answered = await credd(["process", "dev"], { files, answers: [{ status: code, text }] })
      expect(answered).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^credd: error: .*\n$/) })
      expect(answered.requests).toHaveLength(1)
    }
  })

  it.each([
    [["process"]],
    [["process", "a", "b"]],
    [["process", "--setup", "--remove"]],
    [["process", "--remove", "a"]],
  ])("ends %j with 2", async (args) => {
    expect(await credd(args, { files })).toMatchObject({ status: 2, stdout: "", requests: [], calls: [] })
  })

  it("ends with 3 as a real process where no daemon ever ran", async () => {
    const folder = await temporaryHome()

    const { status, stdout, stderr } = await runCredd(["process", "dev"], { env: { CREDD_HOME: folder } })

    expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
    expect(stderr).toMatch(/^credd: error: the credd daemon is not running; run: credd service install .*\n$/)
  })
})
