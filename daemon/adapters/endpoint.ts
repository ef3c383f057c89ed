/** Where requests with signatures and secrets may go. */
import { CreddError } from "../core/errors.ts"

/** A plain-http endpoint is for tests on this machine; anywhere else it would show the signature to the network. */
export function checkedEndpoint(endpoint: string, settings: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const isLoopback = url !== undefined && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback)) return endpoint
  throw new CreddError("ConfigMalformed", "the endpoint is neither https nor on this machine", {
    hint: `check ${settings}`,
  })
}
