/**
 * `credd audit`: who took which credentials, and when. It reads the files itself: the record is there when the daemon is
 * not, and whoever checks a record does not ask the one who wrote it. Only where the trail stands is asked besides.
 */
import {
  auditFolder,
  checkTrail,
  fileName,
  fileNumbers,
  headName,
  parseHead,
  parseLine,
  type AuditHead,
  type AuditLine,
  type AuditPeer,
} from "../../daemon/audit-trail.ts"
import type { Command } from "../command.ts"
import type { Context } from "../context.ts"
import { anySeconds } from "../duration.ts"
import { Failure, usageWrong } from "../failure.ts"
import { counted, paint, span, warning, type Paint } from "../output.ts"
import { join } from "node:path"

type AuditFlags = {
  readonly since?: string
  readonly lease?: string
  readonly follow: boolean
  readonly json: boolean
  readonly verify: boolean
}

const usualSince = "24h"
const followMs = 500

export const audit: Command<AuditFlags> = async (context, flags) => {
  if (flags.verify) {
    if (flags.follow || flags.since !== undefined || flags.lease !== undefined) {
      throw usageWrong("--verify checks the whole record; it goes with --json only", "run: credd audit --verify")
    }
    return await verify(context, flags.json)
  }
  const seconds = anySeconds(flags.since ?? usualSince)
  if (Number.isNaN(seconds)) throw usageWrong(`"${flags.since}" is not a time span`, "run: credd audit --since 1h")
  const from = new Date(context.now() - seconds * 1_000).toISOString()
  const { stdout } = context.process
  const color = paint(stdout, context)
  const reader = createReader(context)

  for (let isFirst = true; isFirst || flags.follow; isFirst = false) {
    if (!isFirst) await context.pause(followMs)
    reader.each((text) => {
      const line = parseLine(text)
      if (line === undefined || line.time < from || !concerns(line, flags.lease)) return
      stdout.write(flags.json ? `${text}\n` : `${sentence(line, color)}\n`)
    })
  }
  return 0
}

/** Reads what has come since it last read, file by file. A line that is not whole yet waits. */
function createReader({ files, paths }: Context): { each(take: (line: string) => void): void } {
  const folder = auditFolder(paths.state)
  let number: number | undefined
  let offset = 0
  return {
    each(take) {
      for (const next of fileNumbers(files.list(folder))) {
        if (number !== undefined && next < number) continue
        if (next !== number) offset = 0
        number = next
        const bytes = files.readFrom(join(folder, fileName(next)), offset) ?? Buffer.alloc(0)
        const end = bytes.lastIndexOf(10) + 1
        offset += end
        if (end > 0) for (const line of bytes.toString("utf8", 0, end - 1).split("\n")) take(line)
      }
    },
  }
}

function concerns(line: AuditLine, lease: string | undefined): boolean {
  return lease === undefined || line.lease === lease || line["leaseId"] === lease
}

/** `2026-11-23 10:00:00Z  served  dev to shell; ASIA…, 59m left; pid 4711 /usr/bin/python3 in /home/alice`. */
function sentence(line: AuditLine, color: Paint): string {
  const { time, event, outcome, profile, lease, keyId, expiration, peer } = line
  const [via, scope] = [line["via"], line["scope"]]
  const what = [
    profile,
    lease === undefined ? undefined : `to ${lease}`,
    typeof via === "string" && via !== "endpoint" ? `by ${via}` : undefined,
    typeof scope === "string" ? `(${scope})` : undefined,
  ]
  const left = expiration === undefined ? "" : `, ${span(Date.parse(expiration) - Date.parse(time))} left`
  const facts = [
    what.filter(Boolean).join(" "),
    keyId === undefined ? undefined : `${keyId}${left}`,
    ...Object.entries(line).flatMap(([name, value]) =>
      told.has(name) || value === null ? [] : `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
    ),
    peer === undefined ? undefined : whoOf(peer),
  ]
  const verdict = outcome === "ok" ? "" : `${color.red(printable(outcome))}  `
  const at = color.dim(printable(`${time.slice(0, 10)} ${time.slice(11, 19)}Z`))
  return `${at}  ${printable(event.padEnd(8))}  ${verdict}${printable(facts.filter(Boolean).join("; "))}`
}

/** What the sentence has in words, and what only the chain needs. */
const told = new Set("seq time event outcome profile lease leaseId keyId expiration peer via scope prev".split(" "))

function whoOf({ pid, uid, executable, directory }: AuditPeer): string {
  if (pid === undefined) return uid === undefined ? "a caller that was gone at once" : `a process of user ${uid}`
  return [`pid ${pid}`, executable, directory === undefined ? undefined : `in ${directory}`].filter(Boolean).join(" ")
}

async function verify(context: Context, isJson: boolean): Promise<number> {
  const { files, paths, process: io } = context
  const folder = auditFolder(paths.state)
  // Asked first: what is written after this only adds to it.
  const heads = [...(await daemonHead(context)), ...keptHead(context)]
  const check = checkTrail()
  const numbers = fileNumbers(files.list(folder))
  for (const number of numbers) {
    check.file(fileName(number), files.readFrom(join(folder, fileName(number)), 0) ?? Buffer.alloc(0))
  }
  const { lines, first, last, findings } = check.end(heads)
  const isWhole = findings.every(({ isHarmless }) => isHarmless)
  if (isJson) {
    io.stdout.write(`${JSON.stringify({ isWhole, lines, files: numbers.length, first, last, findings }, null, 2)}\n`)
  } else {
    const color = paint(io.stdout, context)
    for (const { file, line, text, isHarmless } of findings) {
      io.stdout.write(`${isHarmless ? "note" : color.red("damaged")}: ${file}:${line}: ${printable(text)}\n`)
    }
    const range = first === undefined ? "" : `, ${first} to ${last}`
    const verdict = isWhole ? color.green("whole") : color.red("not as it was written")
    io.stdout.write(`${counted(lines, "line")} in ${counted(numbers.length, "file")}${range}: ${verdict}\n`)
  }
  return isWhole ? 0 : 1
}

/** The running daemon remembers the newest line: nobody can rewrite the end behind its back. */
async function daemonHead(context: Context): Promise<readonly AuditHead[]> {
  try {
    const { seq, hash, problem } = await context.daemon("GET /audit", {})
    if (problem !== undefined) warning(context.process.stderr, problem)
    return [{ seq, hash }]
  } catch (error) {
    if (!(error instanceof Failure && error.code === "DaemonNotRunning")) throw error
    warning(context.process.stderr, "the daemon is not running: lines that were cut off at the end may go unnoticed")
    return []
  }
}

function keptHead({ files, paths }: Context): readonly AuditHead[] {
  const head = parseHead(files.read(join(auditFolder(paths.state), headName))?.toString("utf8") ?? "")
  return head === undefined ? [] : [head]
}

/** A caller chooses its program's name and its folder; neither is to write to the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?")
}
