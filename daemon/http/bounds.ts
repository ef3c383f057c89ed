/** What all servers have in common: how long and how large a request may be, and how an answer is written. */
import type { ServerResponse } from "node:http"
import type { Answer } from "./answer.ts"

/** Node's own bounds let a half-sent request live for 90 s, and drop headers beyond 1,000 in silence. */
export const bounds = {
  maxHeaderSize: 8_192,
  headersTimeout: 2_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 500,
  // Refused by us, like all else: node would do it behind the audit log's back.
  requireHostHeader: false,
}

export function write(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers).end(answer.body)
}
