/** How everything stands, who a profile's credentials are, and what AWS refused them. */
import type { Status } from "../api.ts"
import { isoSeconds } from "../core/credentials.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import { commit } from "../commit.ts"
import { version } from "../version.ts"
import { fullUri } from "./environment.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<ControlHandlers, "GET /status" | "GET /whoami" | "POST /decode">

export function statusRoutes({
  broker,
  imds,
  leases,
  store,
  audit,
  endpoint,
  startedAt,
  clockOffsetMs,
  notices,
}: ControlOptions): Routes {
  const built = commit()
  return {
    "GET /status": async (): Promise<Status> => {
      const offset = clockOffsetMs()
      const { storeState, sessions, profiles, warnings } = broker.status()
      return {
        daemon: {
          version,
          ...(built === undefined ? {} : { commit: built }),
          pid: process.pid,
          startedAt: isoSeconds(startedAt),
          endpoint,
          store: store.kind,
          storeState,
          ...(offset === undefined ? {} : { clockOffsetMs: Math.round(offset) }),
        },
        sessions,
        profiles: profiles.map((profile) => ({ ...profile, fullUri: fullUri(endpoint, profile.name) })),
        leases: leases.status(),
        warnings: [
          ...warnings,
          ...sentence(audit.problem()),
          ...imds.endpoints().flatMap(({ problem }) => sentence(problem && `instance metadata: ${problem}`)),
          ...notices(),
        ],
      }
    },
    "GET /whoami": async ({ profile }) => {
      const { identity, expiration } = await broker.whoami(profile)
      return { profile, ...identity, expiration: isoSeconds(expiration) }
    },
    "POST /decode": ({ profile, message }) => broker.decode(profile, message),
  }
}

function sentence(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text]
}
