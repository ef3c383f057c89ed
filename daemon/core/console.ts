/** Signs a person in to the AWS console: a role profile as its role, a user profile as a federated user. */
import type { Credentials, KeptAccessKey, Provider } from "./credentials.ts"
import {
  consoleDestinationWrong,
  consoleDurationNotTaken,
  consoleNotInPartition,
  consolePolicyNeeded,
  consolePolicyNotTaken,
  durationOutOfRange,
} from "./errors.ts"
import type { FederationRequest, SignIn, Sts } from "./ports.ts"
import type { RoleProfile, ServableProfile } from "./profiles.ts"

/** Who AWS is told sent the person; it shows nothing of it but the name. */
const issuer = "credd"
const federationSeconds = { least: 900, most: 129_600, usual: 43_200 }

export interface ConsoleRequest {
  readonly service?: string
  readonly path?: string
  readonly region?: string
  readonly policy?: string
  readonly durationSeconds?: number
}

export interface ConsoleOptions {
  readonly sts: Sts
  readonly signIn: SignIn
  /** Whole, fresh credentials of a role. */
  readonly fresh: (profile: RoleProfile) => Promise<Credentials>
  readonly accessKeyOf: (sourceProfile: string) => Promise<KeptAccessKey>
  /** `AWS_ENDPOINT_URL_SIGNIN`: in the place of the partition's own. */
  readonly endpoint?: string | undefined
}

export interface ConsoleUrl {
  readonly url: string
  readonly expiration: number
}

interface Partition {
  readonly signIn: (region: string) => string
  readonly console: string
}

const partitions: Readonly<Record<string, Partition>> = {
  aws: { signIn: () => "signin.aws.amazon.com", console: "console.aws.amazon.com" },
  "aws-cn": { signIn: () => "signin.amazonaws.cn", console: "console.amazonaws.cn" },
  "aws-us-gov": { signIn: () => "signin.amazonaws-us-gov.com", console: "console.amazonaws-us-gov.com" },
  "aws-eusc": { signIn: (region) => `${region}.signin.amazonaws-eusc.eu`, console: "console.amazonaws-eusc.eu" },
  "aws-iso": { signIn: () => "signin.c2shome.ic.gov", console: "console.c2shome.ic.gov" },
  "aws-iso-b": { signIn: () => "signin.sc2shome.sgov.gov", console: "console.sc2shome.sgov.gov" },
}

export async function consoleUrl(
  profile: ServableProfile,
  request: ConsoleRequest,
  options: ConsoleOptions,
): Promise<ConsoleUrl> {
  checkAsked(profile, request)
  const region = request.region ?? profile.region ?? profile.target.region
  if (!/^[a-z0-9-]{1,32}$/.test(region)) throw consoleDestinationWrong(`"${region}" is no region`)
  const { arn, credentials: provide } = await signedInAs(profile, request, options)
  const partition = partitions[partitionOf(arn)]
  if (partition === undefined) throw consoleNotInPartition(partitionOf(arn))
  const destination = page(partition.console, region, request)
  const credentials = await provide()

  const endpoint = new URL(options.endpoint ?? `https://${partition.signIn(region)}`)
  if (endpoint.pathname === "/") endpoint.pathname = "/federation"
  const token = await options.signIn.signinToken(credentials, endpoint.href)
  const query = { Action: "login", Issuer: issuer, Destination: destination, SigninToken: token.reveal() }
  return { url: `${endpoint.href}?${new URLSearchParams(query).toString()}`, expiration: credentials.expiration }
}

/** What can be said before anything is asked of AWS. */
function checkAsked({ kind, name }: ServableProfile, { policy, durationSeconds: seconds }: ConsoleRequest): void {
  if (kind === "role") {
    if (policy !== undefined) throw consolePolicyNotTaken(name)
    if (seconds !== undefined) throw consoleDurationNotTaken(name)
    return
  }
  // A federated user without a policy may do nothing at all.
  if (!policy) throw consolePolicyNeeded(name)
  const isInRange = seconds === undefined || (seconds >= federationSeconds.least && seconds <= federationSeconds.most)
  if (!isInRange) throw durationOutOfRange()
}

/** Whose console it is, and what shows it. */
async function signedInAs(
  profile: ServableProfile,
  request: ConsoleRequest,
  { sts, fresh, accessKeyOf }: ConsoleOptions,
): Promise<{ readonly arn: string; readonly credentials: Provider<Credentials> }> {
  if (profile.kind === "role") return { arn: profile.request.roleArn, credentials: () => fresh(profile) }
  const key = await accessKeyOf(profile.sourceProfile)
  return {
    arn: key.arn,
    credentials: () => sts.getFederationToken(key, federation(key.arn, request), profile.target),
  }
}

function federation(arn: string, { policy = "", durationSeconds }: ConsoleRequest): FederationRequest {
  const userName = arn.split("/").at(-1) ?? ""
  return {
    name: userName.slice(0, 32).padEnd(2, "-"),
    policyArn: policy.startsWith("arn:") ? policy : `arn:${partitionOf(arn)}:iam::aws:policy/${policy}`,
    durationSeconds: durationSeconds ?? federationSeconds.usual,
  }
}

/** A page of this console and of no other host, whatever the path tries. */
function page(host: string, region: string, { service, path }: ConsoleRequest): string {
  if (service !== undefined && path !== undefined) throw consoleDestinationWrong("name a service or a path, not both")
  if (service !== undefined && !/^[a-z0-9-]{1,64}$/.test(service)) {
    throw consoleDestinationWrong(`"${service}" is no service`)
  }
  if (path !== undefined && !path.startsWith("/")) throw consoleDestinationWrong("a path begins with /")
  const base = `https://${host}`
  const asked = path ?? (service === undefined ? "/console/home" : `/${service}/home`)
  const url = URL.canParse(asked, base) ? new URL(asked, base) : undefined
  if (url?.origin !== base) throw consoleDestinationWrong("the path leads away from it")
  if (!url.searchParams.has("region")) url.searchParams.set("region", region)
  return url.href
}

function partitionOf(arn: string): string {
  return arn.split(":")[1] ?? ""
}
