import { GetCallerIdentityCommand } from "@aws-sdk/client-sts"
import { request } from "undici"
import { describe, expect, it } from "vitest"
import { minutes } from "../fakes/clock.ts"
import { claimIn, isSignedWith } from "./signature.ts"
import { aliceKeys, refused, started, type Keys, type Started } from "./started.ts"
import { exampleWorld } from "./world.ts"

const who = new GetCallerIdentityCommand({})

interface Captured {
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** A request as the SDK signed it, to be changed and sent again. */
async function signedBy({ client }: Started, keys?: Keys): Promise<Captured> {
  const captured: Captured[] = []
  const sts = client(keys)
  sts.middlewareStack.add(
    (next) => async (args) => {
      const { headers, body } = args.request as Captured
      captured.push({ path: "/", headers: { ...headers }, body })
      return await next(args)
    },
    { step: "finalizeRequest", priority: "low" },
  )
  await sts.send(who)
  return captured[0]!
}

async function sent({ sandbox }: Started, { path, headers, body }: Captured) {
  const { "content-length": _, ...rest } = headers
  const answer = await request(sandbox.url + path, { method: "POST", headers: rest, body })
  return { status: answer.statusCode, body: await answer.body.text() }
}

function withHeader(captured: Captured, name: string, change: (value: string) => string): Captured {
  return { ...captured, headers: { ...captured.headers, [name]: change(captured.headers[name] ?? "") } }
}

const refusal = (code: string, message = "") => ({
  status: code === "IncompleteSignature" ? 400 : 403,
  body: expect.stringMatching(new RegExp(`<Code>${code}</Code>\\s*<Message>.*${message}`)),
})

describe(isSignedWith.name, () => {
  // "get-vanilla-query-order-key-case" of AWS's own test suite.
  const headers = {
    host: ["example.amazonaws.com"],
    "x-amz-date": ["20150830T123600Z"],
    authorization: [
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
  }
  const vector = { method: "GET", target: "/?Param2=value2&Param1=value1", headers, body: new Uint8Array() }
  const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

  it("agrees with AWS's test suite", () => {
    const claim = claimIn(vector)

    expect(claim).toMatchObject({ accessKeyId: "AKIDEXAMPLE", region: "us-east-1", service: "service" })
    expect(isSignedWith(secret, claim!, vector)).toBe(true)
    expect(isSignedWith(secret, claim!, { ...vector, method: "POST" })).toBe(false)
    expect(isSignedWith(`${secret}x`, claim!, vector)).toBe(false)
  })
})

describe("a signed request", () => {
  it("is taken again as it was, and at every spelling of the root path", async () => {
    const box = await started()
    const original = await signedBy(box)

    for (const path of ["/", "//", "/./"]) expect(await sent(box, { ...original, path })).toMatchObject({ status: 200 })
  })

  it.each<[string, (original: Captured) => Captured]>([
    ["the body", (was) => ({ ...was, body: `${was.body}&DurationSeconds=900` })],
    ["a signed header", (was) => withHeader(was, "content-type", () => "text/plain")],
    ["the host", (was) => withHeader(was, "host", () => "sts.example.com")],
    ["the path", (was) => ({ ...was, path: "/other" })],
    ["the query", (was) => ({ ...was, path: "/?x=y" })],
    [
      "the date",
      (was) =>
        withHeader(was, "x-amz-date", (date) => date.replace(/\d\dZ$/, (end) => (end === "00Z" ? "01Z" : "00Z"))),
    ],
    ["the region", (was) => withHeader(was, "authorization", (value) => value.replace("eu-west-1", "eu-west-2"))],
    ["the service", (was) => withHeader(was, "authorization", (value) => value.replace("/sts/", "/iam/"))],
    [
      "the scope's date",
      (was) => withHeader(was, "authorization", (value) => value.replace(/\/\d{8}\//, "/20200101/")),
    ],
    ["the list of headers", (was) => withHeader(was, "authorization", (value) => value.replace("host;", ""))],
    [
      "the signature",
      (was) => withHeader(was, "authorization", (value) => value.replace(/.$/, (last) => (last === "0" ? "1" : "0"))),
    ],
  ])("is refused once %s was changed", async (_, change) => {
    const box = await started()

    expect(await sent(box, change(await signedBy(box)))).toEqual(refusal("SignatureDoesNotMatch"))
  })

  it("is refused when it has no date, no proper header or no signature at all", async () => {
    const box = await started()
    const original = await signedBy(box)
    const without = (name: string): Captured => ({
      ...original,
      headers: Object.fromEntries(Object.entries(original.headers).filter(([each]) => each !== name)),
    })

    expect(await sent(box, without("x-amz-date"))).toEqual(refusal("IncompleteSignature", "X-Amz-Date"))
    expect(
      await sent(
        box,
        withHeader(original, "authorization", () => "Bearer x"),
      ),
    ).toEqual(refusal("IncompleteSignature"))
    expect(await sent(box, without("authorization"))).toEqual(refusal("MissingAuthenticationToken"))
  })

  it("of temporary credentials needs their own session token, signed", async () => {
    const box = await started()
    const session = await box.login()
    const original = await signedBy(box, session)
    const { "x-amz-security-token": _, ...headers } = original.headers

    expect(await sent(box, original)).toMatchObject({ status: 200 })
    expect(await sent(box, { ...original, headers })).toEqual(refusal("InvalidClientTokenId"))
    expect(
      await sent(
        box,
        withHeader(original, "x-amz-security-token", (token) => `${token}x`),
      ),
    ).toEqual(refusal("InvalidClientTokenId"))
    const unsigned = withHeader(original, "authorization", (value) => value.replace(";x-amz-security-token", ""))
    expect(await sent(box, unsigned)).toEqual(refusal("SignatureDoesNotMatch", "SignedHeader"))
    await expect(box.client({ ...aliceKeys, sessionToken: "x" }).send(who)).rejects.toMatchObject(
      refused("InvalidClientTokenId"),
    )
  })

  it("is refused with a wrong secret, an unknown key and an inactive one", async () => {
    const [alice] = exampleWorld.users
    const inactive = { accessKeyId: "AKIAEXAMPLEALICE0002", secretAccessKey: "EXAMPLE-inactive", active: false }
    const { client } = await started({
      world: { roles: [], users: [{ ...alice!, accessKeys: [...alice!.accessKeys, inactive] }] },
    })

    await expect(client({ ...aliceKeys, secretAccessKey: "EXAMPLE-wrong" }).send(who)).rejects.toMatchObject(
      refused("SignatureDoesNotMatch", "does not match the signature you provided", 403),
    )
    for (const keys of [inactive, { ...aliceKeys, accessKeyId: "AKIAEXAMPLENOBODY000" }]) {
      await expect(client(keys).send(who)).rejects.toMatchObject(
        refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
      )
    }
  })

  it.each([
    [14, undefined],
    [-14, undefined],
    [16, /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min\.\)$/],
    [-16, /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 15 min\.\)$/],
  ])("to a sandbox whose clock is %d minutes ahead gets %s", async (off, message) => {
    const { client } = await started({ skewMs: off * minutes })

    const answer = client().send(who)

    if (message === undefined) await answer
    else {
      await expect(answer).rejects.toMatchObject({
        name: "SignatureDoesNotMatch",
        message: expect.stringMatching(message),
      })
    }
  })
})
