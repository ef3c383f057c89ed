/** Empties the store, through the daemon: only it opens the keychain. */
import type { Context } from "../context.ts"
import { Failure } from "../failure.ts"

/** Throws where anything stayed: then nothing else may go, or nobody would know of it. */
export async function forgetSecrets({ daemon }: Context): Promise<void> {
  const { daemon: about, sessions } = await daemon("GET /status", {})
  if (about.storeState !== "ready") {
    throw new Failure({
      code: "KeychainLocked",
      message: `the ${about.store} store is ${about.storeState}: what it holds cannot be forgotten now`,
      hint: about.store === "file" ? "run: credd unlock" : "unlock the keychain, then run the command again",
    })
  }
  const { warnings } = await daemon("POST /lock", {})
  const [left] = warnings
  if (left !== undefined) throw new Failure({ code: "StoreWriteFailed", message: left, hint: "run: credd status" })
  for (const { sourceProfile } of sessions) {
    try {
      await daemon("DELETE /access-keys", { profile: sourceProfile })
    } catch (error) {
      // A session is listed for a profile whose key is somewhere else, too.
      if (!(error instanceof Failure) || error.code !== "AccessKeyMissing") throw error
    }
  }
}
