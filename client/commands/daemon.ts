/** `credd daemon`: the daemon in the foreground, as the units start it. */
import type { Command } from "../app.ts"

export const daemon: Command = async () => {
  const { runDaemon } = await import("../../daemon/main.ts")
  // Pending timers and keep-alive connections to AWS must not hold the process after it has said goodbye.
  process.exit(await runDaemon())
}
