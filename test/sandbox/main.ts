/** The sandbox as a process of its own, for callers in other languages: `main.js [world.json]`; prints its URL. */
import { readFile } from "node:fs/promises"
import { startSandbox } from "./sandbox.ts"
import { parseWorld } from "./world-document.ts"

const [file] = process.argv.slice(2)
try {
  const sandbox = await startSandbox(file === undefined ? {} : { world: parseWorld(await readFile(file, "utf8")) })
  console.log(sandbox.url)
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void sandbox.close())
} catch (error) {
  console.error(`sandbox: error: could not start: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
