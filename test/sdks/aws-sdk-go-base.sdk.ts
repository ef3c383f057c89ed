import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "aws-sdk-go-base (Terraform)",
  program: go("aws-sdk-go-base", "github.com/hashicorp/aws-sdk-go-base/v2"),
  cells: {
    imdsEnd: {
      refused:
        "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: REQUEST-ID, api error ExpiredToken: The security token included in the request is expired",
    },
  },
  expiry:
    'operation error STS: GetCallerIdentity, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, SessionExpired: the MFA session for profile "acme" ended at TIME; run: credd login acme',
})
