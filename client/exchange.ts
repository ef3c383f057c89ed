/** One HTTP request, one whole answer. On node:net alone: node:http would cost each command 8 to 34 ms of start-up. */
import { connect, type NetConnectOpts } from "node:net"
import type { Answer } from "./context.ts"
import { unanswered } from "./failure.ts"

export interface Limits {
  readonly deadlineMs: number
  readonly maxAnswerBytes: number
}

/** Throws what the system said when there was no connection, and a Failure when there was no whole answer. */
export async function exchange(where: NetConnectOpts, request: string, limits: Limits): Promise<Answer> {
  return parse(await answerTo(where, request, limits))
}

async function answerTo(
  where: NetConnectOpts,
  request: string,
  { deadlineMs, maxAnswerBytes }: Limits,
): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const connection = connect(where, () => connection.write(request))
    const seconds = Math.round(deadlineMs / 1_000)
    const timer = setTimeout(() => connection.destroy(unanswered(`it did not answer within ${seconds} s`)), deadlineMs)
    connection.on("data", (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxAnswerBytes) connection.destroy(unanswered("its answer is too large"))
    })
    connection.once("end", () => resolve(Buffer.concat(chunks)))
    connection.once("error", reject)
    connection.once("close", () => clearTimeout(timer))
  })
}

/** One whole answer with its length said, or none: half an answer is never taken for one. */
function parse(answer: Buffer): Answer {
  const end = answer.indexOf("\r\n\r\n")
  const head = answer.toString("latin1", 0, Math.max(end, 0))
  const status = /^HTTP\/1\.1 (\d{3})\b/.exec(head)?.[1]
  const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|$)/i.exec(head)?.[1]
  const body = answer.subarray(end + 4)
  if (status === undefined || length === undefined || body.length !== Number(length)) throw unanswered("it broke off")
  return { status: Number(status), text: body.toString("utf8") }
}
