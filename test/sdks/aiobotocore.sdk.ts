import { conformance } from "./runner/conformance.ts"
import { pip } from "./runner/toolchains.ts"

conformance({
  name: "aiobotocore",
  program: pip("aiobotocore", "aiobotocore"),
  processes: 20,
  cells: {
    imdsEnd: {
      refused:
        "botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from iam-role: Credential refresh failed, response did not contain: access_key, secret_key, token, expiry_time",
    },
  },
  expiry: String.raw`botocore.exceptions.CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 403 from container metadata: {"Code":"SessionExpired","Message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme","code":"SessionExpired","message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme"}`,
})
