/** A question to pinentry, in the protocol that it speaks (https://www.gnupg.org/documentation/manuals/assuan/): a line there, a line back. */
import type { Readable, Writable } from "node:stream"
import { createInterface } from "node:readline"

export interface AssuanQuestion {
  /** `ttyname=…` and the like. One that is not known is no trouble. */
  readonly options: readonly string[]
  readonly title: string
  readonly description: string
  readonly prompt: string
}

/** libgpg-error's code for a person who presses "Cancel"; the upper bits say who reports it. */
const canceled = 99

/** What was typed; undefined where the person said no. Throws when pinentry cannot ask. */
export async function askByAssuan(
  from: Readable,
  to: Writable,
  { options, title, description, prompt }: AssuanQuestion,
): Promise<string | undefined> {
  const lines = createInterface({ input: from })[Symbol.asyncIterator]()

  /** The data before the final line, or the code of the error. */
  async function answer(): Promise<{ readonly data: string } | { readonly code: number; readonly text: string }> {
    let data = ""
    for (;;) {
      const next = await lines.next()
      if (next.done === true) throw new Error("it broke off")
      const line: string = next.value
      if (line === "OK" || line.startsWith("OK ")) return { data }
      if (line.startsWith("D ")) data += decoded(line.slice(2))
      const [, code, text = ""] = /^ERR (\d+) ?(.*)$/.exec(line) ?? []
      if (code !== undefined) return { code: Number(code) % 65_536, text }
    }
  }
  async function say(line: string): Promise<Awaited<ReturnType<typeof answer>>> {
    to.write(`${line}\n`)
    return await answer()
  }

  await answer()
  for (const option of options) await say(`OPTION ${encoded(option)}`)
  for (const line of [
    `SETTITLE ${encoded(title)}`,
    `SETDESC ${encoded(description)}`,
    `SETPROMPT ${encoded(prompt)}`,
  ]) {
    await say(line)
  }
  const pin = await say("GETPIN")
  to.end("BYE\n")
  if ("data" in pin) return pin.data
  if (pin.code === canceled) return undefined
  throw new Error(pin.text || `error ${pin.code}`)
}

function encoded(text: string): string {
  return text.replaceAll(/[%\r\n]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
}

function decoded(text: string): string {
  // By bytes: a letter of two bytes may come as two escapes.
  const bytes = Buffer.from(text).toString("latin1")
  const plain = bytes.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(plain, "latin1").toString("utf8")
}
