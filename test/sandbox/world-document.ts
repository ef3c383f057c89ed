/** A world as JSON, for callers in other languages. */
import * as v from "valibot"
import type { World } from "./world.ts"

const accessKey = v.strictObject({
  accessKeyId: v.string(),
  secretAccessKey: v.string(),
  active: v.exactOptional(v.boolean()),
})
const user = v.strictObject({
  accountId: v.string(),
  userName: v.string(),
  userId: v.exactOptional(v.string()),
  accessKeys: v.array(accessKey),
  mfa: v.exactOptional(v.strictObject({ serial: v.string(), totpSecret: v.string() })),
  mayDecode: v.exactOptional(v.boolean()),
  mayRotate: v.exactOptional(v.union([v.boolean(), v.literal("with-mfa")])),
  newKeyDelayMs: v.exactOptional(v.number()),
})
const trust = v.strictObject({
  principals: v.exactOptional(v.array(v.string())),
  requireMfa: v.exactOptional(v.boolean()),
  maxMfaAgeSeconds: v.exactOptional(v.number()),
  externalId: v.exactOptional(v.string()),
})
const role = v.strictObject({
  arn: v.string(),
  trust: v.exactOptional(trust),
  maxSessionDurationSeconds: v.exactOptional(v.number()),
  mayDecode: v.exactOptional(v.boolean()),
})
const world = v.strictObject({ users: v.array(user), roles: v.array(role) })

/** Throws on JSON that is no world, naming the place. */
export function parseWorld(json: string): World {
  const { success, issues, output } = v.safeParse(world, JSON.parse(json))
  if (!success) throw new Error(issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`).join("; "))
  return output
}
