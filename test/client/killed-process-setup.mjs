/** `credd process --setup` and `--remove` with every effect on the disk counted: the process kills itself right before the nth one. */
import { runApp } from "../../build/client/app.js"
import { processContext } from "../../build/client/context.js"
import { realFiles } from "../../build/client/files.js"

const killAt = Number(process.env["KILL_AT"])
let count = 0

function effect() {
  count += 1
  if (count !== killAt) return
  process.kill(process.pid, "SIGKILL")
  // The signal is on its way; nothing more may happen meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const context = Object.create(processContext(), {
  files: {
    value: {
      ...realFiles,
      write(path, bytes, like) {
        effect()
        realFiles.write(path, bytes, like)
        effect()
      },
      rename(from, to) {
        effect()
        realFiles.rename(from, to)
        effect()
      },
    },
  },
})
await runApp(["process", ...process.argv.slice(2)], context)
