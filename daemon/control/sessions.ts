/** Login, logout, lock, and all else that concerns an MFA session. */
import { isoSeconds } from "../core/credentials.ts"
import type { ControlHandlers } from "../http/control-app.ts"
import type { ControlOptions } from "./options.ts"

type Routes = Pick<
  ControlHandlers,
  "GET /session" | "GET /login-plan" | "POST /login" | "POST /logout" | "POST /lock" | "POST /refresh" | "POST /unlock"
>

export function sessionRoutes({ broker, store, renewLeases, rememberLock, onProfilesChanged }: ControlOptions): Routes {
  return {
    "GET /session": async ({ profile }) => ({ profile, ...broker.session(profile) }),
    "GET /login-plan": ({ profile }) => broker.loginPlan(profile),
    "POST /login": ({ profile, mfaCode, durationSeconds }) => broker.login(profile, mfaCode, durationSeconds),
    "POST /logout": ({ profiles, all }) => (all ? broker.logoutAll() : broker.logout(profiles)),
    "POST /lock": async () => {
      // A disk that takes nothing must not keep anything open: only a crash would then find it half done.
      await rememberLock().catch(() => undefined)
      // Both begin at once, and neither waits for the other: a full disk or a hung keychain must not keep anything open.
      const [leases, sessions] = await Promise.allSettled([renewLeases(), broker.logoutAll()])
      if (sessions.status === "rejected") throw sessions.reason
      if (leases.status === "rejected") throw leases.reason
      const { sourceProfiles, warnings } = sessions.value
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
