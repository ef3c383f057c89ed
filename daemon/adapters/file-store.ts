/**
 * One encrypted file, for machines without a keychain: AES-256-GCM under a key that scrypt makes of a passphrase. The
 * first line is the header (readable, and authenticated with the rest); the second is the ciphertext.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { constants } from "node:fs"
import { open } from "node:fs/promises"
import * as v from "valibot"
import {
  CreddError,
  fileStoreLocked,
  passphraseRejected,
  passphraseTooShort,
  storeDamaged,
  storeNewer,
  storeUnsafe,
} from "../core/errors.ts"
import { Secret } from "../core/secret.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { errnoCode } from "./errno.ts"
import type { ItemStore } from "./item-store.ts"

/** About 0.4 s and 128 MB for each guess: what OWASP asks of scrypt. */
const kdf = { n: 2 ** 17, r: 8, p: 1 }
const shortestPassphrase = 8

const hex = (bytes: number): v.GenericSchema<string, string> => v.pipe(v.string(), v.hexadecimal(), v.length(bytes * 2))
const headerSchema = v.object({
  credd: v.literal(1),
  kdf: v.object({ name: v.literal("scrypt"), n: v.picklist([kdf.n]), r: v.literal(kdf.r), p: v.literal(kdf.p) }),
  salt: hex(16),
  /** Tells a wrong passphrase from a damaged file. */
  check: hex(16),
  nonce: hex(12),
})
type Header = v.InferOutput<typeof headerSchema>
const newerSchema = v.pipe(v.string(), v.parseJson(), v.object({ credd: v.pipe(v.number(), v.minValue(2)) }))

interface Unlocked {
  readonly key: Buffer
  readonly salt: string
}

export interface FileStoreOptions {
  readonly path: string
  /** Where the passphrase comes from without a person: a systemd credential or a file. */
  readonly passphrase: () => Promise<string | undefined>
}

export function fileStore({ path, passphrase }: FileStoreOptions): ItemStore {
  let unlocked: Unlocked | undefined
  let rejected: Buffer | undefined
  const attemptKey = randomBytes(32)
  let queue: Promise<unknown> = Promise.resolve()

  /** One operation at a time: each reads the whole file and may write it. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work)
    queue = turn.catch(() => undefined)
    return await turn
  }

  async function keyFor(header: Header | undefined): Promise<Unlocked> {
    if (unlocked !== undefined && (header === undefined || header.salt === unlocked.salt)) return unlocked
    const text = await passphrase()
    if (text === undefined) throw fileStoreLocked()
    // The daemon asks every few seconds; a passphrase file that is wrong must not cost a scrypt each time.
    const attempt = createHmac("sha256", attemptKey)
      .update(`${header?.salt ?? ""} ${text}`)
      .digest()
    if (rejected?.equals(attempt) === true) throw passphraseRejected()
    try {
      unlocked = await opened(text, header)
    } catch (error) {
      if (error instanceof CreddError && error.code === "KeychainLocked") rejected = attempt
      throw error
    }
    return unlocked
  }

  async function load(): Promise<Map<string, string>> {
    const text = await readStore(path)
    if (text === undefined) {
      await keyFor(undefined)
      return new Map()
    }
    const { header, line, ciphertext } = split(text, path)
    const { key } = await keyFor(header)
    return decrypt(key, header, line, ciphertext, path)
  }

  async function save(items: ReadonlyMap<string, string>): Promise<void> {
    const { key, salt } = await keyFor(undefined)
    await writeFileAtomic(path, encrypt(key, salt, items))
  }

  return {
    kind: "file",
    names: () => inTurn(async () => [...(await load()).keys()]),
    read: (names) =>
      inTurn(async () => {
        const items = await load()
        const found = new Map<string, Secret>()
        for (const name of names) {
          const value = items.get(name)
          if (value !== undefined) found.set(name, new Secret(value))
        }
        return found
      }),
    write: (name, value) => inTurn(async () => await save((await load()).set(name, value.reveal()))),
    remove: (names) =>
      inTurn(async () => {
        const items = await load()
        const before = items.size
        for (const name of names) items.delete(name)
        if (items.size !== before) await save(items)
      }),
    unlock: (text) =>
      inTurn(async () => {
        const stored = await readStore(path)
        unlocked = await opened(text, stored === undefined ? undefined : split(stored, path).header)
      }),
  }
}

/** Without a header there is no file yet, and this passphrase becomes its own. */
async function opened(passphrase: string, header: Header | undefined): Promise<Unlocked> {
  if (header === undefined && passphrase.length < shortestPassphrase) throw passphraseTooShort(shortestPassphrase)
  const salt = header?.salt ?? randomBytes(16).toString("hex")
  const key = await derive(passphrase, salt)
  if (header !== undefined && !timingSafeEqual(keyCheck(key), Buffer.from(header.check, "hex")))
    throw passphraseRejected()
  return { key, salt }
}

async function derive(passphrase: string, salt: string): Promise<Buffer> {
  const { n: N, r, p } = kdf
  return await new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), Buffer.from(salt, "hex"), 32, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

function keyCheck(key: Buffer): Buffer {
  return createHmac("sha256", key).update("credd file store key check").digest().subarray(0, 16)
}

function encrypt(key: Buffer, salt: string, items: ReadonlyMap<string, string>): string {
  const nonce = randomBytes(12)
  const header: Header = {
    credd: 1,
    kdf: { name: "scrypt", n: kdf.n, r: 8, p: 1 },
    salt,
    check: keyCheck(key).toString("hex"),
    nonce: nonce.toString("hex"),
  }
  const line = JSON.stringify(header)
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(line))
  const sealed = Buffer.concat([cipher.update(JSON.stringify([...items])), cipher.final(), cipher.getAuthTag()])
  return `${line}\n${sealed.toString("base64")}\n`
}

const itemsSchema = v.pipe(v.string(), v.parseJson(), v.array(v.tuple([v.string(), v.string()])))

function decrypt(key: Buffer, header: Header, line: string, ciphertext: Buffer, path: string): Map<string, string> {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(header.nonce, "hex"), { authTagLength: 16 })
      .setAAD(Buffer.from(line))
      .setAuthTag(ciphertext.subarray(-16))
    const text = Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]).toString("utf8")
    return new Map(v.parse(itemsSchema, text))
  } catch {
    throw storeDamaged(path)
  }
}

function split(
  text: string,
  path: string,
): { readonly header: Header; readonly line: string; readonly ciphertext: Buffer } {
  const [line = "", body = "", ...rest] = text.split("\n")
  if (v.is(newerSchema, line)) throw storeNewer(path)
  const header = v.safeParse(v.pipe(v.string(), v.parseJson(), headerSchema), line)
  // Base64 that decodes to the same bytes in two ways would hide a changed byte.
  const ciphertext = Buffer.from(body, "base64")
  const whole = ciphertext.toString("base64") === body && ciphertext.length >= 16 && rest.length === 1 && rest[0] === ""
  if (!header.success || JSON.stringify(header.output) !== line || !whole) throw storeDamaged(path)
  return { header: header.output, line, ciphertext }
}

async function readStore(path: string): Promise<string | undefined> {
  try {
    // Non-blocking, so that a pipe put in its place does not hang us.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      if (!found.isFile()) throw storeUnsafe(path, "it is not a plain file")
      if (found.uid !== process.getuid?.()) throw storeUnsafe(path, "it belongs to another user")
      if ((found.mode & 0o077) !== 0) throw storeUnsafe(path, "other users can reach it; run: chmod 600 on it")
      return await file.readFile("utf8")
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof CreddError) throw error
    if (errnoCode(error) === "ENOENT") return undefined
    throw storeUnsafe(path, errnoCode(error) === "ELOOP" ? "it is a symlink" : errnoCode(error))
  }
}
