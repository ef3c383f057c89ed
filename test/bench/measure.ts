/** How two sides are measured: loads in a process of its own, pairs that alternate, and medians of them. */
import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Load, Loaded } from "./load.ts"
import { median } from "./median.ts"
import { node } from "./processes.ts"
import type { Row } from "./table.ts"

const loadProcess = fileURLToPath(new URL("./load.js", import.meta.url))

export interface Served {
  readonly process: ChildProcess
  readonly port: number
  readonly request: string
}

export async function load({ port, request: bytes }: Served, how: Omit<Load, "port" | "request">): Promise<Loaded> {
  const asked: Load = { port, request: bytes, ...how }
  return JSON.parse((await node([loadProcess], {}, JSON.stringify(asked))).stdout) as Loaded
}

export function served(child: ChildProcess, port: number, path: string, token: string): Served {
  const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, `Authorization: ${token}`, "", ""]
  return { process: child, port, request: lines.join("\r\n") }
}

/** A pair in each round, the order turned each time; gives each side's median and the median of the pairs' ratios. */
export async function alternating<T>(
  rounds: number,
  sides: readonly [() => Promise<T>, () => Promise<T>],
): Promise<readonly (readonly [T, T])[]> {
  const pairs: (readonly [T, T])[] = []
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) {
      const first = await sides[0]()
      pairs.push([first, await sides[1]()])
    } else {
      const second = await sides[1]()
      pairs.push([await sides[0](), second])
    }
  }
  return pairs
}

export function rowOf<T>(
  { what, unit, target }: Pick<Row, "what" | "unit" | "target">,
  pairs: readonly (readonly [T, T])[],
  value: (measured: T) => number,
): Row {
  return {
    what,
    unit,
    credd: median(pairs.map(([ours]) => value(ours))),
    reference: median(pairs.map(([, theirs]) => value(theirs))),
    ratio: median(pairs.map(([ours, theirs]) => value(ours) / value(theirs))),
    ...(target === undefined ? {} : { target }),
  }
}
