/** `credd unlock`: the file store's passphrase; and the same in the middle of another command. */
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { Failure, usageWrong } from "../failure.ts"
import { note } from "../output.ts"

export const unlock: Command = async (context) => {
  const passphrase = context.isInteractive
    ? await context.ask({ message: "Passphrase of the file store", isSecret: true })
    : (await context.readLines(1))[0]
  if (!passphrase) throw usageWrong("a passphrase is expected on standard input", "run: credd unlock")
  await context.daemon("POST /unlock", { passphrase })
  note(context.process.stderr, "the file store is open until the daemon stops")
  return 0
}

/** Does what is asked; where the file store is locked and a person is there, asks for its passphrase and tries again. */
export async function unlocking<T>(context: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const canUnlock = error instanceof Failure && error.code === "KeychainLocked" && error.hint === "run: credd unlock"
    if (!canUnlock || !context.isInteractive) throw error
    await unlock(context, {})
    return await work()
  }
}
