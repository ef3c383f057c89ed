/**
 * Imported before anything else: SIGUSR1 makes Node open a debugger on 127.0.0.1:9229, from which every user of this
 * machine could read our memory. A handler blocks it; a debugger that came before the handler is closed.
 */
import { close, url } from "node:inspector"

/** Node 22 and 24 answer such a signal twice: once at once, and again when the event loop first turns. */
const watchMs = 20
const watchedMs = 5_000

function closeDebugger(): void {
  if (url() !== undefined) close()
}

process.on("SIGUSR1", () => undefined)
closeDebugger()
const watch = setInterval(closeDebugger, watchMs).unref()
setTimeout(() => clearInterval(watch), watchedMs).unref()
