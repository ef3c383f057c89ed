/** The few actions of IAM that concern a user's own access keys: AWS's quota, AWS's refusals, AWS's words. */
import { randomBytes } from "node:crypto"
import type { Action } from "./actions.ts"
import { stsError } from "./errors.ts"
import type { Principal } from "./principal.ts"
import type { IamKey, State } from "./state.ts"
import { uniqueId } from "./unique-id.ts"
import type { Children } from "./wire.ts"
import type { SandboxUser } from "./world.ts"

const mostKeys = 2

export const iamActions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["CreateAccessKey", createAccessKey],
  ["DeleteAccessKey", deleteAccessKey],
  ["GetAccessKeyLastUsed", getAccessKeyLastUsed],
  ["ListAccessKeys", listAccessKeys],
  ["UpdateAccessKey", updateAccessKey],
])

function listAccessKeys(state: State, principal: Principal, parameters: URLSearchParams): Children {
  const { user, keys } = own("ListAccessKeys", state, principal, parameters)
  return {
    AccessKeyMetadata: keys.map((key) => ({ UserName: user.userName, ...about(key) })),
    IsTruncated: "false",
  }
}

function createAccessKey(state: State, principal: Principal, parameters: URLSearchParams, now: number): Children {
  const { user, keys } = own("CreateAccessKey", state, principal, parameters)
  if (keys.length >= mostKeys) throw stsError("LimitExceeded")
  const key: IamKey = {
    accessKeyId: uniqueId("AKIA", randomBytes(16)),
    secretAccessKey: randomBytes(30).toString("base64"),
    createdAt: now,
    active: true,
  }
  keys.push(key)
  return { AccessKey: { UserName: user.userName, ...about(key), SecretAccessKey: key.secretAccessKey } }
}

function updateAccessKey(state: State, principal: Principal, parameters: URLSearchParams): Children {
  const { keys } = own("UpdateAccessKey", state, principal, parameters)
  keyNamed(keys, parameters).active = parameters.get("Status") === "Active"
  return {}
}

function deleteAccessKey(state: State, principal: Principal, parameters: URLSearchParams): Children {
  const { keys } = own("DeleteAccessKey", state, principal, parameters)
  keys.splice(keys.indexOf(keyNamed(keys, parameters)), 1)
  return {}
}

function getAccessKeyLastUsed(state: State, principal: Principal, parameters: URLSearchParams): Children {
  const { user, keys } = own("GetAccessKeyLastUsed", state, principal, parameters)
  const { usedAt } = keyNamed(keys, parameters)
  return {
    UserName: user.userName,
    AccessKeyLastUsed: {
      ...(usedAt === undefined ? {} : { LastUsedDate: isoSeconds(usedAt) }),
      ServiceName: usedAt === undefined ? "N/A" : "sts",
      Region: usedAt === undefined ? "N/A" : "eu-west-1",
    },
  }
}

function about({ accessKeyId, active, createdAt }: IamKey): Children {
  return { AccessKeyId: accessKeyId, Status: active ? "Active" : "Inactive", CreateDate: isoSeconds(createdAt) }
}

/** The caller's own keys, if it may touch them. A role has none, and nobody here has another's. */
function own(
  action: string,
  state: State,
  principal: Principal,
  parameters: URLSearchParams,
): { readonly user: SandboxUser; readonly keys: IamKey[] } {
  const userName = parameters.get("UserName")
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html: only a long-lived key names its user.
  if (userName === null && principal.kind !== "user" && action !== "GetAccessKeyLastUsed") {
    throw stsError("ValidationError", "Must specify userName when calling with non-User credentials")
  }
  if (principal.kind === "user" || principal.kind === "session") {
    const { user } = principal
    const hasMfa = principal.kind === "session" && principal.mfaAt !== undefined
    // GetSessionToken's credentials without MFA may not call IAM at all.
    const isAllowed = principal.kind === "session" ? hasMfa && Boolean(user.mayRotate) : user.mayRotate === true
    const keys = state.accessKeys.get(user)
    if (isAllowed && keys !== undefined && (userName ?? user.userName) === user.userName) return { user, keys }
  }
  throw stsError(
    "AccessDenied",
    `User: ${principal.arn} is not authorized to perform: iam:${action} on resource: user ${userName ?? ""} because no identity-based policy allows the iam:${action} action`,
  )
}

function keyNamed(keys: readonly IamKey[], parameters: URLSearchParams): IamKey {
  const id = parameters.get("AccessKeyId")
  const key = keys.find(({ accessKeyId }) => accessKeyId === id)
  if (key === undefined) throw stsError("NoSuchEntity", `The Access Key with id ${id} cannot be found.`)
  return key
}

function isoSeconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}
