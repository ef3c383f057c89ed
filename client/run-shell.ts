/** Runs a command of the user's (`mfa_process`, `aws-vault`); what it says on stderr ("touch your key") goes straight to the person. */
import { spawn } from "node:child_process"

/** `failed` words the error of a command that ends with anything but 0. */
export async function runShell(command: string, failed: (how: string) => Error): Promise<string> {
  return await new Promise((resolve, reject) => {
    // What a script sent on stdin was read already, and is not for this command.
    const stdin = process.stdin.isTTY ? "inherit" : "ignore"
    const child = spawn("sh", ["-c", command], { stdio: [stdin, "pipe", "inherit"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk
    })
    child.once("error", reject)
    child.once("close", (status, signal) => {
      if (status === 0) resolve(output.trim())
      else reject(failed(signal ?? `status ${status}`))
    })
  })
}
