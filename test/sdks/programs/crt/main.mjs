/** Probe of the AWS Common Runtime: it signs one STS GetCallerIdentity for every line on stdin; one line of JSON for each on stdout. */
import { createHash } from "node:crypto"
import { createInterface } from "node:readline"
import { auth, http } from "aws-crt"

const url = new URL(process.env.SANDBOX_STS_URL)
let provider

async function call() {
  provider ??= auth.AwsCredentialsProvider.newDefault()
  const content = "Action=GetCallerIdentity&Version=2011-06-15"
  const request = new http.HttpRequest(
    "POST",
    "/",
    new http.HttpHeaders([
      ["host", url.host],
      ["content-type", "application/x-www-form-urlencoded"],
    ]),
  )
  const signed = await auth.aws_sign_request(request, {
    algorithm: auth.AwsSigningAlgorithm.SigV4,
    signature_type: auth.AwsSignatureType.HttpRequestViaHeaders,
    provider,
    region: process.env.AWS_REGION ?? "eu-west-1",
    service: "sts",
    date: new Date(),
    signed_body_value: createHash("sha256").update(content).digest("hex"),
  })
  const { host: _, ...headers } = Object.fromEntries(signed.headers)
  const response = await fetch(url, { method: "POST", headers, body: content })
  const text = await response.text()
  const [, arn] = /<Arn>([^<]+)<\/Arn>/.exec(text) ?? []
  if (arn === undefined) throw new Error(text)
  return arn
}

for await (const _ of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = { ok: true, arn: await call() }
  } catch (error) {
    answer = { ok: false, error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
process.exit()
