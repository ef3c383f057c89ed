/** The OS keychain as an ItemStore, through a helper process that lives for one question. */
import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import * as v from "valibot"
import { builtFile } from "../built.ts"
import {
  keychainLocked,
  keychainUnavailable,
  storeWriteFailed,
  unlockNotNeeded,
  type CreddError,
} from "../core/errors.ts"
import { Secret } from "../core/secret.ts"
import type { KeychainAnswer, KeychainQuestion } from "../keychain-helper.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { errnoCode } from "./errno.ts"
import type { ItemStore } from "./item-store.ts"
import { deadlineMs, keychainService, startHelper, type Helper } from "./keychain-process.ts"

export interface KeychainOptions {
  /**
   * Names of the items, without their values: tells what there is while the keychain is locked, and saves a question.
   * Before a change it names what is about to change, so that after a crash the keychain is asked how that ended.
   */
  readonly indexFile: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The helper as JavaScript. */
  readonly helper?: string
  /** One that is under way already, for the first question. */
  readonly first?: Helper | undefined
  /** The name that a keychain program shows for each item. */
  readonly service?: string
  /** Ends a question under way, so that a hung keyring does not hold up the daemon's end. */
  readonly signal?: AbortSignal
}

const answerSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.union([
    v.object({ names: v.array(v.string()) }),
    v.object({ items: v.array(v.tuple([v.string(), v.string()])) }),
    v.object({ done: v.literal(true) }),
    v.object({ error: v.picklist(["locked", "unavailable"]), why: v.string() }),
  ]),
)
const indexSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ names: v.array(v.string()), unsure: v.array(v.string()) }),
)

/** `names`: what is believed to be there. `unsure`: what a change was under way for, to be asked about. */
type Index = v.InferOutput<typeof indexSchema>

export function keychain(options: KeychainOptions): ItemStore {
  const { indexFile, env, service = keychainService, signal } = options
  const helper = options.helper ?? builtFile("keychain-helper.js")
  let { first } = options
  let queue: Promise<unknown> = Promise.resolve()
  let hangs = 0
  let changes = 0
  let isStart = true

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const hangsBefore = hangs
    const turn = queue.then(async () => {
      // Whoever waited behind a hung keyring has waited long enough: the deadline is for all of them together.
      if (hangs !== hangsBefore) throw hung()
      return await work()
    })
    queue = turn.catch(() => undefined)
    return await turn
  }

  /** Throws only where no answer came, and so nobody knows whether a change was made. */
  async function answerTo(question: KeychainQuestion): Promise<KeychainAnswer> {
    const asked = first?.isWaiting() === true ? first : startHelper({ file: helper, service, env, signal })
    first = undefined
    const output = await asked.ask(JSON.stringify(question)).catch((error: unknown) => {
      const isEnding = error instanceof Error && error.name === "AbortError"
      const why = isEnding ? "credd is ending" : `its helper could not be started: ${errnoCode(error)}`
      throw keychainUnavailable(why, error)
    })
    if (output === undefined) {
      hangs += 1
      throw hung()
    }
    const answer = v.safeParse(answerSchema, output)
    if (!answer.success) throw keychainUnavailable("its helper broke off")
    return answer.output
  }

  async function ask(question: KeychainQuestion): Promise<GoodAnswer> {
    return checked(await answerTo(question))
  }

  async function index(): Promise<readonly string[]> {
    const kept = await keptIndex()
    return kept === undefined || kept.unsure.length > 0 ? await settledIndex(kept) : kept.names
  }

  async function keptIndex(): Promise<Index | undefined> {
    // A start waits for it; later a disk that hangs must not hold up those who are served.
    const isFirst = isStart
    isStart = false
    try {
      const kept = v.safeParse(
        indexSchema,
        isFirst ? readFileSync(indexFile, "utf8") : await readFile(indexFile, "utf8"),
      )
      return kept.success ? kept.output : undefined
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined
      throw keychainUnavailable(`could not read ${indexFile}: ${errnoCode(error)}`, error)
    }
  }

  /** A lost index, or a change that broke off, costs one question: the keychain itself knows what it holds. */
  async function settledIndex(kept: Index | undefined): Promise<readonly string[]> {
    const answer = await ask({ op: "list" })
    const there = "names" in answer ? answer.names : []
    const isSure = (name: string): boolean => kept !== undefined && !kept.unsure.includes(name)
    const names = [...(kept?.names ?? []).filter(isSure), ...there.filter((name) => !isSure(name))].toSorted()
    await writeIndex(names)
    return names
  }

  async function writeIndex(names: Iterable<string>, unsure: readonly string[] = []): Promise<void> {
    await writeFileAtomic(indexFile, `${JSON.stringify({ names: [...new Set(names)].toSorted(), unsure })}\n`)
  }

  /** What is believed, where the keychain cannot be asked. */
  async function believed(): Promise<readonly string[]> {
    const kept = await keptIndex()
    // A change of our own is no doubt: it will say how it ended.
    if (kept !== undefined && (kept.unsure.length === 0 || changes > 0)) return kept.names
    try {
      return await inTurn(index)
    } catch (error) {
      if (kept === undefined) throw error
      // What may be there counts: a name too many reads as missing, one too few would hide a session that is kept.
      return [...new Set([...kept.names, ...kept.unsure])].toSorted()
    }
  }

  async function changed<T>(work: () => Promise<T>): Promise<T> {
    changes += 1
    try {
      return await work()
    } finally {
      changes -= 1
    }
  }

  return {
    kind: "keychain",
    // Not in turn: the file answers at once, however long the keychain takes.
    names: believed,
    read: (names) =>
      inTurn(async () => {
        if (names.length === 0) return new Map()
        const answer = await ask({ op: "read", names })
        return new Map("items" in answer ? answer.items.map(([name, value]) => [name, new Secret(value)]) : [])
      }),
    write: (name, value) =>
      inTurn(async () => {
        if (value.reveal() === "") throw storeWriteFailed(`"${name}"`, "an item cannot be empty")
        const names = await index()
        await changed(async () => {
          const isNew = !names.includes(name)
          // The name first: an item without a name would never be found again.
          if (isNew) await writeIndex(names, [name])
          const answer = await answerTo({ op: "write", name, value: value.reveal() })
          if (isNew) await writeIndex("error" in answer ? names : [...names, name])
          checked(answer)
        })
      }),
    remove: (names) =>
      inTurn(async () => {
        const known = await index()
        const going = known.filter((name) => names.includes(name))
        await changed(async () => {
          if (going.length > 0) await writeIndex(known, going)
          await ask({ op: "remove", names })
          if (going.length > 0) await writeIndex(known.filter((name) => !going.includes(name)))
        })
      }),
    async unlock() {
      throw unlockNotNeeded("keychain")
    },
  }
}

type GoodAnswer = Exclude<KeychainAnswer, { readonly error: string }>

function checked(answer: KeychainAnswer): GoodAnswer {
  if (!("error" in answer)) return answer
  throw answer.error === "locked" ? keychainLocked() : keychainUnavailable(answer.why)
}

const hung = (): CreddError => keychainUnavailable(`it did not answer within ${deadlineMs / 1_000} s`)
