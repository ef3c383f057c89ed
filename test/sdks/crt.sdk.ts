import { conformance } from "./runner/conformance.ts"
import { npm } from "./runner/toolchains.ts"

conformance({
  name: "AWS Common Runtime (npm aws-crt)",
  program: npm("crt", "aws-crt"),
  cells: {
    imdsEnd: {
      refused:
        "Error: aws-c-auth: AWS_AUTH_SIGNING_NO_CREDENTIALS, Attempt to sign an http request without credentials",
    },
    ecs: { other: "the profile is ignored" },
  },
  expiry: "Error: aws-c-auth: AWS_AUTH_SIGNING_NO_CREDENTIALS, Attempt to sign an http request without credentials",
  limits: [
    "It reckons by the time that the machine was awake: after a sleep it signs with ended credentials until that much time has gone by.",
  ],
})
