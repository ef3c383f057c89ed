/** Asks a person, or reads what a script sends. Loaded only when it is needed. */
import { isCancel, password, text } from "@clack/prompts"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Question } from "./context.ts"
import { Failure, interrupted } from "./failure.ts"

export async function ask({ message, isSecret }: Question): Promise<string> {
  // On stderr: stdout is for what a script would read.
  const output = process.stderr
  const answer = isSecret ? await password({ message, output }) : await text({ message, output })
  if (isCancel(answer)) throw interrupted()
  return answer.trim()
}

export async function readLines(input: NodeJS.ReadableStream, count: number): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    lines.push(line.trim())
    if (lines.length >= count) break
  }
  return lines
}

export async function runShell(command: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", command], { stdio: ["inherit", "pipe", "inherit"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk
    })
    child.once("error", reject)
    child.once("close", (status) => {
      if (status === 0) resolve(output.trim())
      else
        reject(
          new Failure({
            code: "MfaCodeMalformed",
            message: `mfa_process ended with status ${status ?? "none"}`,
            hint: "run the mfa_process of the profile by hand",
          }),
        )
    })
  })
}
