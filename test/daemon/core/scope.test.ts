import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { readOnlyPolicy } from "../../../daemon/core/read-only-policy.ts"
import { inlinePolicy, maxPolicyLength, scopeFrom, scopeKey, type NarrowScope } from "../../../daemon/core/scope.ts"

const statement = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" }
const refused = expect.objectContaining({ code: "ScopeRefused" })

function policy(text: string): NarrowScope {
  const scope = scopeFrom({ kind: "policy", policy: text })
  if (scope.kind === "whole") throw new Error("a policy became no scope")
  return scope
}

describe("the read-only policy", () => {
  it("fits what AWS takes, and is one that credd itself would take", () => {
    expect(readOnlyPolicy.length).toBeLessThanOrEqual(maxPolicyLength)
    expect(inlinePolicy(policy(readOnlyPolicy))).toBe(readOnlyPolicy)
  })

  it("allows no action that is known to change something or to hand out a secret", () => {
    const { Statement: statements } = JSON.parse(readOnlyPolicy) as {
      Statement: { Effect: string; Action: string[] }[]
    }
    const [allow, deny] = statements
    const bad =
      /^\w[\w-]*:(Create|Delete|Put|Update|Modify|Run|Terminate|Attach|Detach|Add|Remove|Set|Send|Publish|Invoke|Assume|Decrypt|\*)/

    expect(allow?.Action.filter((action) => bad.test(action))).toEqual([])
    expect(allow?.Action.filter((action) => /^(secretsmanager|ssm|kms):Get\*$/.test(action))).toEqual(["kms:Get*"])
    expect(deny).toMatchObject({ Effect: "Deny", Action: expect.arrayContaining(["sts:AssumeRole*", "kms:Decrypt"]) })
  })
})

describe(scopeFrom.name, () => {
  it("takes a policy as it is, less the white space between its parts", () => {
    const text = `{\n  "Version": "2012-10-17",\t"Statement": [ ${JSON.stringify({ ...statement, Sid: 'a  " b' })} ]\r\n}`

    expect(inlinePolicy(policy(text))).toBe(
      `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Sid":"a  \\" b"}]}`,
    )
  })

  it("leaves a key that stands twice for AWS to judge", () => {
    const text = `{"Statement":[{"Effect":"Allow","Action":"s3:Get*","Action":"s3:List*","Resource":"*"}]}`

    expect(inlinePolicy(policy(text))).toBe(text)
  })

  it("takes a long policy that is short without its white space", () => {
    const text = JSON.stringify({ Statement: statement }).padEnd(9_000, " ")

    expect(inlinePolicy(policy(text))?.length).toBeLessThan(100)
  })

  it.each([
    ["not JSON", "{"],
    ["nothing", ""],
    ["no object", "[]"],
    ["null", "null"],
    ["no Statement", "{}"],
    ["no statements", `{"Statement":[]}`],
    ["a statement that is text", `{"Statement":["x"]}`],
    ["no Effect", `{"Statement":{"Action":"*","Resource":"*"}}`],
    ["an Effect in small letters", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`],
    ["no Action", `{"Statement":{"Effect":"Allow","Resource":"*"}}`],
    ["both Action and NotAction", `{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}`],
    ["no Resource", `{"Statement":{"Effect":"Allow","Action":"*"}}`],
    ["an Action that is a number", `{"Statement":{"Effect":"Allow","Action":1,"Resource":"*"}}`],
    ["an empty list of Actions", `{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}`],
    ["a Principal", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`],
    ["more than 2,048 characters", JSON.stringify({ Statement: { ...statement, Sid: "x".repeat(2_048) } })],
    ["letters that AWS does not take", JSON.stringify({ Statement: { ...statement, Sid: "…" } })],
  ])("refuses a policy with %s", (_, text) => {
    expect(() => policy(text)).toThrow(refused)
  })

  it("takes a policy of 2,048 characters, and not of one more", () => {
    const room = maxPolicyLength - JSON.stringify({ Statement: { ...statement, Sid: "" } }).length
    const of = (length: number): string => JSON.stringify({ Statement: { ...statement, Sid: "x".repeat(length) } })

    expect(inlinePolicy(policy(of(room)))).toHaveLength(maxPolicyLength)
    expect(() => policy(of(room + 1))).toThrow(refused)
  })

  it.each([
    [[]],
    [["ReadOnlyAccess"]],
    [["arn:aws:iam::aws:role/x"]],
    [["arn:aws:s3:::bucket"]],
    [Array.from({ length: 11 }, (_, i) => `arn:aws:iam::aws:policy/p${i}`)],
  ])("refuses the policy ARNs %j", (policyArns) => {
    expect(() => scopeFrom({ kind: "policy-arns", policyArns })).toThrow(refused)
  })

  it.each(["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::123456789012:policy/path/mine"])(
    "takes %s",
    (arn) => {
      expect(scopeFrom({ kind: "policy-arns", policyArns: [arn] })).toEqual({ kind: "policy-arns", policyArns: [arn] })
    },
  )

  // JSON's meaning does not depend on the white space between its parts, so ours must not either.
  test.prop([fc.jsonValue(), fc.constantFrom("", " ", "\n\t", "\r\n")])(
    "changes no policy's meaning",
    (value, space) => {
      const document = { Statement: { ...statement, Condition: value } }
      const text = JSON.stringify(document, null, space || undefined)
      let made: string | undefined
      try {
        made = inlinePolicy(policy(text))
      } catch {
        return
      }

      expect(JSON.parse(made ?? "")).toEqual(JSON.parse(text))
    },
  )
})

describe(scopeKey.name, () => {
  it("differs for scopes that differ", () => {
    const scopes: NarrowScope[] = [
      { kind: "read-only" },
      { kind: "policy", policy: readOnlyPolicy },
      { kind: "policy", policy: "{}" },
      { kind: "policy-arns", policyArns: ["a", "b"] },
      { kind: "policy-arns", policyArns: ["a"] },
    ]

    expect(new Set(scopes.map(scopeKey)).size).toBe(scopes.length)
  })
})
