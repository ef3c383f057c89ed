/**
 * What each command says, on its good day and on a bad one. A new command: add its words here with a scene or two, then
 * write its file with `npx vitest run test/transcripts -u`, and read what was written.
 */
import { readFileSync } from "node:fs"
import type { LeaseStatus, MadeLease, Status } from "../../daemon/api.ts"
import { hashOf } from "../../daemon/audit-trail.ts"
import { version } from "../../daemon/version.ts"
import type { Machine } from "../../client/machine.ts"
import type { Host } from "../../client/service/host.ts"
import {
  endpointFiles,
  home,
  refuse,
  statusAnswer,
  token,
  type Handlers,
  type Options,
} from "../client/fake-context.ts"
import type { Scene } from "./scene.ts"

const alice = { accountId: "123456789012", arn: "arn:aws:iam::123456789012:user/alice", userId: "AIDAEXAMPLE" }
const developer = {
  accountId: "123456789012",
  arn: "arn:aws:sts::123456789012:assumed-role/developer/credd",
  userId: "AROAEXAMPLE:credd",
}
const mfaSerial = "arn:aws:iam::123456789012:mfa/alice"
const uri = (name: string): string => `http://127.0.0.1:9912/credentials/${name}`
const session = {
  sourceProfile: "acme",
  state: "signed-in",
  accountId: alice.accountId,
  arn: alice.arn,
  mfaSerial,
  expiration: "2026-11-23T22:00:00Z",
} as const
const status: Status = statusAnswer({
  daemon: { ...statusAnswer().daemon, version },
  sessions: [session],
  profiles: [
    { name: "acme", kind: "session", sourceProfile: "acme", state: "ready", expiration: session.expiration, fullUri: uri("acme") },
    { name: "dev", kind: "role", sourceProfile: "acme", state: "idle", fullUri: uri("dev") },
  ],
}) // prettier-ignore

const daemon: Handlers = {
  "GET /status": () => status,
  "GET /session": ({ profile }) => ({ profile, ...session }),
  "GET /environment": ({ profile = "" }) =>
    refuse({
      code: "ProfileNotFound",
      message: `profile "${profile}" is not known; did you mean "dev"?`,
      hint: "run: credd status",
    }),
  "GET /whoami": ({ profile }) => ({ profile, ...developer, expiration: "2026-11-23T11:00:00Z" }),
  "GET /login-plan": ({ profile }) => ({ profile, sourceProfile: "acme", mfaSerial }),
  "POST /login": ({ mfaCode }) =>
    mfaCode === "123456"
      ? { session, profiles: ["acme", "dev"], warnings: [] }
      : refuse({
          code: "MfaCodeRejected",
          message: 'AWS refused the MFA code for profile "acme": wrong, or used before',
          hint: "wait for the next code, then run: credd login acme",
        }),
  "POST /logout": ({ all, profiles }) => ({ sourceProfiles: all || profiles.length > 0 ? ["acme"] : [], warnings: [] }),
  "POST /lock": () => ({ sessions: 1, warnings: [] }),
  "POST /refresh": ({ profile }) => ({ profile, expiration: "2026-11-23T11:00:00Z" }),
  "GET /access-keys": () => ({ keys: [] }),
  "POST /access-keys": ({ profile }) => ({ profile, ...alice, durable: true }),
  "DELETE /access-keys": ({ profile }) => ({ profile, warnings: [] }),
  "POST /rotate": ({ isUndoing }) => ({
    profile: "acme",
    step: isUndoing ? "undone" : "deleted",
    userName: "alice",
    oldKeyId: "****0001",
    newKeyId: "****0002",
    sessionExpiration: session.expiration,
  }),
  "POST /unlock": ({ passphrase }) =>
    passphrase === "EXAMPLE-passphrase"
      ? { warnings: [] }
      : refuse({
          code: "KeychainLocked",
          message: "the passphrase does not open the file store",
          hint: "run: credd unlock",
        }),
  "GET /imds": () => ({ endpoints: [{ profile: "dev", endpoint: "http://127.0.0.1:9913", enabledBy: "command" }] }),
  "POST /imds": ({ profile }) => ({ profile, endpoint: "http://127.0.0.1:9913", enabledBy: "command" }),
  "DELETE /imds": ({ profile }) => ({ profile }),
  "POST /console": ({ profile, policy }) =>
    profile === "acme" && policy === undefined
      ? refuse({
          code: "UsageWrong",
          message: 'profile "acme" is a user: its console session needs a policy',
          hint: "run: credd console acme --policy-arn ReadOnlyAccess",
        })
      : {
          profile,
          url: "https://signin.aws.amazon.com/federation?Action=login&SigninToken=EXAMPLE",
          expiration: "2026-11-23T11:00:00Z",
        },
  "POST /decode": () => ({
    isAllowed: false,
    isExplicitlyDenied: true,
    principal: alice.arn,
    action: "ec2:RunInstances",
    resource: "arn:aws:ec2:eu-west-1:123456789012:instance/*",
    statements: [{ id: "NoBigOnes", effect: "DENY", actions: ["ec2:RunInstances"], resources: ["*"] }],
    document: { allowed: false, explicitDeny: true },
  }),
}

const files = endpointFiles({ acme: {}, dev: { region: "eu-west-1" } }, "dev")
const around = { daemon, files }
const down = { daemon: "not running", files } as const

const keyLines = "AKIAEXAMPLEALICE0001\nEXAMPLEsecretOfAliceNotARealOne000000001\n"
const plainFile = {
  "/home/alice/.aws/credentials":
    "[acme]\naws_access_key_id = AKIAEXAMPLEALICE0001\naws_secret_access_key = EXAMPLEsecretOfAliceNotARealOne000000001\n",
}
const credentials = {
  AccessKeyId: "ASIAEXAMPLE",
  SecretAccessKey: "EXAMPLE-secret",
  Token: "EXAMPLE-token",
  Expiration: "2026-11-23T11:00:00Z",
}

function trail(...entries: readonly object[]): Record<string, string> {
  let prev = "0".repeat(64)
  const lines = entries.map((entry, i) => {
    const line = JSON.stringify({ seq: i + 1, ...entry, prev })
    prev = hashOf(line)
    return `${line}\n`
  })
  return { [`${home}/audit/audit-000001.jsonl`]: lines.join("") }
}

const machine: Machine = {
  cwd: "/home/alice",
  platform: "linux",
  stat: () => undefined,
  list: (folder) => (folder === "/usr/lib/systemd/user" ? ["credd.service"] : []),
  run: async () => undefined,
  ask: async () => ({ status: 200, body: "{}" }),
  holderOf: async () => "python3 (pid 77, user id 1000)",
  identityOf: async () => alice,
  chmod: async () => undefined,
}
const shell = {
  HOME: "/home/alice",
  AWS_CONTAINER_CREDENTIALS_FULL_URI: uri("dev"),
  AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
  AWS_EC2_METADATA_DISABLED: "true",
}
const forgotten = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLEALICE0001",
  AWS_SECRET_ACCESS_KEY: "EXAMPLEsecretOfAliceNotARealOne000000001",
}

const lease: LeaseStatus = {
  id: "0123456789abcdef",
  name: "agent",
  profiles: ["dev"],
  scope: { kind: "read-only" },
  createdAt: "2026-11-23T10:00:00Z",
  expiration: "2026-11-23T11:00:00Z",
  lastUsedAt: "2026-11-23T09:58:00Z",
}
const made: MadeLease = {
  lease,
  token: "EXAMPLE-token",
  profiles: [{ profile: "dev", fullUri: uri("dev"), region: "eu-west-1" }],
  warnings: [],
}
const leases: Handlers = {
  "POST /leases": ({ replace }) =>
    replace
      ? made
      : refuse({
          code: "LeaseExists",
          message: 'there is a lease "agent" already',
          hint: "add --replace to end it, or run: credd lease revoke agent",
        }),
  "GET /leases": () => ({ leases: [lease] }),
  "DELETE /leases": () => ({ revoked: ["agent"] }),
}

/** A machine with systemd, whose daemon runs once it was started. */
function withSystemd(isRunning: boolean): () => Options {
  return () => {
    let pid = isRunning ? 4711 : 0
    const host: Host = {
      platform: "linux",
      uid: 1000,
      user: "alice",
      home: "/home/alice",
      node: "/usr/bin/node",
      package: "/usr/lib/node_modules/credd",
      exists: () => false,
      makeFolder: () => undefined,
      removeAll: () => undefined,
      async run(_, args) {
        const line = args.join(" ")
        if (/\bstart credd|restart credd/.test(line)) pid = 4711
        if (line.includes("disable --now")) pid = 0
        const unit = `LoadState=${pid === 0 ? "not-found" : "loaded"}\nUnitFileState=enabled\nMainPID=${pid}\n`
        return {
          status: line.includes("is-active") ? 3 : 0,
          stdout: line.includes("show credd") ? unit : "",
          stderr: "",
        }
      },
      show: async () => 0,
    }
    const units = ["credd.socket", "credd.service", "strict.conf"].map((name) => [
      `${host.package}/systemd/${name}`,
      readFileSync(new URL(`../../systemd/${name}`, import.meta.url), "utf8"),
    ])
    const service: Handlers = {
      "GET /status": () =>
        pid === 0 ? refuse({ code: "DaemonNotRunning", message: "the credd daemon is not running" }) : status,
    }
    return {
      host,
      machine: { ...machine, holderOf: async () => undefined },
      daemon: service,
      files: Object.fromEntries(units) as Record<string, string>,
      pauses: 50,
    }
  }
}

/** The words of a command to its scenes. */
export const scenes: Readonly<Record<string, readonly Scene[]>> = {
  add: [
    { title: "takes a key from standard input", args: ["add", "acme"], around: { ...around, stdin: keyLines } },
    { title: "asks a person", args: ["add", "acme"], around: { ...around, typed: keyLines.trim().split("\n") } },
    { title: "says what it expects", args: ["add", "acme"], around },
    { title: "takes the console's file for what it is", args: ["add", "acme", "--csv", "keys.csv"], around: { ...around, files: { "keys.csv": "a,b\n1,2\n" } } },
  ],
  audit: [
    {
      title: "says who took what",
      args: ["audit"],
      around: {
        daemon: "not running",
        files: trail(
          { time: "2026-11-23T08:00:00.000Z", event: "login", outcome: "ok", profile: "acme" },
          {
            time: "2026-11-23T09:59:00.000Z",
            event: "served",
            outcome: "ok",
            via: "endpoint",
            profile: "dev",
            lease: "shell",
            keyId: "ASIAEXAMPLE000000001",
            expiration: "2026-11-23T10:58:00Z",
            peer: { uid: 1000, pid: 4711, executable: "/usr/bin/python3", directory: "/home/alice" },
          },
        ),
      },
    },
    { title: "has nothing to show", args: ["audit"], around: { daemon: "not running" } },
  ],
  completion: [
    { title: "prints the script", args: ["completion", "bash"] },
    { title: "knows three shells", args: ["completion", "tcsh"] },
  ],
  config: [
    { title: "prints where each setting came from", args: ["config"], real: { CREDD_HOME: "/nonexistent/credd", CREDD_PORT: "9913" } },
    { title: "names what is wrong", args: ["config"], real: { CREDD_HOME: "/nonexistent/credd", CREDD_PORT: "many" } },
  ],
  console: [
    { title: "opens the browser", args: ["console", "dev"], around: { ...around, browser: () => undefined } },
    { title: "prints the URL", args: ["console", "dev", "--print"], around },
    { title: "asks for a user's policy", args: ["console", "acme"], around: { ...around, typed: [""], browser: () => undefined } },
    { title: "needs a user's policy", args: ["console", "acme"], around },
  ],
  daemon: [
    { title: "does not start with a wrong setting", args: ["daemon"], real: { CREDD_HOME: "/nonexistent/credd", CREDD_STORE: "keyring" } },
  ],
  decode: [
    { title: "says who was refused what", args: ["decode", "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abc"], around },
    { title: "finds no message", args: ["decode", "hello there"], around },
  ],
  doctor: [
    { title: "is calm", args: ["doctor"], around: { ...around, env: shell, machine } },
    { title: "finds the classic danger", args: ["doctor", "--identity"], around: { ...around, env: { ...shell, ...forgotten }, machine } },
    { title: "names who holds the port", args: ["doctor"], around: { ...down, env: shell, machine } },
    { title: "wants a person for its questions", args: ["doctor", "--fix"], around: { ...around, env: shell, machine } },
  ],
  env: [
    { title: "prints shell lines", args: ["env", "dev"], around },
    { title: "prints fish's", args: ["env", "dev", "--shell", "fish", "--token-file"], around },
    { title: "takes them away", args: ["env", "--unset"], around },
    { title: "proposes the profile that was meant", args: ["env", "dve"], around },
  ],
  exec: [
    { title: "ends as the command does", args: ["exec", "dev"], around: { ...around, rest: ["false"], held: () => made, child: 1 } },
    { title: "wants the command after --", args: ["exec", "dev", "aws", "s3", "ls"], around },
    { title: "has nobody to ask", args: ["exec", "dev"], around: { ...around, rest: ["aws"], held: () => refuse({ code: "DaemonNotRunning", message: "the credd daemon is not running", hint: "run: credd service install   (or, in the foreground: credd daemon)" }) } },
  ],
  "imds disable": [{ title: "ends it", args: ["imds", "disable", "dev"], around }],
  "imds enable": [{ title: "says where it is", args: ["imds", "enable", "dev"], around }],
  "imds list": [{ title: "lists the ports", args: ["imds", "list"], around }],
  import: [
    { title: "moves the keys", args: ["import"], around: { ...around, env: { HOME: "/home/alice" }, files: plainFile } },
    { title: "finds nothing", args: ["import"], around: { ...around, env: { HOME: "/home/alice" }, files: { "/home/alice/.aws/credentials": "" } } },
    { title: "finds no file", args: ["import"], around: { ...around, env: { HOME: "/home/alice" } } },
  ],
  "lease list": [{ title: "lists them", args: ["lease", "list"], around: { daemon: leases } }],
  "lease new": [
    { title: "prints the environment of one", args: ["lease", "new", "agent", "--profile", "dev", "--read-only", "--replace"], around: { daemon: leases } },
    { title: "keeps a name for one", args: ["lease", "new", "agent", "--profile", "dev"], around: { daemon: leases } },
  ],
  "lease revoke": [
    { title: "ends one", args: ["lease", "revoke", "agent"], around: { daemon: leases } },
    { title: "wants a name", args: ["lease", "revoke"], around: { daemon: leases } },
  ],
  "lease show": [
    { title: "shows one", args: ["lease", "show", "agent"], around: { daemon: leases } },
    { title: "knows the others", args: ["lease", "show", "agnet"], around: { daemon: leases } },
  ],
  lock: [{ title: "forgets everything", args: ["lock"], around }],
  login: [
    { title: "signs in, and says what comes next", args: ["login", "acme"], around: { ...around, stdin: "123456\n" } },
    { title: "asks again after a wrong code", args: ["login", "acme"], around: { ...around, typed: ["000000", "123456"] } },
    { title: "takes no wrong code from a script", args: ["login", "acme", "--mfa-code", "000000"], around },
    { title: "knows a code when it sees one", args: ["login", "acme", "--mfa-code", "12"], around },
    { title: "is interrupted", args: ["login", "acme"], around: { ...around, typed: [undefined] } },
    { title: "knows how long a session lasts", args: ["login", "acme", "--duration", "3d"], around },
  ],
  logout: [
    { title: "forgets a session", args: ["logout", "acme"], around },
    { title: "forgets all", args: ["logout", "--all"], around },
  ],
  process: [
    { title: "speaks the protocol", args: ["process", "dev"], around: { files, answers: [{ status: 200, text: JSON.stringify(credentials) }] } },
    { title: "says in one line what to do", args: ["process", "dev"], around: { files, answers: [{ status: 403, text: JSON.stringify({ code: "LoginRequired", message: 'profile "acme" has no MFA session; run: credd login acme' }) }] } },
  ],
  refresh: [{ title: "renews", args: ["refresh", "dev"], around }],
  rotate: [
    { title: "takes all steps", args: ["rotate", "acme", "--delete"], around },
    { title: "goes back", args: ["rotate", "acme", "--undo"], around },
    { title: "needs one direction", args: ["rotate", "acme", "--delete", "--undo"], around },
  ],
  remove: [
    { title: "asks first", args: ["remove", "acme"], around: { ...around, typed: ["y"] } },
    { title: "takes a no", args: ["remove", "acme"], around: { ...around, typed: ["n"] } },
    { title: "needs a yes", args: ["remove", "acme"], around },
  ],
  "service install": [{ title: "installs it, and waits for its answer", args: ["service", "install"], around: withSystemd(false) }],
  "service logs": [{ title: "leaves the showing to systemd", args: ["service", "logs"], around: withSystemd(true) }],
  "service status": [
    { title: "tells of one that runs", args: ["service", "status"], around: withSystemd(true) },
    { title: "tells of none", args: ["service", "status"], around: withSystemd(false) },
  ],
  "service uninstall": [{ title: "takes it away, and leaves what is yours", args: ["service", "uninstall"], around: withSystemd(true) }],
  status: [
    { title: "shows all", args: ["status"], around },
    { title: "fits a prompt", args: ["status", "--short"], around },
    { title: "says it in words", args: ["status"], around: { ...around, isPlain: true } },
    { title: "says that there is no daemon", args: ["status"], around: down },
  ],
  unlock: [
    { title: "opens the file store", args: ["unlock"], around: { ...around, stdin: "EXAMPLE-passphrase\n" } },
    { title: "does not open it with another", args: ["unlock"], around: { ...around, stdin: "EXAMPLE-other\n" } },
    { title: "says what it expects", args: ["unlock"], around },
  ],
  use: [
    { title: "sets the default profile", args: ["use", "dev"], around },
    { title: "says what comes first here", args: ["use", "dev"], around: { ...around, env: { AWS_PROFILE: "acme" } } },
    { title: "knows the profiles", args: ["use", "dve"], around },
  ],
  whoami: [
    { title: "says who", args: ["whoami", "dev"], around },
    { title: "prints JSON", args: ["whoami", "dev", "--json"], around },
    { title: "wants arguments that it knows", args: ["whoami", "--jsno"], around },
  ],
} // prettier-ignore
