/**
 * The keychain's first answer at a start, by the Secret Service's own protocol (https://specifications.freedesktop.org/secret-service/):
 * the helper is a second Node, and a start would wait for it most of its time. It reads what it is asked for and nothing else,
 * and knows a whole answer only. Whatever else comes (a locked keyring, an item that is not there, a service that
 * does something of its own, or is slow), the helper is asked, and what it says counts.
 */
import { createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import type { KeychainAnswer, KeychainQuestion } from "../keychain-helper.ts"
import type { Helper } from "./keychain-process.ts"
import { sessionBus, type Bus } from "./session-bus.ts"

export interface SecretServiceOptions {
  /** Of the session bus's socket. */
  readonly path: string
  /** The name that a keychain program shows for each item. */
  readonly service: string
  readonly helper: () => Helper
  readonly patienceMs?: number
}

/** A service that the bus must start first takes longer, and then so may the helper. */
const usualPatienceMs = 100

const name = "org.freedesktop.secrets"
const service = { path: "/org/freedesktop/secrets", interface: "org.freedesktop.Secret.Service" }

export function secretService({
  path,
  service: ours,
  helper,
  patienceMs = usualPatienceMs,
}: SecretServiceOptions): Helper {
  const bus = sessionBus(path)
  const session = openSession(bus)
  // Who asks hears of it.
  session.catch(() => undefined)
  let isWaiting = true

  async function read(names: readonly string[]): Promise<KeychainAnswer> {
    const found = await Promise.all(names.map(async (each) => await itemOf(bus, ours, each)))
    const { path: opened, key } = await session
    const secrets = await secretsOf(bus, found, opened)
    return { items: names.map((each, i) => [each, decrypted(secrets.get(found[i] ?? ""), key)]) }
  }

  return {
    isWaiting: () => isWaiting,
    async ask(question) {
      isWaiting = false
      // Only the daemon writes it (adapters/keychain.ts), so its shape is the type's.
      const asked: KeychainQuestion = JSON.parse(question)
      const answer = asked.op === "read" ? await within(patienceMs, read(asked.names)) : undefined
      bus.close()
      if (answer !== undefined) return JSON.stringify(answer)
      return await helper().ask(question)
    },
    dismiss() {
      if (!isWaiting) return
      isWaiting = false
      bus.close()
    },
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    // Timers are looked at before sockets are: after a busy moment an answer may lie there unread.
    timer = setTimeout(() => setImmediate(() => resolve(undefined)), ms)
  })
  try {
    return await Promise.race([work, late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

async function itemOf(bus: Bus, ours: string, username: string): Promise<string> {
  const found = await bus.call(name, {
    ...service,
    member: "SearchItems",
    signature: "a{ss}",
    write: (body) =>
      body.array(8, () => {
        // As the helper's binding writes them.
        for (const [key, value] of Object.entries({ service: ours, username })) body.align(8).string(key).string(value)
      }),
    answers: "aoao",
  })
  const [unlocked, locked] = [found.array(4, () => found.string()), found.array(4, () => found.string())]
  const [item] = unlocked
  if (item === undefined || unlocked.length > 1 || locked.length > 0) throw new Error("not one item that can be read")
  return item
}

interface Session {
  readonly path: string
  readonly key: Buffer
}

/** What passes over the bus is not for whoever watches it. */
async function openSession(bus: Bus): Promise<Session> {
  // gnome-keyring (42 to 50) may end, and lock itself, when a session is the very first that a new caller asks for: it has not written
  // the caller down by then.
  await bus.call(name, {
    ...service,
    member: "ReadAlias",
    signature: "s",
    write: (body) => void body.string("default"),
    answers: "o",
  })
  const secret = numberFrom(randomBytes(32))
  const answer = await bus.call(name, {
    ...service,
    member: "OpenSession",
    signature: "sv",
    write: (body) =>
      body
        .string("dh-ietf1024-sha256-aes128-cbc-pkcs7")
        .signature("ay")
        .byteArray(bytesOf(power(2n, secret))),
    answers: "vo",
  })
  if (answer.signature() !== "ay") throw new Error("not a public key")
  const shared = bytesOf(power(numberFrom(answer.byteArray()), secret))
  // Services differ on whether the zeros before a short one belong to it.
  if (shared[0] === 0) throw new Error("a shared secret that is short")
  const key = Buffer.from(hkdfSync("sha256", shared, "", "", 16))
  return { path: answer.string(), key }
}

interface Encrypted {
  readonly iv: Buffer
  readonly value: Buffer
}

async function secretsOf(bus: Bus, items: readonly string[], session: string): Promise<ReadonlyMap<string, Encrypted>> {
  const answer = await bus.call(name, {
    ...service,
    member: "GetSecrets",
    signature: "aoo",
    write(body) {
      body.array(4, () => {
        for (const item of items) body.string(item)
      })
      body.string(session)
    },
    answers: "a{o(oayays)}",
  })
  const secrets = answer.array(8, () => {
    const item = answer.align(8).string()
    // The session's path before them, and the kind of content after.
    answer.align(8).string()
    const secret = { iv: answer.byteArray(), value: answer.byteArray() }
    answer.string()
    return [item, secret] as const
  })
  return new Map(secrets)
}

function decrypted(secret: Encrypted | undefined, key: Buffer): string {
  if (secret === undefined) throw new Error("an item without a secret")
  const decipher = createDecipheriv("aes-128-cbc", key, secret.iv)
  return Buffer.concat([decipher.update(secret.value), decipher.final()]).toString()
}

/** The second Oakley group (RFC 2409, 6.2). Node's own first proves that this is a prime, which takes it longer than a whole start. */
const prime = BigInt(
  "0xFFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B" +
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE64928" +
    "6651ECE65381FFFFFFFFFFFFFFFF",
)

/** Modulo the prime. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % prime
    if (bit === "1") result = (result * base) % prime
  }
  return result
}

function numberFrom(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`)
}

/** As long as the prime. */
function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(256, "0"), "hex")
}
