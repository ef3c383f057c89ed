import { conformance } from "./runner/conformance.ts"
import { npm } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for JavaScript v3",
  program: npm("js-v3", "@aws-sdk/client-sts"),
  cells: { imdsEnd: { refused: "CredentialsProviderError: Could not load credentials from any providers" } },
  expiry: "CredentialsProviderError: Could not load credentials from any providers",
  since: "3.511.0",
  limits: [
    "With `AWS_EC2_METADATA_V1_DISABLED` set, a process that met one slow answer of instance metadata never asks again: `credd env --imds` unsets it.",
  ],
})
