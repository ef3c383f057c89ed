import { conformance } from "./runner/conformance.ts"
import { npm } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for JavaScript v3, an early one",
  program: npm("js-v3-oldest", "@aws-sdk/client-sts"),
  processes: 10,
  cells: {
    imdsEnd: { refused: "ExpiredToken: The security token included in the request is expired" },
    file: { refused: "CredentialsProviderError: Could not load credentials from any providers" },
  },
  expiry: "CredentialsProviderError: Could not load credentials from any providers",
  since: "3.511.0",
  limits: [
    "It waits for a second and does not ask again: of fifty processes that start at once on two busy cores, some fail. Newer ones go on waiting, and ask again.",
    "Amazon's list names this version as the first with token files; its default chain does not read them yet. 3.511.0 does, 3.490.0 does not.",
  ],
})
