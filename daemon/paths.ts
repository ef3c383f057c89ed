/** Where credd's files are. Shared by both faces, so it imports nothing but node's own small modules. */
import { homedir } from "node:os"
import { join } from "node:path"

export interface Paths {
  /** config.toml */
  readonly settings: string
  /** Lease records, endpoint.json, token files, the file store. */
  readonly state: string
  /** The control plane's Unix socket. */
  readonly socket: string
}

type Env = Readonly<Record<string, string | undefined>>

/** `CREDD_HOME` puts everything in one folder; else XDG on Linux and the platform's folder on macOS. */
export function pathsFrom(env: Env, platform: NodeJS.Platform = process.platform): Paths {
  const creddHome = env["CREDD_HOME"]
  if (creddHome) {
    return { settings: join(creddHome, "config.toml"), state: creddHome, socket: join(creddHome, "credd.sock") }
  }
  const home = env["HOME"] || homedir()
  if (platform === "darwin") {
    const base = join(home, "Library", "Application Support", "credd")
    return { settings: join(base, "config.toml"), state: base, socket: join(base, "credd.sock") }
  }
  const state = join(absolute(env["XDG_STATE_HOME"]) ?? join(home, ".local", "state"), "credd")
  const runtime = absolute(env["XDG_RUNTIME_DIR"])
  return {
    settings: join(absolute(env["XDG_CONFIG_HOME"]) ?? join(home, ".config"), "credd", "config.toml"),
    state,
    socket: runtime === undefined ? join(state, "credd.sock") : join(runtime, "credd", "credd.sock"),
  }
}

export function endpointFile(paths: Paths): string {
  return join(paths.state, "endpoint.json")
}

/** Longest Unix socket path in bytes: `sun_path` without its closing NUL (108 on Linux, 104 on macOS). */
export function socketPathLimit(platform: NodeJS.Platform = process.platform): number {
  return platform === "darwin" ? 103 : 107
}

/** The XDG specification has relative paths ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined
}
