/**
 * `credd import` with every effect counted: the process kills itself right before the nth one. An effect is a daemon
 * call, the temporary file, the rename, and each cleaning up. Run on the built client, as the real command.
 */
import { runApp } from "../../build/client/app.js"
import { processContext } from "../../build/client/context.js"
import { realFiles } from "../../build/client/files.js"

const killAt = Number(process.env["KILL_AT"])
let count = 0

function effect(name) {
  count += 1
  if (process.env["EFFECTS"]) process.stderr.write(`effect ${count}: ${name}\n`)
  if (count === killAt) {
    process.kill(process.pid, "SIGKILL")
    // The signal is on its way; nothing more may happen meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
}

const real = processContext()
const context = Object.create(real, {
  daemon: {
    value: async (route, body) => {
      effect(`before ${route}`)
      const answer = await real.daemon(route, body)
      effect(`after ${route}`)
      return answer
    },
  },
  files: {
    value: {
      ...realFiles,
      write(path, bytes, like) {
        effect("before write")
        realFiles.write(path, bytes, like)
        effect("after write")
      },
      rename(from, to) {
        effect("before rename")
        realFiles.rename(from, to)
        effect("after rename")
      },
      remove(path) {
        effect("before remove")
        realFiles.remove(path)
      },
    },
  },
})
await runApp(["import", ...process.argv.slice(2)], context)
