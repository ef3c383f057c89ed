/**
 * The daemon's door. The keychain's helper needs as long to start as the daemon itself: it is under way before the daemon's
 * own code is read, and waits for its question.
 */
import "./no-inspector.ts"
import { readFileSync } from "node:fs"
import { useCompiled } from "./adapters/compiled.ts"
import { keychainService, startHelper } from "./adapters/keychain-process.ts"
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
  const isKeychain = storeFrom(env) === "keychain"
  const file = builtFile("keychain-helper.js")
  const helper = isKeychain ? startHelper({ file, service: keychainService, env }) : undefined
  useCompiled(pathsFrom(env).state)
  const { live } = await import("./life.ts")
  return await live({ isSupervised, env, helper })
}

/** A guess, without a TOML parser: what the settings really say is read in its time, and a helper too many is sent home. */
function storeFrom(env: Env): string {
  return env["CREDD_STORE"] || /^[ \t]*store[ \t]*=[ \t]*["'](\w+)["']/m.exec(settingsText(env))?.[1] || "keychain"
}

function settingsText(env: Env): string {
  try {
    return readFileSync(pathsFrom(env).settings, "utf8")
  } catch {
    return ""
  }
}
