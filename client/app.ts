/** The route map: every command, its words and its flags. The commands themselves are loaded when they run. */
import {
  buildApplication,
  buildCommand,
  buildRouteMap,
  run,
  text_en,
  type Application,
  type Command as StricliCommand,
  type TypedCommandParameters,
} from "@stricli/core"
import { version } from "../daemon/version.ts"
import type { Context } from "./context.ts"
import { Failure } from "./failure.ts"
import { errorWithHint, exitStatusOf } from "./output.ts"

type Flags = Readonly<Record<string, unknown>>
type Names = readonly (string | undefined)[]

/** A command: what it was given, in; its exit status, out. */
export type Command<F extends Flags = Record<string, never>, A extends Names = []> = (
  context: Context,
  flags: F,
  ...names: A
) => Promise<number>

interface Entry<F extends Flags, A extends Names> {
  readonly brief: string
  /** Argument lines that show how it is used. */
  readonly examples?: readonly string[]
  readonly parameters: TypedCommandParameters<F, A, Context>
  readonly load: () => Promise<Command<F, A>>
}

/** Runs a command and turns what it throws into words and an exit status, here and nowhere else. */
function command<F extends Flags, A extends Names>({
  brief,
  examples = [],
  parameters,
  load,
}: Entry<F, A>): StricliCommand<Context> {
  return buildCommand<F, A, Context>({
    docs: { brief, ...(examples.length === 0 ? {} : { customUsage: [...examples] }) },
    parameters,
    loader: async () => {
      const execute = await load()
      return async function (this: Context, flags: F, ...names: A): Promise<void> {
        this.process.exitCode = await guarded(this, () => execute(this, flags, ...names))
      }
    },
  })
}

const optionalProfile = {
  kind: "tuple",
  parameters: [
    {
      brief: "the profile; else AWS_PROFILE, default_profile, or the only one",
      parse: String,
      placeholder: "profile",
      optional: true,
    },
  ],
} as const
const oneProfile = {
  kind: "tuple",
  parameters: [{ brief: "the profile", parse: String, placeholder: "profile" }],
} as const
const manyProfiles = {
  kind: "array",
  parameter: { brief: "the profiles", parse: String, placeholder: "profile" },
} as const
const none = { kind: "tuple", parameters: [] } as const

const json = { kind: "boolean", brief: "print JSON", withNegated: false, default: false } as const
const flag = (brief: string) => ({ kind: "boolean", brief, withNegated: false, default: false }) as const
const value = (brief: string, placeholder: string) =>
  ({ kind: "parsed", brief, parse: String, optional: true, placeholder }) as const

async function guarded({ process: { stderr }, env }: Context, execute: () => Promise<number>): Promise<number> {
  try {
    return await execute()
  } catch (error) {
    // By shape as well: `credd daemon` and `credd config` run the daemon's code, whose errors are its own.
    if (error instanceof Failure || isCoded(error)) {
      errorWithHint(stderr, error.message, error.hint)
      return exitStatusOf(error.code)
    }
    errorWithHint(stderr, "credd met an error of its own", "run it again with CREDD_DEBUG=1, and report what it prints")
    if (env["CREDD_DEBUG"]) stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return 1
  }
}

function isCoded(error: unknown): error is Failure {
  return error instanceof Error && error.name === "CreddError"
}

const routes = buildRouteMap({
  routes: {
    add: command({
      brief: "keep an access key in the keychain, proven with AWS first",
      examples: ["acme", "acme --mfa-serial arn:aws:iam::123456789012:mfa/alice", "acme --csv accessKeys.csv"],
      parameters: {
        positional: oneProfile,
        flags: {
          csv: value("the file that the console lets you download", "file"),
          "mfa-serial": value("the MFA device, where the AWS config does not name it", "arn"),
        },
      },
      load: async () => (await import("./commands/add.ts")).add,
    }),
    config: command({
      brief: "print every setting and where it came from",
      parameters: { positional: none, flags: { json } },
      load: async () => (await import("./commands/config.ts")).config,
    }),
    daemon: command({
      brief: "run the daemon in the foreground",
      parameters: { positional: none, flags: {} },
      load: async () => (await import("./commands/daemon.ts")).daemon,
    }),
    env: command({
      brief: "print shell lines that make AWS SDKs ask credd",
      examples: ["dev", "dev --token-file", "--unset"],
      parameters: {
        positional: optionalProfile,
        flags: {
          inline: flag("put the token in the variable (the default)"),
          "token-file": flag("name the file that holds the token"),
          shell: value("sh, fish, powershell, nu or json", "shell"),
          unset: flag("print lines that take the variables away"),
        },
      },
      load: async () => (await import("./commands/env.ts")).env,
    }),
    import: command({
      brief: "move access keys from ~/.aws/credentials into the keychain",
      examples: ["", "acme --keep"],
      parameters: { positional: manyProfiles, flags: { keep: flag("leave the keys in the file, too") } },
      load: async () => (await import("./commands/import.ts")).importKeys,
    }),
    lock: command({
      brief: "forget every session at once, and end every token",
      parameters: { positional: none, flags: {} },
      load: async () => (await import("./commands/logout.ts")).lock,
    }),
    login: command({
      brief: "start an MFA session",
      examples: ["", "acme --duration 36h", "acme --mfa-code 123456"],
      parameters: {
        positional: optionalProfile,
        flags: {
          "mfa-code": value("the code, instead of a prompt", "code"),
          duration: value("15m to 36h (12h)", "time"),
        },
      },
      load: async () => (await import("./commands/login.ts")).login,
    }),
    logout: command({
      brief: "forget a session and everything made from it",
      parameters: { positional: manyProfiles, flags: { all: flag("every session") } },
      load: async () => (await import("./commands/logout.ts")).logout,
    }),
    refresh: command({
      brief: "renew a profile's credentials now",
      parameters: { positional: optionalProfile, flags: {} },
      load: async () => (await import("./commands/refresh.ts")).refresh,
    }),
    remove: command({
      brief: "forget an access key",
      parameters: { positional: oneProfile, flags: { yes: flag("do not ask") } },
      load: async () => (await import("./commands/remove.ts")).remove,
    }),
    status: command({
      brief: "show the daemon, the sessions and the profiles",
      parameters: { positional: none, flags: { json, short: flag("one line, for a shell prompt") } },
      load: async () => (await import("./commands/status.ts")).status,
    }),
    unlock: command({
      brief: "give the file store its passphrase",
      parameters: { positional: none, flags: {} },
      load: async () => (await import("./commands/unlock.ts")).unlock,
    }),
    whoami: command({
      brief: "ask AWS who a profile's credentials are",
      parameters: { positional: optionalProfile, flags: { json } },
      load: async () => (await import("./commands/whoami.ts")).whoami,
    }),
  },
  docs: { brief: "log in with MFA once a day; every AWS SDK on this machine is served" },
})

const wrong = (text: string): string =>
  `credd: error: ${text.charAt(0).toLowerCase()}${text.slice(1)}\ncredd: hint: run: credd --help`

/** stricli puts each proposal between backticks. */
function didYouMean(correction: string | undefined): string {
  return correction === undefined ? "" : `; did you mean "${correction.replaceAll("`", "")}"?`
}

function application(): Application<Context> {
  return buildApplication(routes, {
    name: "credd",
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: "original" },
    documentation: { disableAnsiColor: true },
    localization: {
      loadText: () => ({
        ...text_en,
        noCommandRegisteredForInput: ({ input, corrections }) =>
          wrong(`there is no command "${input}"${didYouMean(corrections[0])}`),
        exceptionWhileParsingArguments: (error, color) => wrong(text_en.exceptionWhileParsingArguments(error, color)),
      }),
    },
  })
}

/** Runs one command line and leaves its exit status in `context.process.exitCode`. */
export async function runApp(args: readonly string[], context: Context): Promise<void> {
  // `credd help env` as `credd env --help`; a bare `credd` shows what there is.
  const [first, ...rest] = args
  const line = first === undefined ? ["--help"] : first === "help" ? [...rest, "--help"] : args
  await run(application(), line, context)
  const status = context.process.exitCode
  // stricli reports wrong usage with codes of its own, all below zero (above 200 once the process has wrapped them).
  if (typeof status === "number" && status < 0) context.process.exitCode = 2
}
