/** Config files that people really have, and the corners of the format. */
import type { Case } from "./case.ts"

const acme = "[acme]\naws_access_key_id = KEY acme credentials\naws_secret_access_key = EXAMPLE\n"
const arn = "role_arn = arn:aws:iam::123456789012:role"

const files: Readonly<Record<string, readonly [config: string, credentials?: string]>> = {
  "a role above a user": [
    `[profile acme]\nregion = eu-west-1\n[profile dev]\n${arn}/dev\nsource_profile = acme\n`,
    acme,
  ],
  "a role above a role above a user": [
    `[profile c]\n${arn}/c\nsource_profile = b\n[profile b]\n${arn}/b\nsource_profile = acme\nregion = us-west-2\n`,
    acme,
  ],
  "five roles high": [
    ["b:acme", "c:b", "d:c", "e:d", "f:e"]
      .map((pair) => pair.split(":"))
      .map(([of, source]) => `[profile ${of}]\n${arn}/${of}\nsource_profile = ${source}\n`)
      .join(""),
    acme,
  ],
  "its own source, with a key": [`[profile acme]\n${arn}/dev\nsource_profile = acme\n`, acme],
  "its own source, without a key": [`[profile acme]\n${arn}/dev\nsource_profile = acme\n`],
  "a source that is a role and has a key": [
    `[profile acme]\n${arn}/own\nsource_profile = acme\n[profile dev]\n${arn}/dev\nsource_profile = acme\n`,
    acme,
  ],
  "a circle of two": [`[profile a]\n${arn}/a\nsource_profile = b\n[profile b]\n${arn}/b\nsource_profile = a\n`],
  "a circle of three, and one above it": [
    `[profile a]\n${arn}/a\nsource_profile = b\n[profile b]\n${arn}/b\nsource_profile = c\n[profile c]\n${arn}/c\nsource_profile = a\n[profile d]\n${arn}/d\nsource_profile = a\n`,
  ],
  "a source that is not there": [`[profile dev]\n${arn}/dev\nsource_profile = nobody\n`],
  "a source named in other case": [`[profile dev]\n${arn}/dev\nsource_profile = Acme\n`, acme],
  "a role without a source": [`[profile dev]\n${arn}/dev\n`, acme],
  "a role with its own key and no source": [`[profile acme]\n${arn}/dev\n`, acme],
  "source_profile and credential_source": [
    `[profile dev]\n${arn}/dev\nsource_profile = acme\ncredential_source = Environment\n`,
    acme,
  ],
  "credential_source = Environment": [`[profile dev]\n${arn}/dev\ncredential_source = Environment\n`],
  "a role above credential_source = Environment": [
    `[profile dev]\n${arn}/dev\ncredential_source = Environment\n[profile up]\n${arn}/up\nsource_profile = dev\n`,
  ],
  "credential_source in small letters": [`[profile dev]\n${arn}/dev\ncredential_source = environment\n`],
  "credential_source = EcsContainer": [`[profile dev]\n${arn}/dev\ncredential_source = EcsContainer\n`],
  "a credential_process as source": [
    `[profile tool]\ncredential_process = /usr/bin/creds --x\n[profile dev]\n${arn}/dev\nsource_profile = tool\n`,
  ],
  "a key in the credentials file before a credential_process": [
    `[profile acme]\ncredential_process = /usr/bin/creds\n[profile dev]\n${arn}/dev\nsource_profile = acme\n`,
    acme,
  ],
  "a credential_process before a key in the config file": [
    `[profile both]\naws_access_key_id = KEY both config\naws_secret_access_key = EXAMPLE\ncredential_process = /usr/bin/creds\n[profile dev]\n${arn}/dev\nsource_profile = both\n`,
  ],
  "a key in the config file": [
    `[profile k]\naws_access_key_id = KEY k config\naws_secret_access_key = EXAMPLE\n[profile dev]\n${arn}/dev\nsource_profile = k\n`,
  ],
  "keys in both files": [
    `[profile acme]\naws_access_key_id = KEY acme config\naws_secret_access_key = EXAMPLE\n`,
    acme,
  ],
  "half a key in each file": [
    "[profile acme]\naws_access_key_id = KEY acme config\n",
    "[acme]\naws_secret_access_key = EXAMPLE\n",
  ],
  "a secret alone as source": [
    `[profile dev]\n${arn}/dev\nsource_profile = s\n`,
    "[s]\naws_secret_access_key = EXAMPLE\n",
  ],
  "pasted temporary credentials": ["", `${acme}aws_session_token = EXAMPLE\n`],
  "pasted temporary credentials, the old name": ["", `${acme}aws_security_token = EXAMPLE\n`],
  "[default] as source": [
    `[default]\nregion = eu-north-1\n[profile dev]\n${arn}/dev\nsource_profile = default\n`,
    "[default]\naws_access_key_id = KEY default credentials\naws_secret_access_key = EXAMPLE\n",
  ],
  "[profile default] and [default]": ["[default]\nregion = a\n[profile default]\nregion = b\n"],
  "[profile default] first": ["[profile default]\nregion = b\n[default]\nregion = a\n"],
  "names that need quotes": [
    `[profile "two words"]\nregion = a\n[profile 'single']\nregion = b\n[profile "qu\\"ote"]\nregion = c\n[profile ba\\ ck]\nregion = d\n[profile "dev"]\n${arn}/dev\nsource_profile = two words\n`,
  ],
  "a name in both spellings": ['[profile a]\nregion = one\n[profile "a"]\noutput = json\n'],
  "sections that are no profiles": [
    "[plain]\nregion = a\n[profile]\nregion = b\n[profiled x]\nregion = c\n[preview]\nx = 1\n",
  ],
  "letters beyond ASCII": [
    `[profile мой-профиль]\nregion = a\n[profile 開発]\n${arn}/x\nsource_profile = acme\n`,
    acme,
  ],
  "DEFAULT, the parser's own": [
    `[DEFAULT]\nregion = ap-south-1\n[profile a]\noutput = json\n[profile b]\nregion = b\n`,
  ],
  "DEFAULT twice": ["[DEFAULT]\nregion = a\n[profile x]\n[DEFAULT]\noutput = json\n"],
  "keys in capitals, colons and spaces": ["[profile a]\nREGION : eu-west-1\n  Output=json\n"],
  "a value over more lines": ["[profile a]\nrole_session_name = one\n  two\nregion = b\n"],
  "comments, and what looks like one": [
    "# top\n[profile a]\n; note\nregion = eu-west-1 ; not a comment\n#region = x\n",
  ],
  "CRLF, and no newline at the end": ["[profile a]\r\nregion = eu-west-1\r\n[profile b]\r\nregion = b"],
  "a section twice": ["[profile a]\nregion = a\n[profile a]\nregion = b\n"],
  "a key twice": ["[profile a]\nregion = a\nregion = b\n"],
  "a key before any section": ["region = a\n[profile a]\nregion = b\n"],
  "a line that is nothing": ["[profile a]\nregion\n"],
  "a broken credentials file": ["[profile a]\nregion = a\n", "[acme\naws_access_key_id = x\n"],
  "a nested block without equals": ["[profile a]\ns3 =\n  nothing\n"],
  "nothing at all": [""],
  "SSO with a session": [
    "[sso-session s]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n[profile a]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = x\n",
  ],
  "a role above SSO": [
    `[profile a]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = x\n[profile dev]\n${arn}/dev\nsource_profile = a\n`,
  ],
  "SSO before a key": [
    "[profile acme]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = x\n",
    acme,
  ],
  "a key in the credentials file before aws login": [
    "[profile acme]\nlogin_session = arn:aws:iam::123456789012:user/a\n",
    acme,
  ],
  "a web identity role": [`[profile web]\n${arn}/web\nweb_identity_token_file = /tmp/t\n`],
  "a role above a web identity role": [
    `[profile web]\n${arn}/web\nweb_identity_token_file = /tmp/t\n[profile dev]\n${arn}/dev\nsource_profile = web\n`,
  ],
  "every option of a role": [
    `[profile dev]\n${arn}/path/dev\nsource_profile = acme\nmfa_serial = arn:aws:iam::123456789012:mfa/alice\nexternal_id = a:b\nduration_seconds = 900\nrole_session_name = me\nunknown_key = 1\n`,
    acme,
  ],
  "durations that are odd": [
    ["1_800", "+1200", "1e3", "3600.0", "-5", "", "0x10", "99999"]
      .map((seconds, i) => `[profile d${i}]\n${arn}/d\nsource_profile = acme\nduration_seconds = ${seconds}\n`)
      .join(""),
    acme,
  ],
}

const targets: Readonly<Record<string, string>> = {
  regions: ["us-east-1", "eu-west-1", "af-south-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"]
    .map((region) => `[profile ${region}]\nregion = ${region}\n`)
    .join(""),
  "legacy endpoints": ["us-east-1", "eu-west-1", "af-south-1", "cn-north-1", "us-gov-west-1", "ap-south-2"]
    .map((region) => `[profile ${region}]\nregion = ${region}\nsts_regional_endpoints = legacy\n`)
    .join(""),
  "FIPS and dualstack": ["us-east-1", "us-gov-west-1", "ca-central-1"]
    .flatMap((region) => [
      `[profile f-${region}]\nregion = ${region}\nuse_fips_endpoint = true\n`,
      `[profile d-${region}]\nregion = ${region}\nuse_dualstack_endpoint = True\n`,
    ])
    .join(""),
  "regional said, and a word that is none":
    "[profile a]\nsts_regional_endpoints = regional\n[profile b]\nsts_regional_endpoints = Legacy\n[profile c]\nsts_regional_endpoints = often\n",
  endpoint_url: "[profile a]\nendpoint_url = https://all.example\n[profile b]\nregion = eu-west-1\n",
  services:
    "[services s]\nsts =\n  endpoint_url = https://sts.example\ns3 =\n  endpoint_url = https://s3.example\n[profile a]\nservices = s\nendpoint_url = https://all.example\n[services t]\ns3 =\n  endpoint_url = https://s3.example\n[profile b]\nservices = t\nendpoint_url = https://all.example\n[profile c]\nservices = t\n",
  "services with a quoted name":
    '[services "my own"]\nsts =\n  endpoint_url = https://sts.example\n[profile a]\nservices = my own\n',
  "services that are not there": "[profile a]\nservices = nobody\n",
  ignore_configured_endpoint_urls:
    "[services s]\nsts =\n  endpoint_url = https://sts.example\n[profile a]\nservices = s\nendpoint_url = https://all.example\nignore_configured_endpoint_urls = true\n[profile b]\nendpoint_url = https://all.example\nignore_configured_endpoint_urls = false\n",
}

export const handMadeCases: readonly Case[] = [
  ...Object.entries(files).map(([title, [config, credentials]]) => ({
    title,
    config,
    ...(credentials === undefined ? {} : { credentials }),
  })),
  ...Object.entries(targets).map(([title, config]) => ({
    title,
    config,
    endpoints: true,
    // Each profile has a key: without one there is no call, and so no endpoint.
    credentials: [...config.matchAll(/^\[profile (.+)\]$/gm)]
      .map(([, of]) => `[${of}]\naws_access_key_id = KEY ${of} credentials\naws_secret_access_key = EXAMPLE\n`)
      .join(""),
  })),
]
