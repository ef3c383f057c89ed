import { conformance } from "./runner/conformance.ts"
import { eachTime } from "./runner/programs.ts"
import { debian } from "./runner/toolchains.ts"

const noCredentials =
  "TIME ERROR : : error listing: NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors TIME Failed to lsd with 2 errors: last error was: NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors"

conformance({
  name: "rclone",
  program: debian(
    "/usr/bin/rclone",
    "rclone",
    eachTime(({ s3Url }) => [
      "rclone",
      "--quiet",
      "--retries=1",
      "lsd",
      `:s3,provider=Other,env_auth=true,endpoint='${s3Url}':`,
    ]),
  ),
  speaks: "s3",
  clock: "own",
  cells: {
    file: { refused: noCredentials },
    ecs: {
      refused:
        "TIME Failed to create file system for \":s3,provider=Other,env_auth=true,endpoint='http://127.0.0.1:PORT':\": NewSession: SharedConfigErr: EcsContainer was specified as the credential_source, but 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI' was not set",
    },
  },
  expiry: noCredentials,
  limits: [
    "It asks for credentials only with `env_auth = true`; else it goes on without a signature.",
    "Debian's version has the AWS SDK for Go v1, from before token files.",
  ],
})
