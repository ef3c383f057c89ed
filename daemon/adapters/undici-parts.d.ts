/** The two parts of undici that credd needs, by their files: its index brings fetch, caches and WebSockets, which cost a start 20 ms. */
declare module "undici/lib/dispatcher/env-http-proxy-agent.js" {
  export { EnvHttpProxyAgent as default } from "undici"
}

declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici"
  /** `Dispatcher.request`, which the index would have put there. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>
}
