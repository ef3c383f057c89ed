/** How a fault looks on the wire. */
import type { ServerResponse } from "node:http"
import { stsErrorNamed } from "./errors.ts"
import type { Fault } from "./faults.ts"
import { errorDocument, type Answer } from "./wire.ts"

/** What is sent in the place of STS's answer; undefined where the fault lets the call through. */
export function answerInstead(fault: Fault, requestId: string): Answer | "closed" | "silence" | undefined {
  switch (fault.kind) {
    case "drop":
      return fault.when === "before" ? "closed" : undefined
    case "hang":
      return "silence"
    case "error": {
      const answer = errorDocument(stsErrorNamed(fault.code, fault.message, fault.status), requestId)
      const { retryAfterSeconds } = fault
      return retryAfterSeconds === undefined
        ? answer
        : { ...answer, headers: { "retry-after": String(retryAfterSeconds) } }
    }
    case "malformed":
      return { status: 200, body: "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA" }
    case "html":
      return {
        status: 200,
        body: "<html><body>Welcome to the hotel</body></html>",
        headers: { "content-type": "text/html" },
      }
    case "huge":
      return { status: 200, body: `<x>${"y".repeat(2_000_000)}</x>` }
    default:
      return undefined
  }
}

/** Sends the body a byte at a time, for as long as somebody listens. */
export async function drip(response: ServerResponse, body: string, wait: () => Promise<unknown>): Promise<void> {
  for (const byte of Buffer.from(body)) {
    if (response.destroyed) return
    response.write(Uint8Array.of(byte))
    await wait()
  }
  response.end()
}
