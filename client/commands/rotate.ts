/** `credd rotate`: a new access key at AWS in the place of the old one. The daemon takes one step a call; interrupted, the next run goes on. */
import type { ControlRoutes, RotationStep } from "../../daemon/api.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { word } from "../environment.ts"
import { Failure, usageWrong } from "../failure.ts"
import { note, span } from "../output.ts"
import { unlocking } from "./unlock.ts"

type RotateFlags = { readonly delete: boolean; readonly undo: boolean }
type Body = ControlRoutes["POST /rotate"]["body"]
type Answer = ControlRoutes["POST /rotate"]["answer"]

/** A new key is known everywhere after some seconds; AWS promises no time. */
const waits = { everyMs: 2_000, most: 45 }

export const rotate: Command<RotateFlags, [profile: string]> = async (context, flags, named) => {
  const { stderr } = context.process
  if (flags.delete && flags.undo) throw usageWrong("--delete and --undo exclude each other", "run: credd rotate --help")
  const last: RotationStep = flags.undo ? "undone" : flags.delete ? "deleted" : "deactivated"
  const body: Body = { profile: named, isUndoing: flags.undo, isDeleting: flags.delete }
  const answer = await stepsTo(last, context, body)
  const { profile, sessionExpiration } = answer
  if (sessionExpiration !== undefined && last !== "undone") {
    const leftMs = Date.parse(sessionExpiration) - context.now()
    if (leftMs > 0) {
      note(
        stderr,
        `the session made with the old key goes on for ${span(leftMs)}; to end it: credd logout ${word(profile)}`,
      )
    }
  }
  if (last === "deactivated") {
    note(stderr, `next, once nothing misses it: credd rotate ${word(profile)} --delete   (or --undo, to have it back)`)
  }
  return 0
}

async function stepsTo(last: RotationStep, context: Context, body: Body): Promise<Answer> {
  let waited = 0
  for (;;) {
    const answer = await unlocking(context, () => context.daemon("POST /rotate", body))
    if (answer.step === "waiting") {
      if (waited === 0) note(context.process.stderr, told(answer))
      if (waited === waits.most) throw notKnownYet(answer)
      waited += 1
      await context.pause(waits.everyMs)
      continue
    }
    note(context.process.stderr, told(answer))
    if (answer.step === last) return answer
  }
}

function told({ step, userName, oldKeyId, newKeyId, profile }: Answer): string {
  const newKey = newKeyId ?? "?"
  const words: Readonly<Record<RotationStep, string>> = {
    created: `made access key ${newKey} for user "${userName}", and kept it`,
    waiting: `waiting until AWS knows ${newKey}`,
    stored: `proved ${newKey}: "${profile}" has it from now on`,
    deactivated: `deactivated ${oldKeyId}`,
    deleted: `deleted ${oldKeyId}`,
    reactivated: `made ${oldKeyId} active again`,
    restored: `"${profile}" has ${oldKeyId} again`,
    undone: newKeyId === undefined ? "nothing was changed" : `deleted ${newKey}`,
  }
  return words[step]
}

function notKnownYet({ newKeyId = "?", profile }: Answer): Failure {
  return new Failure({
    code: "Unavailable",
    message: `AWS does not know the new access key ${newKeyId} yet; the old one is as it was`,
    hint: `run: credd rotate ${word(profile)}   (it goes on from here; --undo goes back)`,
  })
}
