/** A program's effects on the outside, and its death right before one of them: what `tracer.py` does, for tests. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("tracer.py", import.meta.url))

export interface Effect {
  /** `main`: the thread that runs JavaScript. `pool`: any other. */
  readonly thread: "main" | "pool"
  /** The call and what it works on, whatever differs from run to run left out. */
  readonly shape: string
  /** Of all with that shape in that thread. */
  readonly nth: number
}

export interface Tracer {
  /** Lets go of the program, if it is still there, and gives what it did in the meantime. */
  stop(): Promise<readonly Effect[]>
}

/** Writes down what a running program does, and kills it before that effect. Needs a file for its notes. */
export async function trace(pid: number, log: string, killBefore?: Effect): Promise<Tracer> {
  const tracer = spawn("python3", [program, log, told(killBefore), "--pid", String(pid)], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const ended = once(tracer, "exit")
  await Promise.race([once(tracer.stdout, "data"), ended])
  if (tracer.exitCode !== null) throw new Error(`could not trace process ${pid}`)
  return {
    async stop() {
      tracer.kill("SIGTERM")
      await ended
      return effectsIn(log)
    },
  }
}

/** Runs a command to its end, or until it is killed before that effect, and gives what it did. */
export async function traceCommand(
  { env, trace: log }: { readonly env: NodeJS.ProcessEnv; readonly trace: string },
  command: readonly string[],
  killBefore?: Effect,
): Promise<readonly Effect[]> {
  const tracer = spawn("python3", [program, log, told(killBefore), "--", ...command], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  })
  await once(tracer, "exit")
  return effectsIn(log)
}

export function nameOf({ thread, shape, nth }: Effect): string {
  return `${shape} (${thread}, ${nth})`
}

export function calls(effects: readonly Effect[]): readonly string[] {
  return effects.map(({ shape }) => shape.replace(/ .*/s, ""))
}

function told(effect: Effect | undefined): string {
  return effect === undefined ? "" : JSON.stringify(effect)
}

function effectsIn(log: string): readonly Effect[] {
  const lines = readFileSync(log, "utf8").split("\n")
  return lines.flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Effect]))
}
