import { conformance } from "./runner/conformance.ts"
import { pip } from "./runner/toolchains.ts"

const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]

conformance({
  name: "AWS CLI v1",
  program: pip("aws-cli-v1", "awscli", (bin) => [`${bin}/aws`, ...whoami]),
  cells: {
    imdsEnd: { refused: 'Unable to locate credentials. You can configure credentials by running "aws configure".' },
  },
  expiry: String.raw`Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 403 from container metadata: {"Code":"SessionExpired","Message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme","code":"SessionExpired","message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme"}`,
  since: "1.30.0",
  limits: ["After a refusal it tries three times, a second apart, before it says so."],
})
