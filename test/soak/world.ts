/** The AWS and the config file of a soak: three people, roles over them, a chain, one that is refused; and how the file changes. */
import type { LeaseScope } from "../../daemon/api.ts"
import type { SandboxRole, SandboxUser, World } from "../sandbox/world.ts"
import type { Config, Identity } from "./model.ts"

export const users = ["alice", "bob", "carol"] as const

const account = "123456789012"
const otherAccount = "210987654321"
const userArn = (name: string): string => `arn:aws:iam::${account}:user/${name}`
const roleArn = (name: string): string => `arn:aws:iam::${account}:role/${name}`
const auditor = `arn:aws:iam::${otherAccount}:role/auditor`
const forbidden = `arn:aws:iam::${otherAccount}:role/forbidden`

const mfaSerial = (name: string): string => `arn:aws:iam::${account}:mfa/${name}`

export interface UserKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export function keyOf(user: string): UserKey {
  return {
    accessKeyId: `AKIAEXAMPLE${user.toUpperCase().padEnd(7, "0")}01`,
    secretAccessKey: `EXAMPLEsecretOf${user}NotARealOne`.padEnd(40, "0"),
  }
}

function sandboxUser(userName: string, i: number): SandboxUser {
  return {
    accountId: account,
    userName,
    accessKeys: [keyOf(userName)],
    mfa: { serial: mfaSerial(userName), totpSecret: `JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX${"ABC"[i]}` },
  }
}

/** Roles of one user each, so that a mixed-up session shows. */
function ownRole(user: string, name: string): SandboxRole {
  return { arn: roleArn(`${user}-${name}`), trust: { principals: [userArn(user)], requireMfa: true } }
}

const roleNames = ["developer", "reader", "operator"] as const

export const world: World = {
  users: users.map(sandboxUser),
  roles: [
    ...users.flatMap((user) => roleNames.map((name) => ownRole(user, name))),
    { arn: auditor, trust: { principals: [roleArn("alice-developer")] } },
    { arn: forbidden, trust: { principals: [userArn("nobody")] } },
  ],
}

/** What stands for all that a session may do. */
export const probes = [
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "s3:GetObject",
  "s3:PutObject",
  "secretsmanager:GetSecretValue",
  "iam:CreateUser",
] as const

export interface LeaseKind {
  readonly scope: LeaseScope | null
  readonly may: readonly string[]
}

export const leaseKinds: readonly LeaseKind[] = [
  { scope: null, may: probes },
  { scope: { kind: "read-only" }, may: ["dynamodb:GetItem", "s3:GetObject"] },
  {
    scope: {
      kind: "policy",
      policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "s3:PutObject", Resource: "*" }],
      }),
    },
    may: ["s3:PutObject"],
  },
  {
    scope: { kind: "policy-arns", policyArns: ["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"] },
    may: ["dynamodb:GetItem", "dynamodb:PutItem"],
  },
]

export interface ConfigVersion {
  readonly text: string
  readonly config: Config
}

/**
 * A config file: for every user the session and three roles, a chain over alice's, and what is refused. `turned` people's
 * `switch` profile is another role; `isThinned` takes carol's roles out of the file.
 */
export function configVersion(turned: ReadonlySet<string>, isThinned: boolean, comment: string): ConfigVersion {
  const sections = [`# ${comment}\n`]
  const config = new Map<string, Identity>()
  function role(name: string, source: string, user: string, arn: string, more: Partial<Identity> = {}): void {
    sections.push(`[profile "${name}"]\nrole_arn = ${arn}\nsource_profile = ${source}\nregion = eu-west-1\n`)
    config.set(name, { kind: "role", user, principalArn: arn, ...more })
  }
  for (const user of users) {
    sections.push(`[profile ${user}]\nregion = eu-west-1\nmfa_serial = ${mfaSerial(user)}\n`)
    config.set(user, { kind: "session", user, principalArn: userArn(user) })
    if (isThinned && user === "carol") continue
    role(`${user}/developer`, user, user, roleArn(`${user}-developer`))
    role(`${user}/reader`, user, user, roleArn(`${user}-reader`))
    role(`${user} switch`, user, user, roleArn(turned.has(user) ? `${user}-operator` : `${user}-reader`))
  }
  role("audit", "alice/developer", "alice", auditor)
  role("forbidden", "bob", "bob", forbidden, { isDenied: true })
  return { text: sections.join("\n"), config }
}

/** Every profile that any version has, and one that none has. */
export const profiles: readonly string[] = [...configVersion(new Set(), false, "").config.keys(), "nobody/none"]
