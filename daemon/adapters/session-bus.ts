/**
 * As much of D-Bus as a question to the Secret Service needs: a connection to the session bus, calls, and their answers
 * (https://dbus.freedesktop.org/doc/dbus-specification.html). Whoever calls has another way where anything here fails: what
 * is not understood is an error, without words for people.
 */
import { connect } from "node:net"

export interface Call {
  readonly path: string
  readonly interface: string
  readonly member: string
  /** The types of what is passed, as D-Bus writes them; "" for nothing. */
  readonly signature?: string
  readonly write?: (body: Writer) => void
  /** The types of the answer. */
  readonly answers: string
}

export interface Bus {
  /** Sent in the order of the calls, without waiting for each other. */
  call(destination: string, call: Call): Promise<Reader>
  close(): void
}

const [methodCall, methodReturn] = [1, 2]
const fields = { path: 1, interface: 2, member: 3, replySerial: 5, destination: 6, signature: 8 } as const
const littleEndian = "l".charCodeAt(0)
const protocolVersion = 1
const headBytes = 16
/** An item of a keychain has some thousand bytes. */
const longestMessage = 1 << 20

/** Where a bus listens, from an address as in `DBUS_SESSION_BUS_ADDRESS`; nothing for any but a socket with a path. */
export function busPath(address: string | undefined): string | undefined {
  const path = /^unix:path=([^,;%]+)(?:,guid=[0-9a-f]+)?$/.exec(address ?? "")?.[1]
  return path?.startsWith("/") === true ? path : undefined
}

export function sessionBus(path: string): Bus {
  const waiting = new Map<number, { expected: string; resolve(body: Reader): void; reject(error: Error): void }>()
  let serial = 0
  let failure: Error | undefined
  let isAdmitted = false
  let rest: Buffer = Buffer.alloc(0)

  const socket = connect({ path })
  socket
    .on("data", (bytes: Buffer) => {
      try {
        take(bytes)
      } catch (error) {
        fail(error instanceof Error ? error : new Error("an answer of the bus is not understood"))
      }
    })
    .on("error", fail)
    .on("close", () => fail(new Error("the bus has closed the connection")))

  function fail(error: Error): void {
    failure ??= error
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
    socket.destroy()
  }

  function take(bytes: Buffer): void {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    if (!isAdmitted) {
      const end = rest.indexOf("\r\n")
      if (end === -1) return
      if (!rest.toString("latin1", 0, end).startsWith("OK ")) throw new Error("the bus does not admit us")
      isAdmitted = true
      rest = rest.subarray(end + 2)
    }
    for (let length = lengthOf(rest); length !== undefined && length <= rest.length; length = lengthOf(rest)) {
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      answer(message)
    }
  }

  function answer(message: Buffer): void {
    const { type, replySerial, signature, body } = parsed(message)
    const asked = waiting.get(replySerial)
    // Signals, and answers to nobody.
    if (asked === undefined) return
    waiting.delete(replySerial)
    if (type === methodReturn && signature === asked.expected) asked.resolve(body)
    else asked.reject(new Error("the bus answers something else"))
  }

  async function call(destination: string, what: Call): Promise<Reader> {
    if (failure !== undefined) throw failure
    serial += 1
    socket.write(messageOf(serial, destination, what))
    return await new Promise((resolve, reject) => waiting.set(serial, { expected: what.answers, resolve, reject }))
  }

  // Who we are, the kernel tells the bus. All that follows is sent before it has said yes: one way less.
  const user = Buffer.from(String(process.getuid?.())).toString("hex")
  socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`)
  const [bus, busObject] = ["org.freedesktop.DBus", "/org/freedesktop/DBus"]
  call(bus, { path: busObject, interface: bus, member: "Hello", answers: "s" }).catch(() => undefined)
  return { call, close: () => fail(new Error("closed")) }
}

function messageOf(
  serial: number,
  destination: string,
  { path, interface: face, member, signature = "", write }: Call,
) {
  const head = new Writer()
  head.byte(littleEndian).byte(methodCall).byte(0).byte(protocolVersion)
  const body = new Writer()
  write?.(body)
  head.uint32(body.length).uint32(serial)
  head.array(8, () => {
    for (const [field, type, value] of [
      [fields.path, "o", path],
      [fields.destination, "s", destination],
      [fields.interface, "s", face],
      [fields.member, "s", member],
    ] as const) {
      head.align(8).byte(field).signature(type).string(value)
    }
    if (signature !== "") head.align(8).byte(fields.signature).signature("g").signature(signature)
  })
  return Buffer.concat([head.align(8).bytes(), body.bytes()])
}

/** Of the message that begins here; nothing where that cannot be told yet. */
function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < headBytes) return undefined
  if (bytes[0] !== littleEndian || bytes[3] !== protocolVersion) throw new Error("the bus speaks something else")
  const length = padded(headBytes + bytes.readUInt32LE(12), 8) + bytes.readUInt32LE(4)
  if (length > longestMessage) throw new Error("a message of the bus is too long")
  return length
}

interface Message {
  readonly type: number | undefined
  readonly replySerial: number
  readonly signature: string
  readonly body: Reader
}

function parsed(message: Buffer): Message {
  const head = new Reader(message, headBytes - 4)
  let [replySerial, signature] = [0, ""]
  head.array(8, () => {
    const field = head.align(8).byte()
    const type = head.signature()
    if (type === "u") {
      const value = head.uint32()
      if (field === fields.replySerial) replySerial = value
    } else if (type === "g") {
      const value = head.signature()
      if (field === fields.signature) signature = value
    } else if (type === "s" || type === "o") head.string()
    else throw new Error("a message's head holds something else")
  })
  return { type: message[1], replySerial, signature, body: new Reader(message.subarray(head.align(8).at)) }
}

function padded(length: number, to: number): number {
  return Math.ceil(length / to) * to
}

/** Values in D-Bus's own form. */
export class Writer {
  #bytes = Buffer.alloc(512)
  length = 0

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  align(to: number): this {
    return this.#room(padded(this.length, to) - this.length)
  }

  byte(value: number): this {
    this.#room(1)
    this.#bytes[this.length - 1] = value
    return this
  }

  uint32(value: number): this {
    this.align(4).#room(4)
    this.#bytes.writeUInt32LE(value, this.length - 4)
    return this
  }

  /** An object's path, too. */
  string(value: string): this {
    const bytes = Buffer.from(value)
    return this.uint32(bytes.length).#raw(bytes).byte(0)
  }

  signature(value: string): this {
    return this.byte(value.length).#raw(Buffer.from(value)).byte(0)
  }

  byteArray(value: Uint8Array): this {
    return this.uint32(value.length).#raw(value)
  }

  /** `alignment`: of its elements, in bytes. */
  array(alignment: number, write: () => void): this {
    this.uint32(0)
    const at = this.length - 4
    this.align(alignment)
    const start = this.length
    write()
    this.#bytes.writeUInt32LE(this.length - start, at)
    return this
  }

  #raw(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.length - bytes.length)
    return this
  }

  #room(length: number): this {
    this.length += length
    if (this.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], Math.max(this.length, this.#bytes.length * 2))
    }
    return this
  }
}

/** Values from D-Bus's own form. Throws where they end too soon. */
export class Reader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  align(to: number): this {
    this.at = padded(this.at, to)
    return this
  }

  byte(): number {
    return this.#taken(1).readUInt8()
  }

  uint32(): number {
    return this.align(4).#taken(4).readUInt32LE()
  }

  /** An object's path, too. */
  string(): string {
    const text = this.#taken(this.uint32()).toString()
    this.at += 1
    return text
  }

  signature(): string {
    const text = this.#taken(this.byte()).toString("latin1")
    this.at += 1
    return text
  }

  byteArray(): Buffer {
    return this.#taken(this.uint32())
  }

  array<T>(alignment: number, read: () => T): T[] {
    const length = this.uint32()
    this.align(alignment)
    const end = this.at + length
    const values: T[] = []
    while (this.at < end) values.push(read())
    return values
  }

  #taken(length: number): Buffer {
    const start = this.at
    this.at += length
    if (this.at > this.#bytes.length) throw new Error("a message ends too soon")
    return this.#bytes.subarray(start, this.at)
  }
}
