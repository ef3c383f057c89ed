/** Variables that are set in a way that is not yet, or not for every SDK, an error. */
import { evaluation } from "../../environment.ts"
import type { Check } from "../finding.ts"
import { servedBy } from "../winner.ts"
import { profileOf } from "./shadows.ts"

const token = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

/** A shell in which nobody has said `credd env`. */
export const notAsked: Check = ({ shell, verdicts, context }) => {
  const isAsked = verdicts.some(({ winner }) => winner.kind === "credd" || winner.kind === "error")
  if (isAsked || servedBy(shell.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "", shell) !== undefined) return []
  return [
    {
      id: "not-asked",
      level: "problem",
      what: "this shell does not ask credd",
      why: "SDKs find credd by two variables that are not set here",
      fix: evaluation(profileOf(shell), context.env),
    },
  ]
}

export const bothTokens: Check = ({ shell }) => {
  const { [token]: inline, [`${token}_FILE`]: file } = shell.env
  if (inline === undefined || file === undefined) return []
  const differs = shell.token?.state === "good" && shell.token.text !== inline
  return [
    {
      id: "both-tokens",
      level: differs ? "problem" : "warning",
      what: differs ? "the two token variables hold different tokens" : "both token variables are set",
      why: differs
        ? "Java and JavaScript v2 take the variable, all others the file: one of the two is refused"
        : "every JavaScript v3 process prints two lines about it",
      fix: `unset ${token}`,
    },
  ]
}

/** SDKs take `true` alike; what else switches metadata off differs. */
export const metadataSpelling: Check = ({ shell: { env } }) => {
  const value = env["AWS_EC2_METADATA_DISABLED"]
  if (value === undefined || value === "true") return []
  return [
    {
      id: "metadata-spelling",
      level: "warning",
      what: `AWS_EC2_METADATA_DISABLED is "${value}"`,
      why: "only the value true means the same to every SDK",
      fix: "export AWS_EC2_METADATA_DISABLED=true",
    },
  ]
}

/** botocore and its like read one region variable, the JavaScript and Java SDKs the other. */
export const regions: Check = ({ shell: { env } }) => {
  const { AWS_REGION: one, AWS_DEFAULT_REGION: other } = env
  if (one === other || (!one && !other)) return []
  return [
    {
      id: "regions-differ",
      level: one && other ? "warning" : "note",
      what: `AWS_REGION is ${one ? `"${one}"` : "not set"}, AWS_DEFAULT_REGION ${other ? `"${other}"` : "is not set"}`,
      why: "the AWS CLI v1 and boto3 read only the second, JavaScript and Java only the first",
      fix: one ? `export AWS_DEFAULT_REGION=${one}` : `export AWS_REGION=${other}`,
    },
  ]
}
