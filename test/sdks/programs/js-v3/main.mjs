/** Probe of the AWS SDK for JavaScript v3: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout. */
import { createInterface } from "node:readline"
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"

let client
for await (const _ of createInterface({ input: process.stdin })) {
  let answer
  try {
    client ??= new STSClient({})
    answer = { ok: true, arn: (await client.send(new GetCallerIdentityCommand({}))).Arn }
  } catch (error) {
    answer = { ok: false, error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
