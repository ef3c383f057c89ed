/** Where the built files are: in PACKAGE/dist/client and PACKAGE/dist/daemon, of however many modules each is made. */
import { fileURLToPath } from "node:url"

export function builtFile(name: string): string {
  return fileURLToPath(new URL(`../daemon/${name}`, import.meta.url))
}

/** The package that this program came in, symlinks followed. */
export function packageFolder(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
}
