/** What credd needs of undici, by its files: its index brings fetch, caches and WebSockets, which cost a start 20 ms. */
declare module "undici/lib/dispatcher/env-http-proxy-agent.js" {
  export { EnvHttpProxyAgent as default } from "undici"
}

declare module "undici/lib/dispatcher/dispatcher.js" {
  export { Dispatcher as default } from "undici"
}

declare module "undici/lib/api/index.js" {
  /** `request`, `connect` and their like, as methods. */
  const methods: object
  export default methods
}
