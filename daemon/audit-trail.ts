/**
 * The audit trail's form, shared by both faces: the daemon writes it, `credd audit` reads and checks it. A folder of
 * files of JSON lines; each line holds the SHA-256 of the line before it, across files.
 */
import { hash as digest } from "node:crypto"
import { join } from "node:path"

export interface AuditPeer {
  readonly uid?: number
  readonly pid?: number
  readonly executable?: string
  readonly directory?: string
}

/** One line. `event` and `outcome` (`ok`, or an error code) say what happened; the rest is there where it is known. */
export interface AuditLine {
  readonly seq: number
  /** When it happened. Lines stand in the order in which they were written. */
  readonly time: string
  readonly event: string
  readonly outcome: string
  readonly profile?: string
  readonly lease?: string
  readonly keyId?: string
  readonly expiration?: string
  readonly peer?: AuditPeer
  readonly [more: string]: unknown
  /** SHA-256 of the line before, without its newline. */
  readonly prev: string
}

/** Where the trail stands: its newest line. `head.json` beside the files has it, and the daemon knows it. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** Before the first line. */
export const noHead: AuditHead = { seq: 0, hash: "0".repeat(64) }

export function auditFolder(state: string): string {
  return join(state, "audit")
}

export const headName = "head.json"

export function fileName(number: number): string {
  return `audit-${String(number).padStart(6, "0")}.jsonl`
}

/** The trail's files among the names of a folder, oldest first. */
export function fileNumbers(names: readonly string[]): readonly number[] {
  return names
    .flatMap((name) => /^audit-(\d{6,})\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b)
}

export function hashOf(line: string | Buffer): string {
  return digest("sha256", line, "hex")
}

/** A line as it was parsed, or undefined where it is none. */
export function parseLine(text: string): AuditLine | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isLine(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function parseHead(text: string): AuditHead | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" &&
      value !== null &&
      "seq" in value &&
      typeof value.seq === "number" &&
      "hash" in value &&
      typeof value.hash === "string"
      ? { seq: value.seq, hash: value.hash }
      : undefined
  } catch {
    return undefined
  }
}

function isLine(value: unknown): value is AuditLine {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "seq") === "number" &&
    !["peer", "expiration"].some((name) => Reflect.get(value, name) === null) &&
    ["time", "event", "outcome", "prev"].every((name) => typeof Reflect.get(value, name) === "string")
  )
}

/** Something that is not as it was written, or (`isHarmless`) that explains itself: a kill in the middle of a line. */
export interface Finding {
  readonly file: string
  readonly line: number
  readonly text: string
  readonly isHarmless: boolean
}

export interface Check {
  /** Takes a file's bytes, oldest file first. */
  file(name: string, bytes: Buffer): void
  /** Compares with where the trail is known to stand, and says what was found. */
  end(heads: readonly AuditHead[]): {
    readonly lines: number
    readonly first?: string
    readonly last?: string
    readonly findings: readonly Finding[]
  }
}

const newline = Buffer.from("\n")

interface Place {
  readonly file: string
  readonly line: number
}

/** Follows the chain through all files and finds every line that was cut out, put in or changed. */
export function checkTrail(): Check {
  const findings: Finding[] = []
  const hashes = new Map<number, string>()
  const pruned: AuditHead[] = []
  let expected: AuditHead | undefined
  let begin: { readonly head: AuditHead; readonly place: Place } | undefined
  let torn: { readonly bytes: Buffer; readonly place: Place } | undefined
  let lines = 0
  let first: string | undefined
  let last: string | undefined
  let reached: Place = { file: "", line: 0 }

  function find({ file, line }: Place, text: string, isHarmless = false): void {
    findings.push({ file, line, text, isHarmless })
  }

  function broken(bytes: Buffer, place: Place): void {
    // A second interruption, of the line that was to tell of the first.
    torn =
      torn === undefined ? { bytes, place } : { bytes: Buffer.concat([torn.bytes, newline, bytes]), place: torn.place }
  }

  function follow(line: AuditLine, bytes: Buffer, place: Place): void {
    if (torn !== undefined) {
      const isTold = line.event === "recovered" && line["tornHash"] === hashOf(torn.bytes)
      find(
        torn.place,
        isTold ? "a write was interrupted here, and credd went on after it" : "this is no line of credd's",
        isTold,
      )
      torn = undefined
    }
    if (expected === undefined) begin = { head: { seq: line.seq - 1, hash: line.prev }, place }
    else if (line.seq > expected.seq + 1) find(place, missing(expected.seq + 1, line.seq - 1))
    else if (line.seq <= expected.seq) find(place, `line ${line.seq} stands here again`)
    else if (line.prev !== expected.hash) find(place, `line ${expected.seq}, before this one, is not as it was written`)
    if (line.event === "dropped") find(place, `${String(line["count"])} lines were not kept: the disk took none`, true)
    if (line.event === "damaged") find(place, `credd noticed: ${String(line["why"])}`)
    if (line.event === "pruned") pruned.push({ seq: Number(line["throughSeq"]), hash: String(line["throughHash"]) })
    expected = { seq: line.seq, hash: hashOf(bytes) }
    hashes.set(line.seq, expected.hash)
    lines += 1
    first ??= line.time
    last = line.time
  }

  return {
    file(name, bytes) {
      let start = 0
      for (let number = 1; start < bytes.length; number += 1) {
        const end = bytes.indexOf(10, start)
        const piece = bytes.subarray(start, end === -1 ? bytes.length : end)
        const place = { file: name, line: number }
        const line = end === -1 ? undefined : parseLine(piece.toString("utf8"))
        if (line === undefined) broken(piece, place)
        else follow(line, piece, place)
        reached = place
        start += piece.length + 1
      }
    },
    end(heads) {
      if (torn !== undefined)
        find(torn.place, "the last write was interrupted; credd will say so when it next starts", true)
      if (begin !== undefined) {
        const { head, place } = begin
        const isVouched = [noHead, ...pruned].some(({ seq, hash }) => seq === head.seq && hash === head.hash)
        if (!isVouched) find(place, missing(1, head.seq))
      }
      const newest = expected?.seq ?? 0
      for (const { seq, hash } of heads) {
        if (seq > newest) find(reached, missing(newest + 1, seq))
        // A file that was rotated away is no longer there to be compared.
        else if (seq > 0 && (hashes.get(seq) ?? hash) !== hash) find(reached, `line ${seq} is not as it was written`)
      }
      return {
        lines,
        ...(first === undefined ? {} : { first }),
        ...(last === undefined ? {} : { last }),
        findings: unique(findings),
      }
    },
  }
}

function missing(from: number, to: number): string {
  if (to < from) return `line ${from} does not follow what is before it`
  return from === to ? `line ${from} is missing` : `lines ${from} to ${to} are missing`
}

function unique(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((each) => [JSON.stringify(each), each])).values()]
}
