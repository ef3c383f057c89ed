/** The life of the daemon's process: signals, a start or a plain refusal, and an end with grace. */
import type { Server } from "node:http"
import { inheritedSockets, type Inherited } from "./adapters/inherited.ts"
import type { Helper } from "./adapters/keychain-process.ts"
import { openLog, type DaemonLog } from "./adapters/log.ts"
import type { OwnModules } from "./adapters/own-modules.ts"
import { CreddError } from "./core/errors.ts"
import { controlEntrance, credentialsEntrance } from "./entrance.ts"
import { refusingControl, refusingCredentials } from "./refusing.ts"
import { readSettings } from "./settings.ts"
import { closeServer } from "./close-server.ts"
import { start, type Started } from "./start.ts"

type Env = Readonly<Record<string, string | undefined>>

/** Between two starts in vain: a service manager would not wait, and a wrong setting is mended by a person. */
const refusingMs = 10_000
/** The same after a defect of ours, which may be gone at the next try. */
const defectMs = 1_000

export interface LifeOptions {
  readonly isSupervised: boolean
  readonly env: Env
  /** The keychain's helper, where there may be something to ask it. */
  readonly helper: Helper | undefined
  /** The daemon's own. */
  readonly modules: OwnModules
}

/** Until a signal ends it; answers with the exit status. Throws a CreddError when it cannot start. */
export async function live({ isSupervised, env, helper, modules }: LifeOptions): Promise<number> {
  // A diagnostic report holds the whole environment.
  Object.assign(process.report, { reportOnSignal: false, reportOnFatalError: false, reportOnUncaughtException: false })
  let started: Started | undefined
  // Not lost while the daemon starts: a signal without a handler ends the process.
  let isReloadWanted = false
  const reload = (): void => {
    if (started === undefined) isReloadWanted = true
    else started.reload().catch(() => undefined)
  }
  process.on("SIGHUP", reload)
  const signalled = new Promise<string>((resolve) => {
    process.once("SIGTERM", resolve).once("SIGINT", resolve)
  })
  let log: DaemonLog | undefined
  const entrances = { credentials: credentialsEntrance(), control: controlEntrance() }
  let inherited: Inherited<Server> = { ports: new Map(), control: undefined, inetDiag: undefined }
  try {
    inherited = inheritedSockets(process.env, {
      port: entrances.credentials.door,
      control: entrances.control.door,
    })
    const settings = await readSettings(env)
    log = openLog(settings.logLevel, env)
    endOnDefect(log)
    started = await start({ settings, env, log, inherited, entrances, helper, modules, isSupervised })
  } catch (error) {
    if (!isSupervised) throw error
    if (!(error instanceof CreddError)) {
      await new Promise((resolve) => setTimeout(resolve, defectMs))
      throw error
    }
    const complaint = openLog("error", env)
    complaint.error("not_started", { message: error.message, hint: error.hint })
    await complaint.written()
    entrances.credentials.lead({ app: refusingCredentials, onRefused: () => undefined, mayAsk: () => true })
    entrances.control.lead(refusingControl(error))
    await Promise.race([signalled, new Promise((resolve) => setTimeout(resolve, refusingMs))])
    const { ports, control } = inherited
    await Promise.all([...ports.values(), ...(control === undefined ? [] : [control])].map(closeServer))
    return 1
  } finally {
    helper?.dismiss()
    await log?.written()
  }
  if (isReloadWanted) reload()
  const signal = await signalled
  log.info("stopping", { signal })
  await started.stop()
  return 0
}

/** In a state that nobody has thought of there is no going on. Node would print the error's message, whatever it holds. */
function endOnDefect(log: DaemonLog): void {
  let isEnding = false
  process.on("uncaughtException", (error) => {
    // Its end may take a moment, and what goes wrong meanwhile is not for Node to print.
    if (!isEnding) void endWith(error, log)
    isEnding = true
  })
}

async function endWith(error: unknown, log: DaemonLog): Promise<never> {
  log.error("crashed", { error: error instanceof Error ? error.name : "unknown", at: placeOf(error) })
  try {
    await log.written()
  } finally {
    process.exit(defectStatus)
  }
}

function placeOf(error: unknown): string | undefined {
  return error instanceof Error ? /^ +at .*$/m.exec(error.stack ?? "")?.[0]?.trim() : undefined
}

/** `EX_SOFTWARE` of sysexits(3). */
const defectStatus = 70
