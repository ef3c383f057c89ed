import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Go v1",
  program: go("go-v1", "github.com/aws/aws-sdk-go"),
  cells: { ecs: { other: "the profile is ignored" } },
  expiry:
    "NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors",
  since: "1.47.11",
})
