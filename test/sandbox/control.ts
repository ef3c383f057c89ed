/** The sandbox's own paths, for tests in other processes and languages: faults in, calls out, messages made, and back to the start. */
import * as v from "valibot"
import type { CallLog } from "./calls.ts"
import { parseFaults } from "./fault-document.ts"
import type { Faults } from "./faults.ts"
import type { Answer } from "./wire.ts"

export interface Controlled {
  readonly faults: Faults
  readonly log: CallLog
  /** An encoded authorization message that says this. */
  mint(document: object): string
  reset(): void
}

const nothing: Answer = { status: 204, body: "" }

/** Undefined for every path that is STS's. */
export function controlAnswer(sandbox: Controlled, method: string, path: string, body: string): Answer | undefined {
  if (!path.startsWith("/_sandbox/")) return undefined
  switch (`${method} ${path}`) {
    case "GET /_sandbox/calls":
      return json(200, callsDocument(sandbox.log))
    case "POST /_sandbox/faults":
      return addFaults(sandbox.faults, body)
    case "POST /_sandbox/messages":
      return mint(sandbox, body)
    case "POST /_sandbox/reset":
      sandbox.reset()
      return nothing
    default:
      return json(404, { message: `there is no ${method} ${path}` })
  }
}

function addFaults(faults: Faults, body: string): Answer {
  try {
    for (const fault of parseFaults(body)) faults.add(fault)
    return nothing
  } catch (error) {
    return json(400, { message: error instanceof Error ? error.message : String(error) })
  }
}

function mint(sandbox: Controlled, body: string): Answer {
  try {
    return json(200, { message: sandbox.mint(v.parse(v.pipe(v.string(), v.parseJson(), v.looseObject({})), body)) })
  } catch (error) {
    return json(400, { message: error instanceof Error ? error.message : String(error) })
  }
}

function callsDocument({ calls, count, peak }: CallLog): object {
  const actions = [...new Set(calls.map((call) => call.action))]
  return {
    calls,
    counts: Object.fromEntries(actions.map((action) => [action, count(action)])),
    peaks: Object.fromEntries(actions.map((action) => [action, peak(action)])),
  }
}

function json(status: number, document: object): Answer {
  return { status, body: JSON.stringify(document), headers: { "content-type": "application/json" } }
}
