import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Java 2.x",
  program: maven("java-v2", "sts"),
  processes: 10,
  cells: {
    imdsEnd: {
      refused:
        "software.amazon.awssdk.services.sts.model.StsException: The security token included in the request is expired (Service: Sts, Status Code: 403, Request ID: REQUEST-ID) (SDK Attempt Count: 1)",
    },
  },
  expiry:
    'software.amazon.awssdk.core.exception.SdkClientException: Failed to load credentials from metadata service. Caused by: software.amazon.awssdk.core.exception.SdkServiceException: the MFA session for profile "acme" ended at TIME; run: credd login acme',
  since: "2.21.30",
})
