import { conformance } from "./runner/conformance.ts"
import { npm } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for JavaScript v2",
  program: npm("js-v2", "aws-sdk"),
  cells: {
    imdsEnd: {
      refused: "CredentialsError: Missing credentials in config, if using AWS_CONFIG_FILE, set AWS_SDK_LOAD_CONFIG=1",
    },
    ecs: { other: "the profile is ignored" },
  },
  expiry: "CredentialsError: Missing credentials in config, if using AWS_CONFIG_FILE, set AWS_SDK_LOAD_CONFIG=1",
  since: "2.1550.0",
  limits: [
    "With `AWS_EC2_METADATA_V1_DISABLED` set, a process that met one slow answer of instance metadata, or a refusal, never asks again: `credd env --imds` unsets it.",
  ],
})
