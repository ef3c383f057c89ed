/** From a role profile's keys to what is asked of AssumeRole, and what was changed on the way, for `status` to say. */
import type { RoleRequest } from "./ports.ts"

/** STS lets nobody have more for a role assumed from a session ("role chaining"), whatever the role itself allows. */
const chainedRoleSeconds = 3_600
const shortestRoleSeconds = 900

export interface ReadRoleRequest {
  readonly request: RoleRequest
  /** The profile names its role sessions itself: its trust policy may insist on that name. */
  readonly namesSession: boolean
  readonly notes: readonly string[]
}

/** The request, or why there is none. */
export function roleRequest(
  roleArn: string,
  keys: Readonly<Record<string, string>>,
): ReadRoleRequest | { readonly problem: string } {
  const tags = pairs(keys["session_tags"])
  if (tags === undefined) return { problem: "its session_tags are not key=value, separated by commas" }
  const transitiveTagKeys = list(keys["transitive_session_tags"])
  const { durationSeconds, notes } = duration(keys["duration_seconds"])
  return {
    notes,
    namesSession: keys["role_session_name"] !== undefined,
    request: {
      roleArn,
      roleSessionName: keys["role_session_name"] ?? "credd",
      durationSeconds,
      ...(keys["external_id"] === undefined ? {} : { externalId: keys["external_id"] }),
      ...(keys["source_identity"] === undefined ? {} : { sourceIdentity: keys["source_identity"] }),
      ...(tags.length === 0 ? {} : { tags }),
      ...(transitiveTagKeys.length === 0 ? {} : { transitiveTagKeys }),
    },
  }
}

/** botocore ignores what is no number; what STS would refuse is brought within its limits. Both are said. */
function duration(asked: string | undefined): {
  readonly durationSeconds: number
  readonly notes: readonly string[]
} {
  if (asked === undefined) return { durationSeconds: chainedRoleSeconds, notes: [] }
  const seconds = /^[+-]?\d+(_\d+)*$/.test(asked.trim()) ? Number(asked.replaceAll("_", "")) : undefined
  if (seconds === undefined) {
    return {
      durationSeconds: chainedRoleSeconds,
      notes: [`duration_seconds "${asked}" is no number; ${chainedRoleSeconds} is asked for`],
    }
  }
  const durationSeconds = Math.min(chainedRoleSeconds, Math.max(shortestRoleSeconds, seconds))
  if (durationSeconds === seconds) return { durationSeconds, notes: [] }
  const why =
    seconds > durationSeconds ? "a role above an MFA session lasts an hour at most" : "the least that STS gives"
  return { durationSeconds, notes: [`duration_seconds ${asked} is taken as ${durationSeconds}: ${why}`] }
}

/** `key=value,key=value`, as aws-vault reads it. Undefined where a part is no pair. */
function pairs(text: string | undefined): readonly { readonly key: string; readonly value: string }[] | undefined {
  const found = list(text).map((part) => {
    const at = part.indexOf("=")
    return { key: part.slice(0, Math.max(at, 0)).trim(), value: part.slice(at + 1).trim() }
  })
  return found.every(({ key }) => key !== "") ? found : undefined
}

function list(text = ""): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
}
