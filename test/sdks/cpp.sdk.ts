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
})
