/**
 * Children under Node's permission model. Node 22 and newer put our own flags into every child's NODE_OPTIONS: a helper of
 * the user's that runs on node would find itself inside our walls, and ours could not load its binding.
 */

/** How to run a program that is not ours, as free as a shell would run it. */
export function freeCommand(
  program: string,
  args: readonly string[],
  isWalledIn = hasWalls(),
): readonly [program: string, args: string[]] {
  return isWalledIn ? ["/usr/bin/env", ["-u", "NODE_OPTIONS", program, ...args]] : [program, [...args]]
}

/** What `env` ends with when there is no such program. */
export const noSuchProgram = 127

/** Flags for a helper of our own on node. Node adds none where it finds these. */
export function helperFlags(isWalledIn = hasWalls()): readonly string[] {
  return isWalledIn ? ["--permission", "--allow-addons", "--allow-fs-read=*"] : []
}

/** Node 20 leaves children alone, and knows no `--permission`. */
function hasWalls(): boolean {
  return "permission" in process && process.allowedNodeEnvironmentFlags.has("--permission")
}
