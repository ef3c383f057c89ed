/** `credd daemon`: the daemon in the foreground, as the units start it. */
import type { Command } from "../command.ts"
import { guarded } from "../failure.ts"

export const daemon: Command<{ supervised: boolean }> = async (context, { supervised }) => {
  const { runDaemon } = await import("../../daemon/main.ts")
  // Pending timers, sockets that were handed over and connections to AWS must not hold a process that has said goodbye.
  process.exit(await guarded(context, () => runDaemon({ isSupervised: supervised })))
}
