/**
 * The reference: the least that node:http can do for one caller with a token. It answers every request with the bytes
 * and headers that it was started with, after the kind of comparison that credd makes. Prints its port.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { writeSync } from "node:fs"
import { createServer } from "node:http"

export interface BareAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string
}

const { headers, body, tokenHash } = JSON.parse(process.argv[2] ?? "") as BareAnswer
const expected = Buffer.from(tokenHash, "hex")

const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
  const hash = createHash("sha256")
    .update(request.headers.authorization ?? "")
    .digest()
  response.writeHead(timingSafeEqual(hash, expected) ? 200 : 401, headers)
  response.end(body)
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  // Not process.stdout: opening it would count as the reference's memory.
  writeSync(1, `${typeof address === "object" ? address?.port : ""}\n`)
})
