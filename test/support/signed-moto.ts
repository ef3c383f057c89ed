/** AWS's services besides STS: who signed is checked as the sandbox knows them, and moto answers. */
import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http"
import { buffer } from "node:stream/consumers"
import { onTestFinished } from "vitest"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { StsError } from "../sandbox/errors.ts"
import type { Sandbox } from "../sandbox/sandbox.ts"
import { claimIn } from "../sandbox/signature.ts"
import type { AtEnd } from "./daemon.ts"
import { startMoto } from "./python.ts"

export interface SignedMoto {
  readonly url: string
  /** Moto itself, which asks nobody who they are. */
  readonly moto: string
  /** Who signed the last request that was let through, and with which key. */
  lastSigner(): { readonly arn: string; readonly accessKeyId: string } | undefined
}

export async function startSignedMoto(sandbox: Sandbox, atEnd: AtEnd = onTestFinished): Promise<SignedMoto> {
  const moto = await startMoto(atEnd)
  let last: { arn: string; accessKeyId: string } | undefined
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      if (error instanceof StsError) refuse(response, error)
      else response.destroy()
    })
  })
  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "/", headersDistinct: headers } = incoming
    const body = await buffer(incoming)
    const request = { method, target: url, headers, body }
    last = undefined
    const { service = "s3", accessKeyId = "" } = claimIn(request) ?? {}
    last = { arn: sandbox.signer(request, service), accessKeyId }
    const onward = send(new URL(url, moto), { method, headers: incoming.headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers)
      answered.pipe(response)
    })
    onward.once("error", () => response.destroy()).end(body)
  }
  const port = await listenOnPort(server, 0)
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${port}`, moto, lastSigner: () => last }
}

function refuse(response: ServerResponse, { code, message, status }: StsError): void {
  // What S3 says to a request that nobody signed.
  const shown =
    code === "MissingAuthenticationToken" ? { code: "AccessDenied", message: "Access Denied" } : { code, message }
  response.writeHead(status, { "content-type": "application/xml" })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${shown.code}</Code><Message>${shown.message}</Message></Error>`,
  )
}
