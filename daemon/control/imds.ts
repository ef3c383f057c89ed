/** Which profiles are served as instance metadata. */
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<ControlHandlers, "GET /imds" | "POST /imds" | "DELETE /imds">

export function imdsRoutes({ imds, onProfilesChanged }: ControlOptions): Routes {
  return {
    "GET /imds": async () => ({ endpoints: imds.endpoints() }),
    "POST /imds": async ({ profile }) => {
      const enabled = await imds.enable(profile)
      await onProfilesChanged()
      return enabled
    },
    "DELETE /imds": async ({ profile }) => {
      await imds.disable(profile)
      await onProfilesChanged()
      return { profile }
    },
  }
}
