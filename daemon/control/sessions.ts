/** Login, logout, lock, and all else that concerns an MFA session. */
import { isoSeconds } from "../core/credentials.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<
  ControlHandlers,
  "GET /session" | "GET /login-plan" | "POST /login" | "POST /logout" | "POST /lock" | "POST /refresh" | "POST /unlock"
>

export function sessionRoutes({ broker, store, renewLeases, onProfilesChanged }: ControlOptions): Routes {
  return {
    "GET /session": async ({ profile }) => ({ profile, ...broker.session(profile) }),
    "GET /login-plan": ({ profile }) => broker.loginPlan(profile),
    "POST /login": ({ profile, mfaCode, durationSeconds }) => broker.login(profile, mfaCode, durationSeconds),
    "POST /logout": ({ profiles, all }) => (all ? broker.logoutAll() : broker.logout(profiles)),
    "POST /lock": async () => {
      const { sourceProfiles, warnings } = await broker.logoutAll()
      await renewLeases()
      return { sessions: sourceProfiles.length, warnings }
    },
    "POST /refresh": async ({ profile }) => ({
      profile,
      expiration: isoSeconds((await broker.refresh(profile)).expiration),
    }),
    "POST /unlock": async ({ passphrase }) => {
      await store.unlock(passphrase)
      await broker.settle()
      await onProfilesChanged()
      return { warnings: [] }
    },
  }
}
