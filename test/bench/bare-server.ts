/**
 * The reference: the least that node:http can do for one caller with a token. It answers every request with the bytes
 * and headers that it was started with, after one string comparison. Prints its port.
 */
import { writeSync } from "node:fs"
import { createServer } from "node:http"

export interface BareAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly token: string
}

const { headers, body, token } = JSON.parse(process.env["CREDD_BENCH_ANSWER"] ?? "") as BareAnswer

const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
  response.writeHead(request.headers.authorization === token ? 200 : 401, headers)
  response.end(body)
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  // Not process.stdout: opening it would count as the reference's memory.
  writeSync(1, `${typeof address === "object" ? address?.port : ""}\n`)
})
