/** One visit: everything is read once, each family's chain is walked, and every check looks at the same facts. */
import type { KeptKeyStatus, Status } from "../../daemon/api.ts"
import { readSettings } from "../../daemon/settings.ts"
import type { Context } from "../context.ts"
import { Failure } from "../failure.ts"
import * as daemon from "./checks/daemon.ts"
import * as environment from "./checks/environment.ts"
import * as files from "./checks/files.ts"
import { shadows } from "./checks/shadows.ts"
import * as token from "./checks/token.ts"
import { oldSdks } from "./checks/versions.ts"
import { families } from "./families.ts"
import type { Check, Finding, Visit } from "./finding.ts"
import { sorted } from "./report.ts"
import { readShell } from "./shell.ts"
import { winnerOf } from "./winner.ts"

/** In the order in which they are shown, within a level. */
const checks: readonly Check[] = [
  shadows,
  environment.notAsked,
  daemon.running,
  token.answer,
  environment.bothTokens,
  files.readable,
  daemon.store,
  daemon.clock,
  token.tokenFile,
  daemon.otherVersion,
  environment.metadataSpelling,
  environment.regions,
  files.plainKeys,
  files.modes,
  daemon.keyAge,
  oldSdks,
  daemon.service,
]

export async function examine(
  context: Context,
  isIdentified: boolean,
): Promise<{ readonly visit: Visit; readonly findings: readonly Finding[] }> {
  const machine = await context.machine()
  const shell = await readShell(context, machine)
  const visit: Visit = {
    context,
    machine,
    shell,
    isIdentified,
    verdicts: families.map((family) => ({ family, winner: winnerOf(family, shell) })),
    ...(await portOf(context)),
    ...(await daemonOf(context)),
  }
  const found = await Promise.all(checks.map(async (check) => await check(visit)))
  return { visit, findings: sorted([...visit.settingsProblem, ...found.flat()]) }
}

/** A wrong setting keeps the daemon from starting. */
async function portOf({ env }: Context): Promise<Pick<Visit, "port" | "settingsProblem">> {
  try {
    return { port: (await readSettings(env)).port, settingsProblem: [] }
  } catch (error) {
    const what = error instanceof Error ? error.message : "the settings cannot be read"
    const why = "the daemon does not start with a wrong setting"
    return { port: 0, settingsProblem: [{ id: "settings", level: "problem", what, why, fix: "credd config" }] }
  }
}

async function daemonOf(context: Context): Promise<Pick<Visit, "status" | "daemonFailure" | "keys">> {
  let status: Status
  try {
    status = await context.daemon("GET /status", {})
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { status: undefined, daemonFailure: error, keys: [] }
  }
  return { status, daemonFailure: undefined, keys: await keysOf(context) }
}

/** A locked store, or a daemon that is too old to tell, has its own finding. */
async function keysOf(context: Context): Promise<readonly KeptKeyStatus[]> {
  try {
    return (await context.daemon("GET /access-keys", {})).keys
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return []
  }
}
