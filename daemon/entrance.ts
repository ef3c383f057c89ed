/** Doors that may be open (a service manager opened them) before anything is behind them: whoever comes early waits. */
import type { Server } from "node:http"
import type { CredentialsApp } from "./http/credentials-app.ts"
import type { OnRefused } from "./http/loopback-server.ts"
import { controlServer, credentialsServer, type Handle, type MayAsk } from "./http/servers.ts"

export interface Entrance<App> {
  /** A server for one more socket. */
  door(): Server
  /** Says what is behind the doors. */
  lead(to: App): void
}

export function controlEntrance(): Entrance<Handle> {
  const behind = later<Handle>()
  return {
    door: () => controlServer((request, response) => void behind.come().then((handle) => handle(request, response))),
    lead: behind.set,
  }
}

export interface Credentials {
  readonly app: CredentialsApp
  readonly onRefused: OnRefused
  readonly mayAsk: MayAsk
}

export function credentialsEntrance(): Entrance<Credentials> {
  const behind = later<Credentials>()
  return {
    door: () =>
      credentialsServer(
        // Without a promise once it is there: this is the path of every request.
        (request) => behind.now()?.app(request) ?? behind.come().then(async ({ app }) => await app(request)),
        (error, from) => behind.now()?.onRefused(error, from),
        async (from) => await (await behind.come()).mayAsk(from),
      ),
    lead: behind.set,
  }
}

interface Later<T> {
  now(): T | undefined
  come(): Promise<T>
  set(value: T): void
}

function later<T>(): Later<T> {
  let current: T | undefined
  const waiting: ((value: T) => void)[] = []
  return {
    now: () => current,
    come: async () => current ?? (await new Promise<T>((resolve) => void waiting.push(resolve))),
    set(value) {
      current = value
      for (const resolve of waiting.splice(0)) resolve(value)
    },
  }
}
