/**
 * Whose turn it is on a machine of two cores. Fifty programs that start at once leave others no second for an answer, which
 * is all that many SDKs wait for: a crowd goes alone, all else goes side by side.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { cacheFolder } from "./cache.ts"

/** The gate is there so that a crowd is not passed by for ever; the locks go with the process that holds them. */
const hold = 'exec 8>"$1.gate" 9>"$1"; flock 8 && flock "$2" 9 && exec 8>&- && echo && exec cat'

export async function inTurn<Result>(how: "alone" | "beside others", act: () => Promise<Result>): Promise<Result> {
  const line = ["-c", hold, "sh", join(cacheFolder, "turns.lock"), how === "alone" ? "--exclusive" : "--shared"]
  const holder = spawn("/bin/sh", line, { stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(holder, "close")
  await Promise.race([
    once(holder.stdout, "data"),
    ended.then(() => {
      throw new Error("could not wait for a turn")
    }),
  ])
  try {
    return await act()
  } finally {
    holder.stdin.end()
    await ended
  }
}
