/** Choices by chance that a seed repeats. */
import { sequence } from "../support/sequence.ts"

export interface Random {
  /** 0 to 1. */
  readonly next: () => number
  between(from: number, to: number): number
  pick<T>(from: readonly T[]): T
  chance(probability: number): boolean
  /** A sequence of its own for each part, so that what one part draws does not change another's. */
  fork(name: string): Random
}

export function createRandom(seed: number): Random {
  const next = sequence(seed)
  return {
    next,
    between: (from, to) => from + next() * (to - from),
    pick<T>(from: readonly T[]): T {
      const picked = from[Math.floor(next() * from.length)]
      if (picked === undefined) throw new RangeError("nothing to pick from")
      return picked
    },
    chance: (probability) => next() < probability,
    fork: (name) => createRandom(Buffer.from(name).reduce((mixed, byte) => Math.imul(mixed, 31) + byte, seed)),
  }
}
