/** The settings as the daemon started with them, and as they are now: some count at once, the others at the next start. */
import { changedSettings } from "./adapters/settings-memory.ts"
import type { DaemonLog } from "./adapters/log.ts"
import { CreddError } from "./core/errors.ts"
import type { Audit } from "./core/ports.ts"
import { awaitingRestart, describeSettings, readSettings, type Settings } from "./settings.ts"

export interface LiveSettingsOptions {
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  /** The port that is open: a unit's wins over the setting. */
  readonly port: number
  readonly log: DaemonLog
  readonly audit: Audit
}

export interface LiveSettings {
  current(): Settings
  /** Reads them again; what cannot be read leaves all as it is, and `notices` says why. */
  reload(): Promise<void>
  /** Leaves a line in the audit trail where they have changed since the last start or reading. */
  record(): Promise<void>
  /** What a person should know, a sentence each. */
  notices(): readonly string[]
}

export function liveSettings({ settings, env, port, log, audit }: LiveSettingsOptions): LiveSettings {
  let current = settings
  let unread: string | undefined

  async function record(): Promise<void> {
    const values = Object.fromEntries(describeSettings(current).map(({ name, value }) => [name, value]))
    try {
      const changed = await changedSettings(settings.paths.state, values)
      if (Object.keys(changed).length > 0) audit.record("settings", { outcome: "ok", changed })
    } catch (error) {
      log.error("settings_not_kept", { message: messageOf(error) })
    }
  }

  return {
    current: () => current,
    async reload() {
      try {
        current = await readSettings(env)
        unread = undefined
        log.setLevel(current.logLevel)
        log.info("settings_read_again", { awaitingRestart: awaitingRestart(settings, current) })
        await record()
      } catch (error) {
        // The daemon goes on with what it has.
        unread = messageOf(error)
        log.error("settings_not_read", { message: unread })
      }
    },
    record,
    notices() {
      const waiting = awaitingRestart(settings, current)
      if (current.port !== 0 && port !== current.port && !waiting.includes("port")) waiting.push("port")
      return [
        ...(unread === undefined ? [] : [`the settings could not be read again: ${unread}`]),
        ...(waiting.length === 0
          ? []
          : [`the daemon must start again for ${waiting.join(", ")} of the settings; run: credd service install`]),
      ]
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof CreddError ? error.message : "an error of its own"
}
