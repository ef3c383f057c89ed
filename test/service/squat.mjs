/** Tries to have a port, every 5 ms, on every address that would do, until a line comes on stdin. `squat.mjs PORT` */
import { createServer } from "node:net"

const [port] = process.argv.slice(2)
const told = { tries: 0, won: 0 }
const attempt = (host) => {
  told.tries += 1
  const server = createServer()
  server.once("error", () => undefined)
  server.listen({ host, port }, () => {
    told.won += 1
    server.close()
  })
}
const timer = setInterval(() => ["127.0.0.1", "0.0.0.0"].forEach(attempt), 5)
process.stdout.write("begun\n")
process.stdin.once("data", () => {
  clearInterval(timer)
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit())
})
