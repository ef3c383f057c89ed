/**
 * Listens on the loopback addresses of argv with the netlink socket that it was handed; says its port. At a line of input,
 * tells whose each connection is, by its caller's port: as the kernel answers and as its table has it; and how often the
 * kernel did not answer.
 */
import { createServer } from "node:net"
import { createInterface } from "node:readline"
import { inetDiag, isNonBlocking } from "../../build/daemon/adapters/inet-diag.js"
import { tcpTable } from "../../build/daemon/adapters/tcp-table.js"

const [first, ...others] = process.argv.slice(2)
const table = tcpTable()
const connections = new Map()
let walks = 0
const diag = inetDiag(3, (connection) => {
  walks += 1
  return table(connection)
})
const say = (what) => void process.stdout.write(`${JSON.stringify(what)}\n`)
const accept = (socket) => {
  const { remoteAddress, remotePort, localAddress, localPort } = socket.on("error", () => undefined)
  connections.set(`${localAddress} ${remotePort}`, { remoteAddress, remotePort, localAddress, localPort })
  // Whoever was accepted may go.
  socket.write(".")
}
const listen = async (host, port) =>
  await new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true }, accept)
    server.listen({ host, port }, () => resolve(server.address().port))
  })
const port = await listen(first, 0)
for (const host of others) await listen(host, port)
say({ port, isReady: isNonBlocking(3) })

for await (const line of createInterface(process.stdin)) {
  const wanted = JSON.parse(line)
  const answers = {}
  walks = 0
  for (const key of wanted) {
    const before = walks
    const [byDiag, byTable] = await Promise.all([diag, table].map(async (find) => await find(connections.get(key))))
    answers[key] = { byDiag, isAnswered: walks === before, byTable }
  }
  say(answers)
}
