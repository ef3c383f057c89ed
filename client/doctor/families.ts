/**
 * How each family of AWS SDKs looks for credentials: the order, and where they differ. Data only, so that one line
 * changes when an SDK does. `test/e2e/doctor-sdks.test.ts` holds the first rows against the real SDKs.
 */

/** What a profile may hold that gives credentials. `keys-…`: an access key in that file. */
export type ProfileHolds = "role" | "web-identity" | "sso" | "keys-credentials" | "keys-config" | "login" | "process"

/** A place where an SDK looks. */
export type Step =
  | "java-properties"
  | "environment"
  | "web-identity"
  /** The profile, as far as it is a role. */
  | "profile-role"
  | "profile"
  | "credential-file"
  | "boto-files"
  | "container"
  | "instance"

export interface Family {
  readonly id: string
  readonly name: string
  readonly chain: readonly Step[]
  /** What counts first in a profile that holds several. Empty: the family reads no profiles. */
  readonly profile: readonly ProfileHolds[]
  /** Which variables name the profile; the first that is set counts. */
  readonly profileVariables: readonly string[]
  /** `AWS_PROFILE=` names a profile, one that is not there. */
  readonly emptyProfileCounts?: boolean
  /** A profile that is named and not there: an error, or as if none were named. */
  readonly missingProfile: "fails" | "ignored"
  /** Keys in the environment count only where no profile is named. */
  readonly profileHidesEnvironment?: boolean
  /** AWS_ACCESS_KEY_ID without its secret: an error, or as if it were not there. */
  readonly halfKey: "fails" | "ignored"
  /** The same in a profile; `refused`: an error at once, before anything else is looked at. */
  readonly halfProfileKey: "refused" | "fails" | "ignored"
  /** Of the two container URIs. */
  readonly uriFirst: "relative" | "full"
  /** `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=` counts as set. */
  readonly emptyRelativeCounts?: boolean
  /** Of the two token variables; `file-only`: the other is never read. */
  readonly tokenFirst: "file" | "variable" | "file-only"
  /** `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=` counts as set. */
  readonly emptyTokenFileCounts?: boolean
  /** A line break at the end of the token file is taken off. */
  readonly trimsToken?: boolean
  /** Requests to 127.0.0.1 go through http_proxy, token and all, unless NO_PROXY says otherwise. */
  readonly usesProxy?: boolean
}

const common = {
  profile: ["keys-credentials", "keys-config", "role", "web-identity", "sso", "login", "process"],
  profileVariables: ["AWS_PROFILE"],
  missingProfile: "ignored",
  halfKey: "ignored",
  halfProfileKey: "ignored",
  uriFirst: "relative",
  tokenFirst: "file",
} as const satisfies Partial<Family>

const environmentFirst = ["environment", "web-identity", "profile", "container", "instance"] as const
const profileBeforeWebIdentity = ["environment", "profile", "web-identity", "container", "instance"] as const

export const families: readonly Family[] = [
  {
    ...common,
    id: "botocore",
    name: "AWS CLI, boto3",
    chain: [
      "environment",
      "profile-role",
      "web-identity",
      "profile",
      "credential-file",
      "boto-files",
      "container",
      "instance",
    ],
    profile: ["role", "web-identity", "sso", "keys-credentials", "login", "process", "keys-config"],
    profileVariables: ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"],
    missingProfile: "fails",
    emptyProfileCounts: true,
    halfKey: "fails",
    halfProfileKey: "fails",
    emptyRelativeCounts: true,
    emptyTokenFileCounts: true,
  },
  {
    ...common,
    id: "js-v3",
    name: "JavaScript v3",
    chain: profileBeforeWebIdentity,
    profile: ["role", "keys-credentials", "keys-config", "web-identity", "process", "sso", "login"],
    profileHidesEnvironment: true,
  },
  {
    ...common,
    id: "go-v2",
    name: "Go v2, Terraform, rclone",
    chain: environmentFirst,
    profile: ["role", "keys-credentials", "keys-config", "web-identity", "sso", "login", "process"],
    profileVariables: ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"],
    missingProfile: "fails",
    halfProfileKey: "refused",
  },
  {
    ...common,
    id: "java-v2",
    name: "Java v2",
    chain: ["java-properties", ...environmentFirst],
    profile: ["web-identity", "role", "sso", "login", "process", "keys-credentials", "keys-config"],
    tokenFirst: "variable",
  },
  {
    ...common,
    id: "rust",
    name: "Rust",
    chain: profileBeforeWebIdentity,
    profile: ["role", "web-identity", "sso", "login", "process", "keys-credentials", "keys-config"],
    emptyRelativeCounts: true,
    usesProxy: true,
  },
  {
    ...common,
    id: "cpp",
    name: "C++ (pyarrow, DuckDB)",
    chain: profileBeforeWebIdentity,
    profileVariables: ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"],
    trimsToken: true,
  },
  { ...common, id: "dotnet", name: ".NET, PowerShell", chain: environmentFirst, missingProfile: "fails" },
  { ...common, id: "php", name: "PHP", chain: environmentFirst },
  {
    ...common,
    id: "ruby",
    name: "Ruby",
    chain: environmentFirst,
    emptyTokenFileCounts: true,
    trimsToken: true,
  },
  { ...common, id: "kotlin", name: "Kotlin", chain: ["java-properties", ...environmentFirst] },
  { ...common, id: "swift", name: "Swift", chain: environmentFirst, trimsToken: true },
  {
    ...common,
    id: "crt",
    name: "CRT",
    chain: profileBeforeWebIdentity,
    profile: ["role", "keys-credentials", "keys-config"],
  },
  {
    ...common,
    id: "object-store",
    name: "object_store (polars, delta-rs)",
    chain: ["environment", "web-identity", "container", "instance"],
    profile: [],
    profileVariables: [],
    emptyRelativeCounts: true,
    tokenFirst: "file-only",
    usesProxy: true,
  },
  {
    ...common,
    id: "minio-go",
    name: "minio-go",
    chain: ["web-identity", "container", "instance"],
    profile: [],
    profileVariables: [],
  },
  { ...common, id: "js-v2", name: "JavaScript v2", chain: profileBeforeWebIdentity, tokenFirst: "variable" },
  { ...common, id: "go-v1", name: "Go v1", chain: environmentFirst, uriFirst: "full" },
  {
    ...common,
    id: "java-v1",
    name: "Java v1",
    chain: ["environment", "java-properties", "web-identity", "profile", "container", "instance"],
    tokenFirst: "variable",
  },
]

/**
 * The first release of each SDK that knows AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (AWS's page on EKS Pod Identity,
 * "minimum SDK versions"). Older ones take the token from the variable only.
 */
export const tokenFileSince = {
  "aws-cli/2": "2.15.0",
  "aws-cli/1": "1.30.0",
  botocore: "1.34.41",
  "js-v3": "3.458.0",
  "js-v2": "2.1550.0",
} as const
