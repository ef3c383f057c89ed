/** The way into the AWS console. */
import { isoSeconds } from "../core/credentials.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

export function consoleRoutes({ broker }: ControlOptions): Pick<ControlHandlers, "POST /console"> {
  return {
    "POST /console": async ({ profile, ...request }) => {
      const { url, expiration } = await broker.console(profile, request)
      return { profile, url, expiration: isoSeconds(expiration) }
    },
  }
}
