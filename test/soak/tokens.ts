/** The authorization tokens that callers have: those that are good now, and some that once were. */
import type { Token } from "./model.ts"

export interface HeldToken {
  readonly token: Token
  readonly text: string
}

export interface Tokens {
  good(): readonly HeldToken[]
  old(): readonly HeldToken[]
  add(held: HeldToken): void
  end(held: HeldToken): void
  /** Puts what has ended by itself among the old. */
  tidy(awsNow: number): void
}

const remembered = 20

export function createTokens(): Tokens {
  let good: readonly HeldToken[] = []
  let old: readonly HeldToken[] = []
  function end(held: HeldToken): void {
    good = good.filter((each) => each !== held)
    old = [held, ...old].slice(0, remembered)
  }
  return {
    good: () => good,
    old: () => old,
    add(held) {
      good = [...good, held]
    },
    end,
    tidy(awsNow) {
      for (const held of good) if (awsNow > (held.token.expiration ?? Number.POSITIVE_INFINITY)) end(held)
    },
  }
}
