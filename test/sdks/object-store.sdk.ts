import { conformance } from "./runner/conformance.ts"
import { cargo } from "./runner/toolchains.ts"

conformance({
  name: "object_store (Rust)",
  program: cargo("object-store", "object_store"),
  speaks: "s3",
  tokens: "file",
  cells: {
    imdsEnd: {
      refused:
        "Generic S3 error: Error performing GET http://127.0.0.1:PORT/latest/meta-data/iam/security-credentials/credd-dev in TIME - Server returned non-2xx status code: 401 Unauthorized:",
    },
    variable: {
      refused:
        'Generic S3 error: Error performing PUT http://127.0.0.1:PORT/latest/api/token in TIME - Server returned non-2xx status code: 400 Bad Request: <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"> <Error> <Type>Sender</Type> <Code>InvalidAction</Code> <Message>Could not find operation for version NO_VERSION_SPECIFIED</Message> </Error> <RequestId>REQUEST-ID</RequestId> </ErrorResponse>',
    },
    ecs: { notApplicable: "it reads no profiles" },
    process: { notApplicable: "it reads no profiles" },
    bareProxy: { other: "token to the proxy" },
  },
  expiry: String.raw`Generic S3 error: Error performing GET http://127.0.0.1:PORT/credentials/dev in TIME - Server returned non-2xx status code: 403 Forbidden: {"Code":"SessionExpired","Message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme","code":"SessionExpired","message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme"}`,
  limits: [
    "It reads the token from a file only: use `credd env --token-file`. With a token in a variable it asks instance metadata instead, which on EC2 is the machine's own role.",
    "It reads no profiles, and its IMDS address comes from `AWS_METADATA_ENDPOINT`, which `credd env --imds` sets.",
  ],
})
