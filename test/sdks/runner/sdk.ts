/** What is written down of an SDK: how it comes onto this machine, and where it differs from one that does everything. */

/** What every SDK is put through, in this order: the column of the table, and what it means. */
export const cells = {
  variable: ["variable", "the token in a variable: `credd env`"],
  file: ["file", "the token in a file: `credd env --token-file`"],
  strayProfile: ["stray", "`AWS_PROFILE` and access keys are in the shell before `credd env`"],
  names: ["names", "profiles whose names have spaces, `/`, `.`, `+`, `%` and `ö`"],
  processes: [
    "at once",
    "50 processes at the same time (20 of aiobotocore and 10 on a JVM, which need seconds to start; 10 of the early JavaScript v3)",
  ],
  ecs: ["EcsContainer", "a profile with `credential_source = EcsContainer`, on top of what `credd env` prints"],
  process: ["process", "a profile with `credential_process = credd process …`, and no variables of `credd env`"],
  proxy: ["proxy", "`http_proxy` and its like are set before `credd env`: nothing of the token reaches the proxy"],
  bareProxy: ["less NO_PROXY", "the same without the `NO_PROXY` that `credd env` adds: what it is there for"],
  renewal: ["renewal", "one process for more than an hour: its credentials end, and its calls go on with new ones"],
  restart: ["restart", "the daemon is restarted under it, and the process goes on"],
  expiry: ["end", "the session is over: the process fails, with the text below"],
  recovery: ["login", "`credd login` in another terminal: the same process goes on"],
  imds: ["IMDS", "instance metadata: `credd imds enable`, `credd env --imds`"],
  imdsNames: ["IMDS names", "the same for a profile called `team a/dev.eu+1 50% schön`"],
  imdsProxy: ["IMDS proxy", "the same with `AWS_PROFILE`, access keys, `http_proxy` and its like before `credd env`"],
  imdsProcesses: ["IMDS at once", "10 processes at the same time"],
  imdsRenewal: ["IMDS renewal", "one process for more than an hour, from instance metadata"],
  imdsRestart: ["IMDS restart", "the daemon is restarted, and the process comes with the token of the one before"],
  imdsEnd: ["IMDS end", "the session is over, and one process had its credentials from instance metadata"],
  imdsRecovery: ["IMDS login", "`credd login` in another terminal: within half an hour the same process goes on"],
} as const satisfies Readonly<Record<string, readonly [column: string, meaning: string]>>

export type Cell = keyof typeof cells

/** What takes hours, for which a clock must be moved. */
export const afterHours: readonly Cell[] = ["imdsRenewal", "imdsRestart", "imdsEnd", "imdsRecovery"]

/** What a caller comes to: the answer of AWS, or the text that the person sees. */
export type Outcome = "served" | { readonly refused: string } | { readonly other: string }

/** Where a cell says nothing about an SDK, and why. */
export interface NotApplicable {
  readonly notApplicable: string
}

export function isNotApplicable(expected: Outcome | NotApplicable): expected is NotApplicable {
  return typeof expected === "object" && "notApplicable" in expected
}

export interface Sdk {
  /** As in the table. */
  readonly name: string
  readonly program: Program
  /** What it calls: GetCallerIdentity, or a list of buckets where it speaks nothing but S3. */
  readonly speaks?: "s3"
  /**
   * `own`: the machine's clock cannot be moved under it (libfaketime works inside libc). It gets credentials that end in
   * a moment instead, from an AWS whose clock is nearly 15 minutes behind.
   */
  readonly clock?: "own"
  /** `file`: it reads no token from a variable, so all but that one cell use `credd env --token-file`. */
  readonly tokens?: "file"
  /** How many processes at once; 50 unless each takes seconds to start, or gives up after the first. */
  readonly processes?: number
  /** Where it is not simply served. */
  readonly cells?: { readonly [Name in Cell]?: Outcome | NotApplicable }
  /** What a person sees when the session is over: every word of it. */
  readonly expiry?: string
  /** The oldest version that reads a token file, by AWS's list for EKS Pod Identity or by our own look. */
  readonly since?: string
  readonly limits?: readonly string[]
}

export interface Program {
  /** Why it cannot be had on this machine, if so. */
  missing(): string | undefined
  /** Builds or installs it, once for all runs. */
  prepare(): Promise<Prepared>
}

export interface Prepared {
  readonly version: string
  readonly start: Start
}

/** A program of the SDK's in an environment; the environment is what a shell has after `eval "$(credd env …)"`. */
export type Start = (shell: Shell) => Running

export interface Shell {
  readonly env: Readonly<Record<string, string>>
  /** Shell lines to evaluate first. */
  readonly lines: string
  readonly s3Url: string
  readonly stsUrl: string
}

export interface Running {
  call(): Promise<Answer>
  close(): Promise<void>
}

export type Answer = { readonly arn: string } | { readonly error: string }
