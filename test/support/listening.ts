/** The moment at which a daemon's socket listens and its files for shells are written, as its log says. */
import type { ChildProcess } from "node:child_process"

/** For a child whose stderr is a pipe. Rejects when it ends before, or takes too long. */
export async function listening(child: ChildProcess, deadlineMs = 30_000): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = ""
    const timer = setTimeout(() => reject(new Error(`the daemon did not start in time: ${said}`)), deadlineMs)
    child.once("exit", (status, signal) => {
      clearTimeout(timer)
      reject(new Error(`the daemon ended with ${signal ?? `status ${status}`}: ${said}`))
    })
    child.stderr?.on("data", function look(chunk: Buffer) {
      said += chunk.toString()
      if (!said.includes('"event":"listening"')) return
      child.stderr?.off("data", look)
      // Read on, or its pipe fills up.
      child.stderr?.resume()
      clearTimeout(timer)
      resolve()
    })
  })
}
