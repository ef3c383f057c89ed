/** Where a profile's calls to STS and IAM go: region, partition, endpoint, FIPS; as the SDKs decide it. */
import type { IamTarget, StsTarget } from "./ports.ts"

type Keys = Readonly<Record<string, string>>

/** What holds for every profile: the daemon's own environment. */
export interface TargetDefaults {
  /** `AWS_REGION`, else `AWS_DEFAULT_REGION`: for profiles that name none. */
  readonly region?: string | undefined
  /** `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`. Wins over the config file, as in the SDKs. */
  readonly endpoint?: string | undefined
  /** `AWS_ENDPOINT_URL_IAM`, else `AWS_ENDPOINT_URL`. */
  readonly iamEndpoint?: string | undefined
  /** `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`. */
  readonly ignoreEndpoints?: string | undefined
  /** `AWS_STS_REGIONAL_ENDPOINTS`: `regional` (the default) or `legacy`. */
  readonly regionalEndpoints?: string | undefined
  /** `AWS_USE_FIPS_ENDPOINT`. */
  readonly fips?: string | undefined
  /** `AWS_USE_DUALSTACK_ENDPOINT`. */
  readonly dualstack?: string | undefined
}

export interface TargetQuestion {
  readonly keys: Keys
  /** The `[services …]` section that the profile names; its keys read `sts.endpoint_url`. */
  readonly services: ReadonlyMap<string, Keys>
  readonly defaults: TargetDefaults
  /** The region of the profile below, for a role that names none. */
  readonly regionBelow?: string | undefined
}

/** The region that answers for a partition when nobody names one, and how the names of its regions begin. */
const partitions: Readonly<Record<string, { readonly region: string; readonly prefix: string }>> = {
  "aws-cn": { region: "cn-north-1", prefix: "cn-" },
  "aws-us-gov": { region: "us-gov-west-1", prefix: "us-gov-" },
  "aws-iso": { region: "us-iso-east-1", prefix: "us-iso-" },
  "aws-iso-b": { region: "us-isob-east-1", prefix: "us-isob-" },
  "aws-iso-e": { region: "eu-isoe-west-1", prefix: "eu-isoe-" },
  "aws-iso-f": { region: "us-isof-south-1", prefix: "us-isof-" },
  "aws-eusc": { region: "eusc-de-east-1", prefix: "eusc-" },
}
const commercial = { name: "aws", region: "us-east-1" }

/** The target, or why there is none. */
export function stsTarget(question: TargetQuestion): StsTarget | { readonly problem: string } {
  const { keys, defaults } = question
  const mode = defaults.regionalEndpoints ?? keys["sts_regional_endpoints"] ?? "regional"
  if (!["regional", "legacy"].includes(mode)) {
    return { problem: `its sts_regional_endpoints "${mode}" is neither regional nor legacy` }
  }
  const target = targetOf(question, "sts", defaults.endpoint)
  return "problem" in target || mode !== "legacy" ? target : { ...target, isGlobal: true }
}

/** The same for IAM, which has one endpoint for each partition. */
export function iamTarget(question: TargetQuestion): IamTarget | { readonly problem: string } {
  return targetOf(question, "iam", question.defaults.iamEndpoint)
}

function targetOf(
  question: TargetQuestion,
  service: "sts" | "iam",
  fromEnvironment: string | undefined,
): IamTarget | { readonly problem: string } {
  const { keys, defaults } = question
  const endpoint = endpointOf(question, service, fromEnvironment)
  if (typeof endpoint === "object") return endpoint
  return {
    region: regionOf(question),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(isTrue(defaults.fips ?? keys["use_fips_endpoint"]) ? { fips: true } : {}),
    ...(isTrue(defaults.dualstack ?? keys["use_dualstack_endpoint"]) ? { dualstack: true } : {}),
  }
}

/** A region that is not named is looked for where it would work: in the partition of the role or the MFA device. */
function regionOf({ keys, defaults, regionBelow }: TargetQuestion): string {
  if (keys["region"] !== undefined) return keys["region"]
  const partition = (keys["role_arn"] ?? keys["mfa_serial"])?.split(":")[1]
  const guesses = [regionBelow, defaults.region]
  return (
    guesses.find((guess) => guess !== undefined && (partition === undefined || partitionOf(guess) === partition)) ??
    partitions[partition ?? ""]?.region ??
    commercial.region
  )
}

function partitionOf(region: string): string {
  return Object.entries(partitions).find(([, { prefix }]) => region.startsWith(prefix))?.[0] ?? commercial.name
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
function endpointOf(
  { keys, services, defaults }: TargetQuestion,
  service: "sts" | "iam",
  fromEnvironment: string | undefined,
): string | undefined | { readonly problem: string } {
  if (isTrue(defaults.ignoreEndpoints ?? keys["ignore_configured_endpoint_urls"])) return undefined
  if (fromEnvironment !== undefined) return fromEnvironment
  const name = keys["services"]
  if (name === undefined) return keys["endpoint_url"]
  const section = services.get(name)
  if (section === undefined) return { problem: `its services section "${name}" is not in the AWS config file` }
  return section[`${service}.endpoint_url`] || keys["endpoint_url"]
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === "true"
}
