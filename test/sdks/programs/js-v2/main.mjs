/** Probe of the AWS SDK for JavaScript v2: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout. */
import { createInterface } from "node:readline"
import AWS from "aws-sdk"

let client
for await (const _ of createInterface({ input: process.stdin })) {
  let answer
  try {
    client ??= new AWS.STS({ endpoint: process.env.SANDBOX_STS_URL, stsRegionalEndpoints: "regional" })
    answer = { ok: true, arn: (await client.getCallerIdentity().promise()).Arn }
  } catch (error) {
    answer = { ok: false, error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
