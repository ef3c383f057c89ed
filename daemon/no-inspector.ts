/**
 * Imported before anything else: SIGUSR1 makes Node open a debugger on 127.0.0.1:9229, from which every user of this
 * machine could read our memory. A handler blocks it; a debugger that came before the handler is closed.
 */
import { close, url } from "node:inspector"

process.on("SIGUSR1", () => undefined)
if (url() !== undefined) close()
