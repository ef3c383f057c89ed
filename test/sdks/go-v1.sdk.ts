import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Go v1",
  program: go("go-v1", "github.com/aws/aws-sdk-go"),
  cells: {
    imdsEnd: {
      refused:
        "NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors",
    },
    ecs: {
      refused:
        "SharedConfigErr: EcsContainer was specified as the credential_source, but 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI' was not set",
    },
  },
  expiry:
    "NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors",
  since: "1.47.11",
})
