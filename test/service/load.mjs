/**
 * Asks for credentials at a steady rate, half of the requests on kept connections and half on new ones, until a line comes on
 * stdin; then prints what became of them. `load.mjs PORT TOKEN_FILE RATE`
 */
import { readFileSync } from "node:fs"
import { Agent, request } from "node:http"

const [port, tokenFile, rate] = process.argv.slice(2)
const authorization = readFileSync(tokenFile, "utf8")
const kept = new Agent({ keepAlive: true, maxSockets: 8 })
const fresh = new Agent({ keepAlive: false })
const results = []
let open = 0

function ask(agent) {
  const began = Date.now()
  open += 1
  const end = (outcome) => {
    open -= 1
    results.push({ began, ended: Date.now(), outcome })
  }
  const options = {
    host: "127.0.0.1",
    port,
    path: "/credentials/dev",
    headers: { authorization },
    agent,
    timeout: 10_000,
  }
  const asked = request(options, (response) => {
    response.resume().once("end", () => end(response.statusCode === 200 ? "ok" : `status ${response.statusCode}`))
  })
  asked.once("timeout", () => asked.destroy(Object.assign(new Error("late"), { code: "TIMEOUT" })))
  asked.once("error", ({ code }) => end(code)).end()
}

let turn = 0
const timer = setInterval(() => ask((turn += 1) % 2 === 0 ? kept : fresh), 1_000 / Number(rate))
process.stdout.write("begun\n")
process.stdin.once("data", () => {
  clearInterval(timer)
  const report = setInterval(() => {
    if (open > 0) return
    clearInterval(report)
    process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit())
  }, 20)
})
