/**
 * Which port each profile's metadata server has, and the key of its tokens, kept in `imds.json`: shells keep the URL, so it
 * must not move, and programs keep the token.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as v from "valibot"
import { writeFileAtomic } from "./atomic-file.ts"

const file = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(
    v.string(),
    v.object({
      port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
      isEnabled: v.boolean(),
      tokenKey: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{43}$/))),
    }),
  ),
)

export interface ImdsPort {
  readonly port: number
  /** By `credd imds enable`; a profile of the settings has a port without it. */
  readonly isEnabled: boolean
  /** 32 bytes as base64url. */
  readonly tokenKey?: string | undefined
}

export interface ImdsPorts {
  read(): Promise<Map<string, ImdsPort>>
  write(ports: ReadonlyMap<string, ImdsPort>): Promise<void>
}

export function imdsPorts(state: string): ImdsPorts {
  const path = join(state, "imds.json")
  return {
    async read() {
      const text = await readFile(path, "utf8").catch(() => "{}")
      const parsed = v.safeParse(file, text)
      return new Map(parsed.success ? Object.entries(parsed.output) : [])
    },
    async write(ports) {
      await writeFileAtomic(path, `${JSON.stringify(Object.fromEntries(ports), null, 2)}\n`)
    },
  }
}
