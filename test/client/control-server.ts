/** Stands in for the daemon: control routes over a real Unix socket, with answers that the test gives. */
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

export interface ControlServer {
  /** CREDD_HOME of the client under test. */
  readonly home: string
  readonly socket: string
}

export type Answer = (route: string, body: Record<string, unknown>) => { status?: number; body: unknown }

export async function controlServer(answer: Answer): Promise<ControlServer> {
  return await rawControlServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://credd")
    let text = ""
    for await (const chunk of request.setEncoding("utf8")) text += chunk
    const sent = text === "" ? Object.fromEntries(url.searchParams) : JSON.parse(text)
    const { status = 200, body } = answer(`${request.method} ${url.pathname}`, sent)
    const json = JSON.stringify(body)
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(json) })
    response.end(json)
  })
}

export async function rawControlServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<ControlServer> {
  const home = await temporaryHome()
  const socket = join(home, "credd.sock")
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { home, socket }
}

export async function temporaryHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "credd-client-"))
  onTestFinished(async () => await rm(home, { recursive: true, force: true }))
  return home
}
