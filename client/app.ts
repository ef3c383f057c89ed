/** Runs a command line: finds its command in the route map, and leaves its exit status. */
import { buildApplication, ExitCode, run, text_en, type Application } from "@stricli/core"
import { version } from "../daemon/version.ts"
import type { Context } from "./context.ts"
import { routes } from "./routes.ts"

const wrong = (text: string): string =>
  `credd: error: ${text.charAt(0).toLowerCase()}${text.slice(1)}\ncredd: hint: run: credd --help`

/** stricli puts each proposal between backticks. */
function didYouMean(correction: string | undefined): string {
  return correction === undefined ? "" : `; did you mean "${correction.replaceAll("`", "")}"?`
}

export function application(): Application<Context> {
  return buildApplication(routes, {
    name: "credd",
    versionInfo: {
      // stricli compares nothing with it: the commit may stand beside the version.
      getCurrentVersion: async () => {
        const { commit } = await import("../daemon/commit.ts")
        const built = commit()
        return built === undefined ? version : `${version} (${built})`
      },
    },
    scanner: { caseStyle: "original", allowArgumentEscapeSequence: true },
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
  // stricli has codes of its own, all below zero; two of them are wrong usage.
  if (typeof status === "number" && status < 0) {
    const isUsage = status === ExitCode.UnknownCommand || status === ExitCode.InvalidArgument
    context.process.exitCode = isUsage ? 2 : 1
  }
}
