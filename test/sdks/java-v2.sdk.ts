import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Java 2.x",
  program: maven("java-v2", "sts"),
  processes: 10,
  expiry:
    'software.amazon.awssdk.core.exception.SdkClientException: Failed to load credentials from metadata service. Caused by: software.amazon.awssdk.core.exception.SdkServiceException: the MFA session for profile "acme" ended at TIME; run: credd login acme',
  since: "2.21.30",
})
