import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Go v2",
  program: go("go-v2", "github.com/aws/aws-sdk-go-v2/config"),
  cells: {
    imdsEnd: {
      refused:
        "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: REQUEST-ID, api error ExpiredToken: The security token included in the request is expired",
    },
  },
  expiry:
    'operation error STS: GetCallerIdentity, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, SessionExpired: the MFA session for profile "acme" ended at TIME; run: credd login acme',
  since: "release-2023-11-14",
})
