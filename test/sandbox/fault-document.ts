/** Faults as JSON, one or a list of them, for callers in other processes. */
import * as v from "valibot"
import type { Fault } from "./faults.ts"

const count = v.pipe(v.number(), v.minValue(0))
const limits = {
  action: v.exactOptional(v.string()),
  times: v.exactOptional(count),
  until: v.exactOptional(count),
  forSeconds: v.exactOptional(count),
}
const fault = v.variant("kind", [
  v.strictObject({ kind: v.literal("latency"), ms: count, ...limits }),
  v.strictObject({ kind: v.literal("drop"), when: v.picklist(["before", "after"]), ...limits }),
  v.strictObject({ kind: v.literal("hang"), ...limits }),
  v.strictObject({
    kind: v.literal("error"),
    code: v.string(),
    status: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599))),
    message: v.exactOptional(v.string()),
    retryAfterSeconds: v.exactOptional(count),
    ...limits,
  }),
  v.strictObject({ kind: v.literal("malformed"), ...limits }),
  v.strictObject({ kind: v.literal("html"), ...limits }),
  v.strictObject({ kind: v.literal("huge"), ...limits }),
  v.strictObject({ kind: v.literal("drip"), everyMs: count, ...limits }),
])
const document = v.union([v.array(fault), fault])

/** Throws on JSON that is no fault. */
export function parseFaults(json: string): readonly Fault[] {
  return [v.parse(document, JSON.parse(json))].flat()
}
