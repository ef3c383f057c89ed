/** The flags that narrow a lease, as what the daemon is asked for. */
import type { LeaseScope } from "../daemon/api.ts"
import type { Context } from "./context.ts"
import { usageWrong } from "./failure.ts"
import { errnoCode } from "./files.ts"

export type ScopeFlags = {
  readonly "read-only": boolean
  readonly policy?: string
  readonly "policy-arn"?: readonly string[]
}

export function scopeAsked({ files }: Pick<Context, "files">, flags: ScopeFlags): LeaseScope | null {
  const { "read-only": readOnly, policy: file, "policy-arn": policyArns = [] } = flags
  if ([readOnly, file !== undefined, policyArns.length > 0].filter(Boolean).length > 1) {
    throw usageWrong("--read-only, --policy and --policy-arn exclude each other", "put it all into one policy file")
  }
  if (readOnly) return { kind: "read-only" }
  if (policyArns.length > 0) return { kind: "policy-arns", policyArns }
  if (file === undefined) return null
  return { kind: "policy", policy: textOf(files, file) }
}

/** A policy is a few kilobytes at most; whatever is longer is another file. */
const longest = 32_768

function textOf(files: Context["files"], file: string): string {
  const hint = "name a file that holds an IAM policy: --policy policy.json"
  let bytes: Buffer | undefined
  try {
    bytes = files.read(file)
  } catch (error) {
    throw usageWrong(`could not read the policy ${file}: ${errnoCode(error) || "it is not readable"}`, hint)
  }
  if (bytes === undefined) throw usageWrong(`there is no policy ${file}`, hint)
  if (bytes.length > longest) throw usageWrong(`${file} is too large for a policy`, hint)
  return bytes.toString("utf8").replace(/^\uFEFF/, "")
}
