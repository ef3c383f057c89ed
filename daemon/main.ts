/** The daemon's door. The keychain takes as long as the daemon itself: it is on its way before the daemon's own code is read. */
import "./no-inspector.ts"
import { compiledModules } from "./adapters/compiled.ts"
import { emptyCoreDumps } from "./adapters/core-dumps.ts"
import { keychainService, startHelper, type Helper } from "./adapters/keychain-process.ts"
import { secretService } from "./adapters/secret-service.ts"
import { busPath } from "./adapters/session-bus.ts"
import { textOf } from "./adapters/small-file.ts"
import { builtFile } from "./built.ts"
import { pathsFrom } from "./paths.ts"

type Env = Readonly<Record<string, string | undefined>>

export interface DaemonOptions {
  /** Under a service manager, which starts the daemon again when it ends. */
  readonly isSupervised: boolean
}

/** Runs until a signal ends it; answers with the exit status. Throws a CreddError when it cannot start. */
export async function runDaemon({ isSupervised }: DaemonOptions, env: Env = process.env): Promise<number> {
  process.umask(0o077)
  emptyCoreDumps()
  const paths = pathsFrom(env)
  const isKeychain = storeFrom(env, paths.settings) === "keychain"
  const helper = isKeychain ? firstHelper(env) : undefined
  const modules = compiledModules(paths.state)
  // The keyring answers in two rounds while the daemon is read, in two parts: each turn sends what is to be sent by then.
  await new Promise(setImmediate)
  await import("./settings.ts")
  await new Promise(setImmediate)
  const { live } = await import("./life.ts")
  return await live({ isSupervised, env, helper, modules })
}

function firstHelper(env: Env): Helper {
  const service = keychainService
  const helper = (): Helper => startHelper({ file: builtFile("keychain-helper.js"), service, env })
  const path = process.platform === "linux" ? busPath(env["DBUS_SESSION_BUS_ADDRESS"]) : undefined
  return path === undefined ? helper() : secretService({ path, service, helper })
}

/** A guess, without a TOML parser: what the settings really say is read in its time, and a helper too many is sent home. */
function storeFrom(env: Env, settings: string): string {
  return env["CREDD_STORE"] || /^[ \t]*store[ \t]*=[ \t]*["'](\w+)["']/m.exec(textOf(settings))?.[1] || "keychain"
}
