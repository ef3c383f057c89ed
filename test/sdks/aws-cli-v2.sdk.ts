import { conformance } from "./runner/conformance.ts"
import { eachTime } from "./runner/programs.ts"
import { debian } from "./runner/toolchains.ts"

const whoami = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]

conformance({
  name: "AWS CLI v2",
  program: debian(
    "/usr/bin/aws",
    "awscli",
    eachTime(({ stsUrl }) => ["/usr/bin/aws", "--endpoint-url", stsUrl, ...whoami]),
  ),
  cells: {
    imdsEnd: { refused: 'Unable to locate credentials. You can configure credentials by running "aws configure".' },
    file: {
      refused:
        'Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response (401) from ECS metadata: {"Code":"TokenMissing","Message":"no Authorization header; the tool may be too old for token files; run: credd env --inline","code":"TokenMissing","message":"no Authorization header; the tool may be too old for token files; run: credd env --inline"}',
    },
    ecs: { notApplicable: "its own AssumeRole cannot be pointed at a sandbox (`AWS_ENDPOINT_URL_STS` came with 2.13)" },
  },
  expiry: String.raw`Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response (403) from ECS metadata: {"Code":"SessionExpired","Message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme","code":"SessionExpired","message":"the MFA session for profile \"acme\" ended at TIME; run: credd login acme"}`,
  since: "2.15.0",
  limits: [
    "Debian's version reads the token from the variable only (`credd env`, not `--token-file`). Newer ones read both.",
    "Its address of instance metadata must end with a slash, as `credd env --imds` prints it.",
  ],
})
