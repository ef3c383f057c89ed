/**
 * Asks the OS keychain one question and ends. A process of its own, because the keychain binding blocks, may hang with
 * the keyring, and holds every secret that it reads: one JSON line in on stdin, one out on stdout; only the service's name is an argument.
 */
import "./no-inspector.ts"
import { Entry, findCredentials } from "@napi-rs/keyring"
import { readFileSync, writeFileSync } from "node:fs"

export type KeychainQuestion =
  | { readonly op: "list" }
  | { readonly op: "read"; readonly names: readonly string[] }
  | { readonly op: "write"; readonly name: string; readonly value: string }
  | { readonly op: "remove"; readonly names: readonly string[] }

export type KeychainAnswer =
  | { readonly names: readonly string[] }
  | { readonly items: readonly (readonly [name: string, value: string])[] }
  | { readonly done: true }
  | { readonly error: "locked" | "unavailable"; readonly why: string }

const onLinux = process.platform === "linux"

function entry(service: string, name: string): Entry {
  // Unpinned, the binding falls back to the kernel keyring in silence, which forgets at logout.
  return new Entry(service, name, { linux: { store: "secret-service" } })
}

/**
 * On Linux a search tells "locked" without a prompt, and throws where there is no Secret Service; reading or deleting a
 * locked item would prompt, or call it missing.
 */
function found(service: string): ReadonlyMap<string, string> {
  return new Map(findCredentials(service).map(({ account, password }) => [account, password]))
}

/** What a search for the service's items has found; on macOS a question reads only what it asks for. */
type Items = ReadonlyMap<string, string> | undefined

function answerTo(question: KeychainQuestion, service: string, items: Items): KeychainAnswer {
  switch (question.op) {
    case "list":
      return { names: [...(items ?? found(service)).keys()] }
    case "read": {
      const read = (name: string): string | null | undefined =>
        items === undefined ? entry(service, name).getPassword() : items.get(name)
      return {
        items: question.names.flatMap((name) => {
          const value = read(name)
          return value === null || value === undefined ? [] : [[name, value] as const]
        }),
      }
    }
    case "write":
      // Where a locked keyring holds nothing of ours the search sees no lock, and this asks the person to unlock it:
      // at most once for each `credd add`, since everything else finds the access key there.
      entry(service, question.name).setPassword(question.value)
      return { done: true }
    case "remove":
      for (const name of question.names) entry(service, name).deletePassword()
      return { done: true }
    default:
      return { error: "unavailable", why: "the helper was asked what it does not know" }
  }
}

/** -25308 is macOS's errSecInteractionNotAllowed: a locked keychain, as over ssh. */
const lockedText = /IsLocked|prompt was dismissed|-25308|interaction is not allowed/i

function failure(error: unknown): KeychainAnswer {
  const message = error instanceof Error ? error.message : ""
  if (lockedText.test(message)) return { error: "locked", why: "" }
  if (/no result found/i.test(message)) return { error: "unavailable", why: "no default keyring exists yet" }
  if (/ServiceUnknown|not provided by any/i.test(message))
    return { error: "unavailable", why: "no Secret Service runs in this session" }
  if (/failed to connect to address/i.test(message))
    return { error: "unavailable", why: "no session bus answers (see DBUS_SESSION_BUS_ADDRESS)" }
  // The binding's own words, cut: they name D-Bus errors, and never an item's value.
  return { error: "unavailable", why: message.split("\n")[0]?.slice(0, 120) || "it gave no reason" }
}

let answer: KeychainAnswer
try {
  const [service = ""] = process.argv.slice(2)
  // On Linux every question begins with a search: it is done by the time that the question comes.
  const items = onLinux ? found(service) : undefined
  // Only the daemon writes here (adapters/keychain.ts), so the question's shape is the type's.
  const question: KeychainQuestion = JSON.parse(readFileSync(0, "utf8"))
  answer = answerTo(question, service, items)
} catch (error) {
  answer = failure(error)
}
writeFileSync(1, `${JSON.stringify(answer)}\n`)
