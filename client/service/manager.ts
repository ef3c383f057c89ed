/** A service manager: systemd's user manager, or launchd. */
import { Failure } from "../failure.ts"
import type { Ended } from "./host.ts"
import type { Place } from "./place.ts"

export interface ServicePlan {
  readonly place: Place
  readonly port: number
  /** Where the control socket is, if not in the manager's own runtime folder. */
  readonly socket: string | undefined
  readonly state: string
  readonly environment: Readonly<Record<string, string>>
  readonly isStrict: boolean
}

export interface ServiceState {
  readonly isInstalled: boolean
  /** Whether it starts by itself at login. */
  readonly isEnabled: boolean
  readonly pid: number | undefined
  /** Whether the user's services go on after logout; undefined where there is no such thing. */
  readonly lingers?: boolean
}

export interface ServiceManager {
  readonly name: string
  /** Throws where the manager is not to be had. */
  check(): Promise<void>
  state(): Promise<ServiceState>
  /** The service's environment as it was installed. */
  environment(): Readonly<Record<string, string>>
  /** Every file that the plan wants, and what it is to hold. */
  files(plan: ServicePlan): ReadonlyMap<string, string>
  /** Every unit that any installation of this user may have. */
  units(): readonly string[]
  /** Folders that only ever hold something of the service. */
  leftovers(): readonly string[]
  /** Enables and starts; restarts what has changed. */
  activate(changed: readonly string[], isNewVersion: boolean): Promise<void>
  deactivate(): Promise<void>
  /** Goes on after logout, from boot on. */
  linger?(): Promise<void>
  logs(isFollowing: boolean): Promise<number>
}

/** For a step that must not fail. */
export function succeeded(what: string, { status, stderr, stdout }: Ended, hint: string): string {
  if (status === 0) return stdout
  const [line = `it ended with ${status}`] = stderr.trim().split("\n").slice(-1)
  throw new Failure({ code: "ServiceFailed", message: `could not ${what}: ${line}`, hint })
}
