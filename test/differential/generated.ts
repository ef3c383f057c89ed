/** Config files as people and tools write them over the years, by chance but always the same ones. */
import { fc } from "@fast-check/vitest"
import type { Case } from "./case.ts"

const names = ["default", "dev", "prod admin", "team/dev", "müller", "50%off"] as const
const name = fc.constantFrom(...names)
const optional = <T>(arbitrary: fc.Arbitrary<T>, percent: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: percent, arbitrary }, { weight: 100 - percent, arbitrary: fc.constant(undefined) })

/** `profile dev`, and all the ways to write a name with odd letters. */
function header(of: string): fc.Arbitrary<string> {
  const plain = /^[\wü./+%-]+$/.test(of) ? [`profile ${of}`, `profile   ${of} `, `profile\t${of}`] : []
  const bare = of === "default" ? ["default", "default"] : []
  return fc.constantFrom(...plain, ...bare, `profile "${of}"`, `profile '${of}'`)
}

const lines = fc.record({
  // A section is about one thing more often than about all at once.
  role: optional(
    fc.record({
      arn: fc.constantFrom("arn:aws:iam::123456789012:role/developer", "arn:aws-cn:iam::210987654321:role/x/auditor"),
      source: fc.oneof({ weight: 16, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom("nobody", "Dev") }),
      from: fc.constantFrom(...Array.from({ length: 12 }, () => "source"), "credential", "both", "neither"),
      outside: fc.constantFrom("Environment", "Ec2InstanceMetadata", "EcsContainer", "environment"),
      more: fc.subarray(
        [
          "external_id = 00-unique",
          "duration_seconds = 43200",
          "role_session_name = me@work",
          "mfa_serial = arn:aws:iam::123456789012:mfa/alice",
        ],
        { minLength: 0 },
      ),
      duration: fc.constantFrom("1800", "100", "1h", " 900"),
    }),
    60,
  ),
  key: fc.constantFrom("no", "no", "no", "no", "no", "whole", "whole", "whole", "half", "secret only", "temporary"),
  process: optional(fc.constantFrom("/usr/bin/get-creds --profile x", '"/opt/my tools/creds" a'), 12),
  other: optional(
    fc.constantFrom(
      "sso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = x",
      "sso_start_url = https://example.awsapps.com/start",
      "login_session = arn:aws:iam::123456789012:user/alice",
      "web_identity_token_file = /tmp/token",
    ),
    15,
  ),
  region: optional(fc.constantFrom("eu-west-1", "US-EAST-1", "cn-north-1", "us-gov-west-1"), 60),
  noise: fc.subarray([
    "# a comment",
    "; another",
    "",
    "output=json",
    "s3 =\n  max_concurrent_requests = 20\n  addressing_style = path",
    "cli_pager :",
    "ca_bundle = /etc/ssl/x.pem ; not a comment",
    "retry_mode = standard\n   and a line more",
    "some_unknown_key = 1",
  ]),
})

type Lines = typeof lines extends fc.Arbitrary<infer T> ? T : never

function text(of: string, file: string, it: Lines): string {
  const { role, key, process, other, region, noise } = it
  const keys = {
    no: [],
    whole: [`aws_access_key_id = KEY ${of} ${file}`, "aws_secret_access_key = EXAMPLE"],
    half: [`aws_access_key_id = KEY ${of} ${file}`],
    "secret only": ["aws_secret_access_key = EXAMPLE"],
    temporary: [
      `aws_access_key_id = KEY ${of} ${file}`,
      "aws_secret_access_key = EXAMPLE",
      "aws_session_token = EXAMPLE",
    ],
  }[key]
  const roleLines = role === undefined ? [] : roleText(role)
  return [
    ...noise.slice(0, 3),
    ...keys,
    ...roleLines,
    ...(process === undefined ? [] : [`credential_process = ${process}`]),
    ...(other === undefined ? [] : [other]),
    ...(region === undefined ? [] : [`region = ${region}`]),
    ...noise.slice(3),
    "",
  ].join("\n")
}

function roleText({ arn, source, from, outside, more, duration }: NonNullable<Lines["role"]>): string[] {
  return [
    `role_arn = ${arn}`,
    ...(from === "source" || from === "both" ? [`source_profile = ${source}`] : []),
    ...(from === "credential" || from === "both" ? [`credential_source = ${outside}`] : []),
    ...more.map((line) => (line.startsWith("duration") ? line.replace("43200", duration) : line)),
  ]
}

const broken = [
  "no equals sign here",
  "[profile twice]\n[profile twice]\n",
  "[unclosed\n",
  "[profile nested]\ns3 =\n  no equals\n",
  '[profile "open]\nregion = x\n',
  "[profile a b]\nregion = x\n",
  "[plain]\nregion = x\n",
  "[DEFAULT]\nregion = ap-south-1\n",
]

const file = fc.record({
  config: fc.uniqueArray(fc.record({ of: name, it: lines }), { selector: ({ of }) => of, minLength: 1, maxLength: 6 }),
  credentials: fc.uniqueArray(fc.record({ of: name, it: lines }), { selector: ({ of }) => of, maxLength: 3 }),
  headers: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
  wrong: optional(fc.constantFrom(...broken), 15),
  end: fc.constantFrom("\n", "\n", "\r\n"),
})

export function generatedCases(count: number): readonly Case[] {
  return fc
    .sample(file, { seed: 20_261_124, numRuns: count })
    .map(({ config, credentials, headers, wrong, end }, i) => {
      const sections = config.map(({ of, it }, at) => {
        const [chosen = ""] = fc.sample(header(of), { seed: headers[at] ?? 0, numRuns: 1 })
        return `[${chosen}]\n${text(of, "config", it)}`
      })
      if (wrong !== undefined) sections.push(wrong)
      return {
        title: `generated ${i}`,
        config: sections.join("\n").replaceAll("\n", end),
        credentials: credentials.map(({ of, it }) => `[${of}]\n${text(of, "credentials", it)}`).join("\n"),
      }
    })
}
