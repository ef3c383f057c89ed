/** A proxy that lets nothing through and remembers every byte that was sent to it. */
import { createServer } from "node:net"
import { listenOnPort } from "../../../daemon/adapters/listen.ts"
import type { AtEnd } from "../../support/daemon.ts"

export interface Proxy {
  readonly url: string
  heard(): string
  forget(): void
}

export async function startProxy(atEnd: AtEnd): Promise<Proxy> {
  let heard = ""
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    socket.setEncoding("latin1").on("data", (chunk) => {
      heard += chunk
      socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    })
  })
  const port = await listenOnPort(server, 0)
  atEnd(() => void server.close())
  return {
    url: `http://127.0.0.1:${port}`,
    heard: () => heard,
    forget() {
      heard = ""
    },
  }
}
