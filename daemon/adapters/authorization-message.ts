/**
 * The document inside an encoded authorization message, down to what a person asks of it. Its form is AWS's to change
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html shows an example and promises
 * nothing), so whatever is not there is left out rather than missed.
 */
import * as v from "valibot"
import type { DecodedMessage } from "../api.ts"

const values = v.fallback(
  v.pipe(
    v.object({ items: v.array(v.object({ value: v.string() })) }),
    v.transform(({ items }) => items.map(({ value }) => value)),
  ),
  [],
)
const text = v.fallback(v.optional(v.string()), undefined)

const statement = v.object({ statementId: text, effect: v.string(), actions: values, resources: values })

const decision = v.object({
  allowed: v.boolean(),
  explicitDeny: v.fallback(v.boolean(), false),
  matchedStatements: v.fallback(
    v.pipe(
      v.object({ items: v.array(statement) }),
      v.transform(({ items }) => items),
    ),
    [],
  ),
  context: v.fallback(
    v.object({
      principal: v.fallback(v.object({ arn: text, name: text, id: text }), {}),
      action: text,
      resource: text,
    }),
    { principal: {} },
  ),
})

/** Undefined for text that is no such document. */
export function decodedMessage(json: string): DecodedMessage | undefined {
  const document = v.safeParse(v.pipe(v.string(), v.parseJson()), json)
  const parsed = v.safeParse(decision, document.output)
  if (!document.success || !parsed.success) return undefined
  const { allowed, explicitDeny, matchedStatements, context } = parsed.output
  const principal = context.principal.arn ?? context.principal.name ?? context.principal.id
  return {
    isAllowed: allowed,
    isExplicitlyDenied: explicitDeny,
    ...(principal ? { principal } : {}),
    ...(context.action ? { action: context.action } : {}),
    ...(context.resource ? { resource: context.resource } : {}),
    statements: matchedStatements.map(({ statementId, effect, actions, resources }) => ({
      ...(statementId ? { id: statementId } : {}),
      effect,
      actions,
      resources,
    })),
    document: document.output,
  }
}
