/**
 * What a lease may do of all that its profiles may: a policy that AWS enforces. A scope is checked here as far as it can be
 * without asking AWS; what AWS itself says of it is in `narrowing.ts`.
 */
import { createHash } from "node:crypto"
import type { LeaseScope } from "../api.ts"
import { scopeRefused } from "./errors.ts"
import { readOnlyPolicy } from "./read-only-policy.ts"

export type Scope =
  /** All that the profile may. */
  | { readonly kind: "whole" }
  | { readonly kind: "read-only" }
  /** An inline policy, as its author wrote it, less the white space. */
  | { readonly kind: "policy"; readonly policy: string }
  /** Managed policies. */
  | { readonly kind: "policy-arns"; readonly policyArns: readonly string[] }

export type NarrowScope = Exclude<Scope, { readonly kind: "whole" }>

export const whole: Scope = { kind: "whole" }

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html */
export const maxPolicyLength = 2_048
const maxPolicyArns = 10

/** The inline policy of a scope; undefined where managed policies take its place. */
export function inlinePolicy(scope: NarrowScope): string | undefined {
  if (scope.kind === "policy-arns") return undefined
  return scope.kind === "read-only" ? readOnlyPolicy : scope.policy
}

/** Equal for scopes that allow the same, and for no others. */
export function scopeKey(scope: NarrowScope): string {
  const text = scope.kind === "policy-arns" ? JSON.stringify(scope.policyArns) : (inlinePolicy(scope) ?? "")
  return createHash("sha256").update(`${scope.kind}\0${text}`).digest("hex")
}

/** What somebody asks for, as a scope; throws `ScopeRefused` where AWS would not take it, with the reason. */
export function scopeFrom(asked: LeaseScope | null): Scope {
  if (asked === null) return whole
  switch (asked.kind) {
    case "read-only":
      return { kind: "read-only" }
    case "policy":
      return { kind: "policy", policy: checkedPolicy(asked.policy) }
    default:
      return { kind: "policy-arns", policyArns: checkedArns(asked.policyArns) }
  }
}

/** As `status` shows it. */
export function scopeStatus(scope: Scope): LeaseScope | null {
  return scope.kind === "whole" ? null : scope
}

/**
 * White space is taken out because it counts against the limit. Nothing else is changed: a policy that is parsed and
 * written anew could mean something else than its author's (a key that stands twice).
 */
function checkedPolicy(text: string): string {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw scopeRefused("the policy is not JSON", "check the file: python3 -m json.tool FILE")
  }
  const problem = policyProblem(document)
  if (problem !== undefined) throw scopeRefused(`the policy is malformed: ${problem}`)
  const policy = text.replaceAll(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, "$1")
  // eslint-disable-next-line no-control-regex -- AWS's own alphabet for policies
  if (!/^[\t\n\r\u0020-\u00FF]*$/.test(policy)) throw scopeRefused("the policy has characters that AWS does not take")
  if (policy.length > maxPolicyLength) {
    throw scopeRefused(
      `the policy has ${policy.length} characters without its white space, and AWS takes ${maxPolicyLength}`,
      "make it shorter, or attach it as a managed policy: --policy-arn ARN (role profiles only)",
    )
  }
  return policy
}

/** The grammar as far as a mistake in it is common: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
function policyProblem(document: unknown): string | undefined {
  if (!isObject(document)) return "it is no object"
  const { Statement: statements } = document
  if (statements === undefined) return "it has no Statement"
  const list: readonly unknown[] = Array.isArray(statements) ? statements : [statements]
  if (list.length === 0) return "its Statement is empty"
  for (const [i, statement] of list.entries()) {
    const at = `statement ${i + 1}`
    if (!isObject(statement)) return `${at} is no object`
    const { Effect: effect } = statement
    if (effect !== "Allow" && effect !== "Deny") return `${at} has no Effect of Allow or Deny`
    for (const [one, other] of [
      ["Action", "NotAction"],
      ["Resource", "NotResource"],
    ] as const) {
      const has = [one, other].filter((name) => statement[name] !== undefined)
      if (has.length !== 1) return `${at} has ${has.length === 0 ? "neither" : "both"} ${one} and ${other}`
      const values: readonly unknown[] = [statement[has[0] ?? ""]].flat()
      if (values.length === 0 || !values.every((value) => typeof value === "string" && value !== "")) {
        return `${at} has a ${has[0]} that is not text`
      }
    }
    if (statement["Principal"] !== undefined || statement["NotPrincipal"] !== undefined) {
      return `${at} has a Principal, which only policies of resources have`
    }
  }
  return undefined
}

function checkedArns(arns: readonly string[]): readonly string[] {
  if (arns.length === 0) throw scopeRefused("no policy ARN is given")
  if (arns.length > maxPolicyArns) throw scopeRefused(`AWS takes ${maxPolicyArns} policy ARNs at most`)
  for (const arn of arns) {
    if (!/^arn:aws[\w-]*:iam::(\d{12}|aws):policy\/[\x21-\x7e]{1,512}$/.test(arn)) {
      throw scopeRefused(`"${arn.slice(0, 80)}" is not the ARN of a managed policy`)
    }
  }
  return [...new Set(arns)]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
