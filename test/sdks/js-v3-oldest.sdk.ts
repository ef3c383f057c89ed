import { conformance } from "./runner/conformance.ts"
import { npm } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for JavaScript v3, the oldest with token files",
  program: npm("js-v3-oldest", "@aws-sdk/client-sts"),
  cells: {
    imdsEnd: { refused: "ExpiredToken: The security token included in the request is expired" },
    file: { refused: "CredentialsProviderError: Could not load credentials from any providers" },
  },
  expiry: "CredentialsProviderError: Could not load credentials from any providers",
  since: "3.458.0",
})
