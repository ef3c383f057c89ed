/**
 * What a shell starts with and asks nobody for: the token file of the lease `shell`, and `endpoint.json`. Somebody may clear
 * them away while the daemon runs; they come back.
 */
import { access } from "node:fs/promises"
import { writeFileAtomic } from "./adapters/atomic-file.ts"
import type { leaseFiles } from "./adapters/lease-files.ts"
import { privateFolder } from "./adapters/listen.ts"
import type { EndpointFile } from "./api.ts"
import { shellName, type Leases } from "./core/leases.ts"
import { whole } from "./core/scope.ts"
import { endpointFile, type Paths } from "./paths.ts"

export interface ShellFilesOptions {
  readonly paths: Paths
  readonly leases: Leases
  readonly files: ReturnType<typeof leaseFiles>
  /** What `endpoint.json` is to say now. */
  readonly endpoint: () => EndpointFile
}

export interface ShellFiles {
  /** A new token in the place of the old one. */
  renewToken(): Promise<void>
  /** A token where there is none, or none that the lease's record knows. */
  keepToken(): Promise<void>
  writeEndpoint(): Promise<void>
  /** Brings back what was cleared away. */
  mend(): Promise<void>
}

export function shellFiles({ paths, leases, files, endpoint }: ShellFilesOptions): ShellFiles {
  let turn: Promise<void> = Promise.resolve()
  let written = ""

  async function makeToken(before: Promise<void>): Promise<void> {
    await before
    const { lease, token } = leases.draft({ name: shellName, profiles: ["*"], scope: whole }, true)
    await files.writeToken(shellName, token)
    await leases.add(lease, true)
  }

  /** One at a time: the token file must hold what the record does. */
  async function renewToken(): Promise<void> {
    const mine = makeToken(turn)
    turn = mine.catch(() => undefined)
    await mine
  }

  async function keepToken(): Promise<void> {
    const shell = leases.find(shellName)
    if (shell === undefined || !(await files.holdsTokenOf(shell))) await renewToken()
  }

  async function writeEndpoint(): Promise<void> {
    const text = `${JSON.stringify(endpoint())}\n`
    if (text === written) return
    await writeFileAtomic(endpointFile(paths), text)
    written = text
  }

  return {
    renewToken,
    keepToken,
    writeEndpoint,
    async mend() {
      if (await isMissing(endpointFile(paths))) {
        written = ""
        privateFolder(paths.state)
        await keepToken()
      }
      // A full disk may have kept one from being made.
      if (leases.find(shellName) === undefined) await renewToken()
      await writeEndpoint()
    },
  }
}

async function isMissing(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    () => true,
  )
}
