import { describe, expect, it } from "vitest"
import type { KeptKeyStatus, Status } from "../../daemon/api.ts"
import { version } from "../../daemon/version.ts"
import type { Machine } from "../../client/machine.ts"
import { credd, endpointFiles, home, refuse, statusAnswer, token, type Handlers, type Options } from "./fake-context.ts"

const aws = "/home/alice/.aws"
const secret = "EXAMPLEsecretOfAliceNotARealOne000000001"
const keys = (id: string): string => `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`

const asked = {
  HOME: "/home/alice",
  AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:9912/credentials/dev",
  AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
  AWS_EC2_METADATA_DISABLED: "true",
}

interface Setting {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly files?: Readonly<Record<string, string>>
  readonly status?: Partial<Status>
  readonly keys?: readonly KeptKeyStatus[]
  readonly machine?: Partial<Machine>
  readonly options?: Options
}

/** A shell in which all is well, changed by what a test sets. */
async function doctor(
  args: readonly string[],
  { env = {}, files = {}, status, keys: kept = [], machine, options }: Setting = {},
) {
  const chmods: string[] = []
  const identified: string[] = []
  const all = { ...endpointFiles({ dev: {}, acme: {} }, "dev"), ...files }
  const daemon: Handlers = {
    "GET /status": () => statusAnswer({ daemon: { ...statusAnswer().daemon, version, ...status?.daemon }, ...status }),
    "GET /access-keys": () => ({ keys: kept }),
    "GET /whoami": ({ profile }) => ({
      profile,
      arn: "arn:aws:sts::123456789012:assumed-role/developer/credd",
      accountId: "123456789012",
      userId: "AROAEXAMPLE",
      expiration: "2026-11-23T11:00:00Z",
    }),
  }
  const calm: Machine = {
    cwd: "/home/alice/project",
    platform: "linux",
    stat: (path) => (path in all ? { mode: 0o100600, size: all[path]!.length, kind: "file" } : undefined),
    list: (folder) =>
      folder === "/usr/lib/systemd/user"
        ? ["credd.service"]
        : Object.keys(all).flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [])),
    run: async () => "aws-cli/2.36.7 Python/3.14",
    ask: async () => ({ status: 200, body: "{}" }),
    holderOf: async () => undefined,
    identityOf: async ({ accessKeyId }) => {
      identified.push(accessKeyId)
      return { arn: "arn:aws:iam::123456789012:user/root-like", accountId: "123456789012", userId: "AIDAEXAMPLE" }
    },
    chmod: async (path, mode) => void chmods.push(`${mode.toString(8)} ${path}`),
    ...machine,
  }
  const merged = Object.fromEntries(Object.entries({ ...asked, ...env }).filter(([, value]) => value !== undefined))
  const outcome = await credd(["doctor", ...args], {
    env: merged,
    files: all,
    daemon,
    machine: calm,
    ...options,
  })
  return { ...outcome, chmods, identified }
}

interface Report {
  readonly ok: boolean
  readonly findings: readonly {
    id: string
    level: string
    what: string
    why: string
    fix: string
    danger: boolean
    families: string[] | null
  }[]
  readonly families: readonly {
    id: string
    uses: string
    source: string | null
    where: string | null
    identity: { arn: string } | null
  }[]
}

async function report(
  setting?: Setting,
  args: readonly string[] = [],
): Promise<Report & { status: number; text: string }> {
  const { stdout, status } = await doctor(["--json", ...args], setting)
  return { ...(JSON.parse(stdout) as Report), status, text: stdout }
}

describe("credd doctor", () => {
  it("is calm where all is well", async () => {
    const { status, stdout, stderr } = await doctor([])

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    expect(stdout).toMatchInlineSnapshot(`
      "note     the token is only in AWS_CONTAINER_AUTHORIZATION_TOKEN: an error in
               object_store (polars, delta-rs)
          why  it would go on to instance metadata, and on a cloud machine silently
               take that role
           do  eval "$(credd env dev --token-file)"

      who is used in this shell
        credd, profile "dev"
          in every SDK but object_store (polars, delta-rs)
        an error: the token is only in AWS_CONTAINER_AUTHORIZATION_TOKEN
          in object_store (polars, delta-rs)

      1 note
      "
    `)
  })

  it.each<[string, string, string, string, Setting]>([
    ["keys in the environment", "environment-keys", "problem", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY", { env: { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret } }],
    ["half a key in the environment", "half-key", "problem", "unset AWS_ACCESS_KEY_ID", { env: { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001" } }],
    ["keys in [default]", "profile-keys", "problem", "credd import default", { files: { [`${aws}/credentials`]: `[default]\n${keys("AKIAEXAMPLEALICE0001")}` } }],
    ["a role in [default]", "profile-role", "problem", `give the profile another name than "default": edit ${aws}/config`, { files: { [`${aws}/config`]: "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = y\n" } }],
    ["AWS_PROFILE with SSO", "profile-sso", "problem", "unset AWS_PROFILE", { env: { AWS_PROFILE: "sso" }, files: { [`${aws}/config`]: "[profile sso]\nsso_account_id = 1\nsso_role_name = x\n" } }],
    ["AWS_PROFILE that is not there", "missing-profile", "problem", "unset AWS_PROFILE", { env: { AWS_PROFILE: "nope" } }],
    ["a relative URI", "container-elsewhere", "problem", "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", { env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/x" } }],
    ["an empty relative URI", "empty-relative-uri", "problem", "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", { env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "" } }],
    ["somebody else's endpoint", "container-elsewhere", "problem", 'eval "$(credd env dev)"', { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:51679/x" } }],
    ["a web identity", "web-identity", "problem", "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN", { env: { AWS_WEB_IDENTITY_TOKEN_FILE: "/t", AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/x" } }],
    ["keys for Java", "environment-keys", "problem", "take -Daws.accessKeyId and -Daws.secretKey out of JAVA_TOOL_OPTIONS", { env: { JAVA_TOOL_OPTIONS: "-Xmx1g -Daws.accessKeyId=AKIAEXAMPLE" } }],
    ["boto's own file", "boto-keys", "problem", "take aws_access_key_id out of /home/alice/.boto", { files: { "/home/alice/.boto": `[Credentials]\n${keys("AKIAEXAMPLEALICE0001")}` } }],
    ["a shell that nobody set up", "not-asked", "problem", 'eval "$(credd env dev)"', { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined, AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined } }],
    ["no token", "token", "problem", 'eval "$(credd env dev)"', { env: { AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined } }],
    ["a token file that is gone", "token", "problem", 'eval "$(credd env dev)"', { env: { AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/gone" } }],
    ["a line break in the token file", "token-file-line-break", "warning", `printf %s "$(cat /t)" > /t`, { env: { AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/t" }, files: { "/t": `${token}\n` } }],
    ["both tokens", "both-tokens", "warning", "unset AWS_CONTAINER_AUTHORIZATION_TOKEN", { env: { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${home}/tokens/shell` } }],
    ["both tokens, and different", "both-tokens", "problem", "unset AWS_CONTAINER_AUTHORIZATION_TOKEN", { env: { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/t" }, files: { "/t": "another" } }],
    ["a token in the variable only", "token-file-only", "note", 'eval "$(credd env dev --token-file)"', {}],
    ["a proxy that catches 127.0.0.1", "proxy", "problem", 'eval "$(credd env dev)"   (it sets NO_PROXY)', { env: { http_proxy: "http://proxy:3128" } }],
    ["metadata switched off in a word of its own", "metadata-spelling", "warning", "export AWS_EC2_METADATA_DISABLED=true", { env: { AWS_EC2_METADATA_DISABLED: "1" } }],
    ["one region of two", "regions-differ", "note", "export AWS_DEFAULT_REGION=eu-west-1", { env: { AWS_REGION: "eu-west-1" } }],
    ["an AWS file that cannot be read", "aws-files", "problem", "mend that line", { files: { [`${aws}/config`]: "[default\n" } }],
    ["keys in plain text", "plain-keys", "warning", "credd import", { files: { [`${aws}/credentials`]: `[old]\n${keys("AKIAEXAMPLEALICE0001")}` } }],
    ["keys in a backup", "plain-keys", "warning", `delete ${aws}/credentials.bak, once you know that nothing needs it`, { files: { [`${aws}/credentials.bak`]: `[old]\n${keys("AKIAEXAMPLEALICE0001")}` } }],
    ["a daemon of another version", "daemon-version", "warning", "credd service install   (or: kill 4711, and start it again)", { status: { daemon: { ...statusAnswer().daemon, version: "0.0.9" } } }],
    ["a locked store and no session", "store-locked", "problem", "credd unlock", { status: { daemon: { ...statusAnswer().daemon, version, storeState: "locked" } } }],
    ["a keychain that cannot be reached", "store-unavailable", "problem", 'choose another store: store = "file" in config.toml; see credd config', { status: { daemon: { ...statusAnswer().daemon, version, store: "keychain", storeState: "unavailable" } } }],
    ["a clock that is a minute slow", "clock", "warning", "sudo timedatectl set-ntp true", { status: { daemon: { ...statusAnswer().daemon, version, clockOffsetMs: 60_000 } } }],
    ["a clock that is an hour fast", "clock", "problem", "sudo timedatectl set-ntp true", { status: { daemon: { ...statusAnswer().daemon, version, clockOffsetMs: -3_600_000 } } }],
    ["an old access key", "key-old", "warning", "credd rotate acme", { keys: [{ profile: "acme", accessKeyId: "****0001", arn: "arn:x", addedAt: "2026-08-01T00:00:00Z" }] }],
    ["no service", "no-service", "note", "credd service install", { machine: { list: () => [] } }],
    ["a token that has ended", "token-rejected", "problem", 'eval "$(credd env dev)"', { machine: { ask: async () => ({ status: 401, body: "{}" }) } }],
    ["a session that has ended", "refused", "problem", "credd login acme", { machine: { ask: async () => ({ status: 403, body: '{"Message":"no MFA session; run: credd login acme"}' }) } }],
    ["a daemon that is deaf", "no-answer", "problem", "credd status", { machine: { ask: async () => undefined } }],
    ["an old AWS CLI", "old-sdk", "note", "update the AWS CLI", { machine: { run: async () => "aws-cli/2.9.19 Python/3.11" } }],
  ])("finds %s", async (_, id, level, fix, setting) => {
    const { findings, ok, status } = await report(setting)

    expect(findings.find((finding) => finding.id === id)).toMatchObject({ level, fix })
    expect(ok).toBe(!findings.some((finding) => finding.level === "problem"))
    expect(status).toBe(ok ? 0 : 1)
    if (level === "problem") expect(status).toBe(1)
  }) // prettier-ignore

  it("names who holds the port when the daemon does not run", async () => {
    const { findings } = await report({
      machine: { holderOf: async () => "python3 (pid 77, user id 1000)" },
      options: { daemon: "not running" },
    })

    expect(findings[0]).toMatchObject({ id: "port-held", level: "problem" })
    expect(findings[0]?.what).toContain("python3 (pid 77")
  })

  it("says that the daemon does not run, and what starts it", async () => {
    const { findings, status } = await report({ options: { daemon: "not running" } })

    expect(status).toBe(1)
    expect(findings.map(({ id }) => id)).toContain("daemon-not-running")
  })

  it("finds a wrong setting", async () => {
    const { findings } = await report({ env: { CREDD_PORT: "no" } })

    expect(findings).toContainEqual(expect.objectContaining({ id: "settings", fix: "credd config" }))
  })

  it("looks for old SDKs in pythons and node_modules, and runs nothing of the user's", async () => {
    const ran: string[] = []
    const { findings } = await report({
      env: { PATH: "/usr/bin:/opt/py/bin" },
      files: {
        "/opt/py/bin/python3": "",
        "/home/alice/project/node_modules/@aws-sdk/credential-provider-node/package.json": '{"version": "3.400.0"}',
        "/home/alice/project/node_modules/aws-sdk/package.json": '{"version": "2.1600.0"}',
      },
      machine: {
        list: (folder) =>
          ({
            "/opt/py/lib": ["python3.11"],
            "/opt/py/lib/python3.11/site-packages": ["botocore-1.29.0.dist-info", "boto3"],
            "/usr/lib/systemd/user": ["credd.service"],
          })[folder] ?? [],
        run: async (program) => {
          ran.push(program)
          return undefined
        },
      },
    })

    const old = findings.filter(({ id }) => id === "old-sdk").map(({ what }) => what)
    expect(old).toEqual([
      "boto3 (botocore) 1.29.0 (/opt/py/lib/python3.11/site-packages) is older than token files (1.34.41)",
      "the JavaScript SDK v3 3.400.0 (/home/alice/project/node_modules) is older than token files (3.458.0)",
    ])
    expect(ran).toEqual(["aws"])
  })

  it("has words of its own for a role in place that a forgotten key overrides", async () => {
    const { stdout } = await doctor(["--identity"], {
      env: { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret },
    })

    expect(stdout).toMatchInlineSnapshot(`
      "problem  AWS_ACCESS_KEY_ID in the environment (long-lived key ****0001) comes
               before credd in every SDK but minio-go
          why  danger: this shell was given a role, with the few rights of its task,
               yet all that runs here acts as the owner of the key ****0001, an
               administrator perhaps
           do  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

      who is used in this shell
        AWS_ACCESS_KEY_ID in the environment, as
        arn:aws:iam::123456789012:user/root-like
          in every SDK but minio-go
        credd, profile "dev", as
        arn:aws:sts::123456789012:assumed-role/developer/credd
          in minio-go

      1 problem
      "
    `)
  })

  it.each<[string, Setting]>([
    ["credd's own role", {}],
    ["a container's role", { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/x" } }],
    ["an instance's role", { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined }, files: { "/sys/class/dmi/id/sys_vendor": "Amazon EC2\n" } }],
  ])("calls it a danger with %s", async (_, setting) => {
    const env = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret, ...setting.env }
    const { findings } = await report({ ...setting, env })

    expect(findings[0]).toMatchObject({ id: "environment-keys", danger: true })
    expect(findings[0]?.why).toMatch(/^danger: /)
  }) // prettier-ignore

  it("does not call it a danger where no role is in place", async () => {
    const { findings } = await report({
      env: {
        AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001",
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
      },
    })

    expect(findings.some(({ danger }) => danger)).toBe(false)
  })

  it("asks AWS who each candidate is, once each, and only when told to", async () => {
    const env = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret }
    const without = await doctor(["--json"], { env })
    const withIt = await doctor(["--json", "--identity"], { env })

    expect(without.identified).toEqual([])
    expect(withIt.identified).toEqual(["AKIAEXAMPLEALICE0001"])
    const { families } = JSON.parse(withIt.stdout) as Report
    expect(families.find(({ id }) => id === "go-v2")?.identity?.arn).toBe("arn:aws:iam::123456789012:user/root-like")
    expect(families.find(({ id }) => id === "minio-go")?.identity?.arn).toContain("assumed-role/developer")
  })

  it("says why it is not known as whom", async () => {
    const { stdout } = await doctor(["--identity"], {
      env: { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret },
      machine: {
        identityOf: async () => {
          throw new Error("AWS does not accept the access key")
        },
      },
    })

    expect(stdout).toMatch(/as whom is not known: AWS does not\s+accept the access key/)
  })

  it("never shows a secret or a whole key id", async () => {
    const setting: Setting = {
      env: {
        AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001",
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_SESSION_TOKEN: "EXAMPLE-canary",
      },
      files: { [`${aws}/credentials`]: `[default]\n${keys("AKIAEXAMPLEALICE0002")}` },
    }
    for (const args of [[], ["--json"], ["--identity"]]) {
      const { stdout, stderr } = await doctor(args, setting)

      expect(stdout + stderr).not.toMatch(/EXAMPLEsecret|canary|AKIAEXAMPLE|fake-token/)
    }
  })

  it("counts credd as used through a credential_process of its own and through instance metadata", async () => {
    const process = await report({
      env: {
        ...Object.fromEntries(Object.keys(asked).map((name) => [name, undefined])),
        HOME: "/home/alice",
        AWS_PROFILE: "dev",
      },
      files: { [`${aws}/config`]: '[profile dev]\ncredential_process = /usr/bin/credd process "dev"\n' },
    })
    const imds = await report({
      env: {
        ...Object.fromEntries(Object.keys(asked).map((name) => [name, undefined])),
        HOME: "/home/alice",
        AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:9950/",
      },
      files: endpointFiles({ dev: { imds: "http://127.0.0.1:9950" } }, "dev"),
    })

    expect(process.families.find(({ id }) => id === "botocore")).toMatchObject({ uses: "credd", source: "process" })
    expect(imds.families.every(({ uses }) => uses === "credd")).toBe(true)
    expect([process.findings, imds.findings].flat().filter(({ id }) => id === "not-asked")).toEqual([])
  })

  it.each([40, 80, 200])("keeps its text to %i columns; commands stay whole", async (columns) => {
    const { stdout } = await doctor([], {
      env: { AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001", AWS_SECRET_ACCESS_KEY: secret, AWS_PROFILE: "nope" },
      options: { columns },
    })

    for (const line of stdout.split("\n"))
      if (!line.startsWith("     do  ")) expect(line.length).toBeLessThanOrEqual(columns)
    expect(stdout).toContain("     do  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY\n")
  })
})

describe("credd doctor --fix", () => {
  const loose: Setting = {
    files: { [`${aws}/credentials`]: "[x]\nregion = y\n" },
    machine: {
      stat: (path) => (path === `${aws}/credentials` ? { mode: 0o100644, size: 9, kind: "file" } : undefined),
    },
  }

  it("mends after a yes, and says so", async () => {
    const { chmods, asked: questions, stderr } = await doctor(["--fix"], { ...loose, options: { typed: ["y"] } })

    expect(questions).toEqual([`make ${aws}/credentials yours alone (chmod 600)? (y/N)`])
    expect(chmods).toEqual([`600 ${aws}/credentials`])
    expect(stderr).toContain("done: make")
  })

  it.each(["n", "", "yes please"])("leaves all as it is after %j", async (typed) => {
    expect((await doctor(["--fix"], { ...loose, options: { typed: [typed] } })).chmods).toEqual([])
  })

  it("does not ask with --yes", async () => {
    const { chmods, asked: questions } = await doctor(["--fix", "--yes"], loose)

    expect([chmods.length, questions.length]).toEqual([1, 0])
  })

  it("takes a line break out of the token file, and ends with 0 then", async () => {
    const { files, status } = await doctor(["--fix", "--yes"], {
      env: { AWS_CONTAINER_AUTHORIZATION_TOKEN: undefined, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/t" },
      files: { "/t": `${token}\n` },
    })

    expect(files.get("/t")).toBe(token)
    expect(status).toBe(0)
  })

  it.each([
    [["--fix"], "nobody is there"],
    [["--yes"], "--yes goes with --fix"],
    [["--fix", "--json"], "exclude each other"],
  ])("refuses %j", async (args, why) => {
    const { status, stderr } = await doctor(args)

    expect(status).toBe(2)
    expect(stderr).toContain(why)
  })

  it("tells what a child process cannot do for its shell", async () => {
    const { stderr, status } = await doctor(["--fix", "--yes"], { env: { AWS_PROFILE: "nope" } })

    expect(stderr).toContain("nothing here can be mended without you")
    expect(status).toBe(1)
  })
})

it("says of a daemon that is too old to tell about keys nothing but its age", async () => {
  const { status } = await doctor(["--json"], {
    options: {
      daemon: {
        "GET /status": () => statusAnswer({ daemon: { ...statusAnswer().daemon, version } }),
        "GET /access-keys": () => refuse({ code: "RouteNotFound", message: "there is no such path" }),
      },
    },
  })

  expect(status).toBe(0)
})
