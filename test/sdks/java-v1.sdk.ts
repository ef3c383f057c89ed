import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Java 1.x",
  program: maven("java-v1", "aws-java-sdk-sts"),
  processes: 10,
  cells: {
    imdsEnd: {
      refused:
        "com.amazonaws.services.securitytoken.model.AWSSecurityTokenServiceException: The security token included in the request is expired (Service: AWSSecurityTokenService; Status Code: 403; Error Code: ExpiredToken; Request ID: REQUEST-ID; Proxy: null)",
    },
    ecs: { other: "the profile is ignored" },
  },
  expiry:
    'com.amazonaws.AmazonServiceException: the MFA session for profile "acme" ended at TIME; run: credd login acme (Service: null; Status Code: 403; Error Code: SessionExpired; Request ID: null; Proxy: null)',
  since: "1.12.746",
})
