/** Where the built files are: in PACKAGE/dist/client and PACKAGE/dist/daemon, of however many modules each is made. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The daemon's. */
export function builtFolder(): string {
  return fileURLToPath(new URL("../daemon", import.meta.url))
}

export function builtFile(name: string): string {
  return join(builtFolder(), name)
}

/** The package that this program came in, symlinks followed. */
export function packageFolder(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
}
