import { conformance } from "./runner/conformance.ts"
import { cargo } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Rust",
  program: cargo("rust", "aws-config"),
  cells: { bareProxy: { other: "token to the proxy" } },
  expiry:
    'dispatch failure: other: an error occurred while loading credentials: Non-success status from HTTP credential provider: StatusCode(403) (DispatchFailure(DispatchFailure { source: ConnectorError { kind: Other(None), source: ProviderError(ProviderError { source: "Non-success status from HTTP credential provider: StatusCode(403)" }), connection: Unknown } }))',
  since: "release-2024-03-13",
})
