/** The arguments and flags that more than one command has. */
import { proposing } from "./proposals.ts"

export const optionalProfile = {
  kind: "tuple",
  parameters: [
    {
      brief: "the profile; else AWS_PROFILE, default_profile, or the only one",
      parse: String,
      placeholder: "profile",
      optional: true,
      ...proposing("profile"),
    },
  ],
} as const
export const oneProfile = {
  kind: "tuple",
  parameters: [{ brief: "the profile", parse: String, placeholder: "profile", ...proposing("profile") }],
} as const
export const manyProfiles = {
  kind: "array",
  parameter: { brief: "the profiles", parse: String, placeholder: "profile", ...proposing("profile") },
} as const
export const none = { kind: "tuple", parameters: [] } as const
export const lease = { brief: "the lease", parse: String, placeholder: "name", ...proposing("lease") } as const

export const json = { kind: "boolean", brief: "print JSON", withNegated: false, default: false } as const
export const flag = (brief: string) => ({ kind: "boolean", brief, withNegated: false, default: false }) as const
export const value = (brief: string, placeholder: string) =>
  ({ kind: "parsed", brief, parse: String, optional: true, placeholder, ...proposing(placeholder) }) as const

/** What a lease may be narrowed by. */
export const scope = {
  "read-only": flag("looking at things only: no changes, no secrets (docs/leases.md has the policy)"),
  policy: value("a file with an IAM policy: what the lease may do of all that the profile may", "file"),
  "policy-arn": {
    kind: "parsed",
    brief: "a managed policy to narrow a role by (again for more)",
    parse: String,
    variadic: true,
    optional: true,
    placeholder: "arn",
  },
} as const
