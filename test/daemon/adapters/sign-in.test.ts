import { createServer, type RequestListener } from "node:http"
import { describe, expect, it, onTestFinished } from "vitest"
import { openAwsHttp } from "../../../daemon/adapters/aws-http.ts"
import { systemClock } from "../../../daemon/adapters/clock.ts"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import { federationSignIn } from "../../../daemon/adapters/sign-in.ts"
import { awsSts } from "../../../daemon/adapters/sts.ts"
import { someAccessKey, someCredentials } from "../../fakes/credentials.ts"
import { startSandbox } from "../../sandbox/sandbox.ts"

function adapters() {
  const clock = systemClock()
  const http = async () => await openAwsHttp({ clock, env: {} })
  return { signIn: federationSignIn(http), sts: awsSts({ clock, http }) }
}

async function answering(listener: RequestListener) {
  const server = createServer(listener)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${await listenOnPort(server, 0)}/federation`
}

const credentials = someCredentials(Date.now() + 3_600_000)

describe(federationSignIn.name, () => {
  it("gets a token for a federated user that leads to the page, and none for an MFA session", async () => {
    const sandbox = await startSandbox()
    onTestFinished(async () => await sandbox.close())
    const { signIn, sts } = adapters()
    const target = { region: "eu-west-1", endpoint: sandbox.url }
    const policyArn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    const federated = await sts.getFederationToken(
      someAccessKey,
      { name: "alice", policyArn, durationSeconds: 900 },
      target,
    )
    const request = { mfaSerial: "arn:aws:iam::123456789012:mfa/alice", mfaCode: sandbox.mfaCode("alice") }
    const session = await sts.getSessionToken(someAccessKey, { ...request, durationSeconds: 900 }, target)

    const token = await signIn.signinToken(federated, `${sandbox.url}/federation`)

    const query = new URLSearchParams({ Action: "login", Destination: "https://a.test/", SigninToken: token.reveal() })
    const answer = await fetch(`${sandbox.url}/federation?${query.toString()}`, { redirect: "manual" })
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "https://a.test/"])
    expect(String(token)).toBe("[secret]")
    await expect(signIn.signinToken(session, `${sandbox.url}/federation`)).rejects.toMatchObject({
      code: "AccessDenied",
      message: "the console's sign-in refused the credentials: it answered 400",
    })
  })

  it.each<[string, number, string]>([
    ["an error of its own", 500, "it answered 500"],
    ["too many requests", 429, "it answered 429"],
    ["a page of a hotel", 200, "the answer holds no sign-in token"],
  ])("passes %s on as a matter of time", async (_, status, words) => {
    const endpoint = await answering((_request, response) => response.writeHead(status).end("<html>EXAMPLE-canary"))

    const error = await adapters()
      .signIn.signinToken(credentials, endpoint)
      .catch((each: unknown) => each)

    expect(error).toMatchObject({ code: "Unavailable", message: `could not reach AWS at 127.0.0.1: ${words}` })
    expect(JSON.stringify(error) + String(error)).not.toContain("canary")
  })

  it("follows no redirect, and takes no token with markup in it", async () => {
    const seen: string[] = []
    const endpoint = await answering((request, response) => {
      seen.push(request.url ?? "")
      if (seen.length === 1) response.writeHead(302, { location: "/elsewhere" }).end()
      else response.end(JSON.stringify({ SigninToken: '"><script>' }))
    })
    const { signIn } = adapters()

    for (const _ of [1, 2]) await expect(signIn.signinToken(credentials, endpoint)).rejects.toThrow("could not reach")
    expect(seen.map((url) => url.split("?")[0])).toEqual(["/federation", "/federation"])
  })

  it("sends nothing to a plain-http host elsewhere", async () => {
    await expect(adapters().signIn.signinToken(credentials, "http://signin.example/federation")).rejects.toMatchObject({
      code: "ConfigMalformed",
      hint: "check AWS_ENDPOINT_URL_SIGNIN",
    })
  })
})
