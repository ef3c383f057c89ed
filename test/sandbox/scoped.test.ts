import { GetCallerIdentityCommand, GetScopedCredentialsCommand } from "@aws-sdk/client-sts"
import type { GetScopedCredentialsCommandInput, GetScopedCredentialsCommandOutput } from "@aws-sdk/client-sts"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { seconds } from "../fakes/clock.ts"
import { parsePolicy, unlimited, whyDenied, type Limits } from "./policy.ts"
import { assume, developer, refused, started, type Keys, type Started } from "./started.ts"

const reading = policy("dynamodb:GetItem")

function policy(action: string | readonly string[], resource = "*", effect = "Allow"): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: effect, Action: action, Resource: resource }] })
}

function setup() {
  return started()
}

async function scoped(
  { client }: Started,
  keys: Keys,
  input: GetScopedCredentialsCommandInput,
): Promise<GetScopedCredentialsCommandOutput> {
  return await client(keys).send(new GetScopedCredentialsCommand(input))
}

function keysIn({ Credentials: issued }: GetScopedCredentialsCommandOutput): Keys {
  return {
    accessKeyId: issued?.AccessKeyId ?? "",
    secretAccessKey: issued?.SecretAccessKey ?? "",
    sessionToken: issued?.SessionToken ?? "",
  }
}

/** A policy of nearly 2,048 characters that hardly packs. */
function policyOf(seed: number): string {
  let state = seed
  const noise = Array.from({ length: 1_850 }, () => {
    state = (state * 48_271) % 2_147_483_647
    return String.fromCharCode(161 + (state % 95))
  })
  return JSON.stringify({ Statement: { Sid: noise.join(""), Effect: "Allow", Action: "*", Resource: "*" } })
}

function limits(...layers: readonly (readonly string[])[]): Limits {
  return { layers: layers.map((layer) => layer.map((text) => parsePolicy(text))), scopedLayers: layers.length }
}

interface Rule {
  readonly action: string
  readonly effect: string
}

function build(layers: readonly (readonly Rule[])[]): Limits {
  return limits(...layers.map((each) => each.map(({ action, effect }) => policy(action, "*", effect))))
}

describe("GetScopedCredentials", () => {
  it("narrows an MFA session and a role's, and keeps who it is", async () => {
    const aws = await setup()
    const session = await aws.login()
    const role = await assume(aws.client(session))

    for (const keys of [session, role]) {
      const before = await aws.client(keys).send(new GetCallerIdentityCommand({}))
      const answer = await scoped(aws, keys, { Policy: reading, ScopedSessionDescription: "a lease" })
      const after = await aws.client(keysIn(answer)).send(new GetCallerIdentityCommand({}))

      expect(after.Arn).toBe(before.Arn)
      expect(answer).toMatchObject({ ScopedPoliciesCount: 1, SessionInfo: { Arn: before.Arn } })
      expect(answer.Credentials?.AccessKeyId).not.toBe(keys.accessKeyId)
    }
    expect(aws.sandbox.calls.at(-2)?.parameters).toMatchObject({ ScopedSessionDescription: "a lease" })
  })

  it("ends when the session does, or sooner, and never later", async () => {
    const aws = await setup()
    const session = await aws.login({ DurationSeconds: 900 })
    const whole = await scoped(aws, session, { Policy: reading })

    const short = await scoped(aws, session, { DurationSeconds: 1 })

    expect(whole.Credentials!.Expiration!.getTime() - short.Credentials!.Expiration!.getTime()).toBe(899 * seconds)
    await expect(scoped(aws, session, { DurationSeconds: 901 })).rejects.toMatchObject(
      refused("InsufficientSessionLifetimeException", "remaining lifetime", 400),
    )
  })

  it("takes three policies and no fourth, and a shorter life at any time", async () => {
    const aws = await setup()
    const open = policy(["dynamodb:*", "sts:*"])
    let keys = await aws.login()
    for (const count of [1, 2, 3]) {
      const answer = await scoped(aws, keys, { Policy: open })
      expect(answer.ScopedPoliciesCount).toBe(count)
      keys = keysIn(answer)
    }

    await expect(scoped(aws, keys, { Policy: open })).rejects.toMatchObject(refused("AccessDenied", "more than 3", 403))
    await expect(scoped(aws, keys, { DurationSeconds: 60 })).resolves.toMatchObject({ ScopedPoliciesCount: 3 })
  })

  it("lets a narrowed session call STS only as its policy says", async () => {
    const aws = await setup()
    const keys = keysIn(await scoped(aws, await aws.login(), { Policy: reading }))

    await expect(assume(aws.client(keys))).rejects.toMatchObject(refused("AccessDenied", "no session policy allows"))
    await expect(scoped(aws, keys, { DurationSeconds: 60 })).rejects.toMatchObject(refused("AccessDenied"))
  })

  it.each([
    ["an access key", {}, "AccessDenied"],
    ["neither a policy nor a duration", {}, "ValidationError"],
    ["a policy of 2,049 characters", { Policy: reading.padEnd(2_049) }, "ValidationError"],
    ["a description of 257", { Policy: reading, ScopedSessionDescription: "x".repeat(257) }, "ValidationError"],
    ["37 hours", { DurationSeconds: 133_200 }, "ValidationError"],
    ["a policy that is not JSON", { Policy: "{" }, "MalformedPolicyDocumentException"],
    ["an action without a vendor", { Policy: policy("GetItem") }, "MalformedPolicyDocumentException"],
  ])("refuses %s", async (what, input, name) => {
    const aws = await setup()
    const keys = what === "an access key" ? undefined : await aws.login()

    await expect(
      aws.client(keys).send(new GetScopedCredentialsCommand(keys === undefined ? { Policy: reading } : input)),
    ).rejects.toMatchObject({ name })
  })

  it("refuses policies that are too large once they are packed", async () => {
    const aws = await setup()
    const once = await scoped(aws, await aws.login(), { Policy: policyOf(1) })

    await expect(scoped(aws, keysIn(once), { Policy: policyOf(2) })).rejects.toMatchObject(
      refused("PackedPolicyTooLargeException", "exceeds the maximum allowed size", 400),
    )
  })

  it("narrows a role by managed policies, and knows no others", async () => {
    const aws = await setup()
    const session = aws.client(await aws.login())
    const readOnly = await assume(session, { PolicyArns: [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }] })

    await expect(assume(aws.client(readOnly), { RoleArn: developer })).rejects.toMatchObject(refused("AccessDenied"))
    await expect(
      assume(session, { PolicyArns: [{ arn: "arn:aws:iam::aws:policy/NoSuchPolicy" }] }),
    ).rejects.toMatchObject(refused("ValidationError", "does not exist"))
  })
})

describe(whyDenied.name, () => {
  const table = "arn:aws:dynamodb:eu-west-1:123456789012:table/things"

  it.each<[string, Limits, string, string | undefined]>([
    ["no policy", unlimited, "dynamodb:PutItem", undefined],
    ["the action", limits([reading]), "dynamodb:GetItem", undefined],
    ["the action in other letters", limits([reading]), "DynamoDB:getitem", undefined],
    ["another action", limits([reading]), "dynamodb:PutItem", "no session policy allows"],
    ["a wildcard", limits([policy("dynamodb:Get*")]), "dynamodb:GetItem", undefined],
    ["a wildcard that ends too soon", limits([policy("dynamodb:Ge?")]), "dynamodb:GetItem", "no session policy"],
    ["the resource", limits([policy("*", table)]), "dynamodb:PutItem", undefined],
    ["another resource", limits([policy("*", `${table}s`)]), "dynamodb:PutItem", "no session policy"],
    ["a resource with a wildcard", limits([policy("*", "arn:aws:dynamodb:*:table/th*")]), "a:B", undefined],
    ["a deny beside an allow", limits([policy("*"), policy("*", "*", "Deny")]), "a:B", "explicit deny"],
    ["a deny in another layer", limits([policy("*")], [policy("*", "*", "Deny")]), "a:B", "explicit deny"],
    ["layers of which one allows", limits([policy("a:*")], [policy("b:*")]), "a:B", "no session policy"],
    ["two policies of a layer", limits([policy("a:*"), policy("b:*")]), "b:C", undefined],
  ])("by %s", (_, of, action, why) => {
    const said = whyDenied(of, action, table)

    if (why === undefined) expect(said).toBeUndefined()
    else expect(said).toContain(why)
  })

  const names = fc.constantFrom("a:Get", "a:Put", "b:Get", "b:Put")
  const layer = fc.array(
    fc.record({
      action: fc.constantFrom("*", "a:*", "b:*", "a:Get", "b:Put"),
      effect: fc.constantFrom("Allow", "Deny"),
    }),
    { minLength: 1, maxLength: 3 },
  )

  test.prop([fc.array(layer, { maxLength: 2 }), layer, names])(
    "one layer more never allows more",
    (before, more, name) => {
      if (whyDenied(build([...before, more]), name, table) === undefined) {
        expect(whyDenied(build(before), name, table)).toBeUndefined()
      }
    },
  )
})
