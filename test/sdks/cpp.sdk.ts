import { conformance } from "./runner/conformance.ts"
import { pip } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for C++ (in pyarrow)",
  program: pip("cpp", "pyarrow"),
  speaks: "s3",
  clock: "own",
  cells: { ecs: { other: "the profile is ignored" } },
  expiry:
    "OSError: When listing objects under key '' in bucket 'credd': AWS Error UNKNOWN (HTTP status 403) during ListObjectsV2 operation: Unable to parse ExceptionName: ExpiredToken Message: The security token included in the request is expired",
  since: "1.11.263",
  limits: [
    "When credentials are refused it goes on without a signature, and says nothing: what you see is S3's answer to a stranger.",
    "It escapes the path of the address a second time; credd understands it.",
    "Its clock cannot be moved here, so it was given credentials that were about to end.",
  ],
})
