/** IAM policies that narrow a session, as far as tests need them: effects, actions and resources with wildcards. */
import { deflateRawSync } from "node:zlib"
import { stsError } from "./errors.ts"

interface Statement {
  readonly effect: "Allow" | "Deny"
  readonly actions: Matcher
  readonly resources: Matcher
}

interface Matcher {
  readonly patterns: readonly string[]
  /** `NotAction`, `NotResource`. */
  readonly isNot: boolean
}

export interface Policy {
  readonly statements: readonly Statement[]
  readonly text: string
}

/** A session may do what each layer allows; within a layer the policies add up. */
export type Layer = readonly Policy[]

export interface Limits {
  readonly layers: readonly Layer[]
  /** How many layers GetScopedCredentials has put there. */
  readonly scopedLayers: number
}

export const unlimited: Limits = { layers: [], scopedLayers: 0 }

const maxTokenBytes = 4_096
const bareTokenBytes = 700

/** Throws `MalformedPolicyDocument`, with the part that is wrong. */
export function parsePolicy(text: string): Policy {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw malformed("This policy contains invalid Json")
  }
  if (!isObject(document)) throw malformed("Syntax errors in policy.")
  const { Version: version = "2008-10-17", Statement: statements } = document
  if (version !== "2012-10-17" && version !== "2008-10-17") throw malformed("Syntax errors in policy.")
  if (statements === undefined) throw malformed("Missing required field Statement")
  return { text, statements: [statements].flat().map((each) => statementFrom(each)) }
}

function statementFrom(statement: unknown): Statement {
  if (!isObject(statement)) throw malformed("Syntax errors in policy.")
  const { Effect: effect } = statement
  if (effect !== "Allow" && effect !== "Deny") throw malformed(`Invalid effect: ${String(effect)}`)
  if (statement["Principal"] !== undefined) throw malformed("Policy document should not specify a principal.")
  const actions = matcherFrom(statement, "Action")
  for (const action of actions.patterns) {
    if (action !== "*" && !/^[\w-]+:[\w*?]+$/.test(action)) {
      throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    }
  }
  return { effect, actions, resources: matcherFrom(statement, "Resource") }
}

function matcherFrom(statement: Readonly<Record<string, unknown>>, name: "Action" | "Resource"): Matcher {
  const isNot = statement[name] === undefined
  const patterns = [statement[isNot ? `Not${name}` : name] ?? []].flat()
  if (patterns.length === 0) throw malformed(`Policy statement must contain ${name.toLowerCase()}s.`)
  return { isNot, patterns: patterns.map(String) }
}

/** An explicit deny anywhere wins; then every layer has to allow. */
export function whyDenied(limits: Limits, action: string, resource: string): string | undefined {
  for (const layer of limits.layers) {
    if (layer.some((policy) => hits(policy, "Deny", action, resource)))
      return "with an explicit deny in a session policy"
  }
  const isAllowed = limits.layers.every((layer) => layer.some((policy) => hits(policy, "Allow", action, resource)))
  return isAllowed ? undefined : `because no session policy allows the ${action} action`
}

function hits({ statements }: Policy, effect: Statement["effect"], action: string, resource: string): boolean {
  return statements.some(
    (each) => each.effect === effect && matches(each.actions, action, "i") && matches(each.resources, resource, ""),
  )
}

function matches({ patterns, isNot }: Matcher, text: string, flags: string): boolean {
  const found = patterns.some((pattern) => {
    const body = pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll("*", ".*")
      .replaceAll("?", ".")
    return new RegExp(`^${body}$`, `${flags}s`).test(text)
  })
  return found !== isNot
}

/** Policies travel packed in the session token, and make it longer. Throws `PackedPolicyTooLarge`. */
export function tokenBytes(limits: Limits): number {
  const packed = limits.layers.flat().reduce((sum, { text }) => sum + deflateRawSync(text).length, 0)
  const bytes = bareTokenBytes + Math.ceil((packed * 4) / 3)
  if (bytes <= maxTokenBytes) return bytes
  throw stsError(
    "PackedPolicyTooLarge",
    `The session token size of ${bytes} bytes exceeds the maximum allowed size of ${maxTokenBytes} bytes.`,
  )
}

/** AWS's own policies that tests name, and no others. */
export const managedPolicies: ReadonlyMap<string, Policy> = new Map(
  [
    ["AdministratorAccess", ["*"]],
    ["ReadOnlyAccess", ["dynamodb:Describe*", "dynamodb:Get*", "dynamodb:List*", "s3:Get*", "s3:List*"]],
    ["AmazonDynamoDBFullAccess", ["dynamodb:*"]],
  ].map(([name, actions]) => [
    `arn:aws:iam::aws:policy/${String(name)}`,
    parsePolicy(JSON.stringify({ Statement: { Effect: "Allow", Action: actions, Resource: "*" } })),
  ]),
)

function malformed(message: string): Error {
  return stsError("MalformedPolicyDocument", message)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
