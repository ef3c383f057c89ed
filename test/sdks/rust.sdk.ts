import { conformance } from "./runner/conformance.ts"
import { cargo } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Rust",
  program: cargo("rust", "aws-config"),
  cells: {
    imdsEnd: {
      refused:
        'service error: unhandled error (ExpiredToken): Error { code: "ExpiredToken", message: "The security token included in the request is expired", aws_request_id: "REQUEST-ID" }',
    },
    bareProxy: { other: "token to the proxy" },
  },
  expiry:
    "dispatch failure: other: an error occurred while loading credentials: Non-success status from HTTP credential provider: StatusCode(403)",
  since: "release-2024-03-13",
  limits: [
    "It sends even loopback requests through `http_proxy`: keep `127.0.0.1` in `NO_PROXY`, as `credd env` does.",
  ],
})
