/** One change to a source profile at a time: two logins at once must not race for the same code. */
export type InTurn = <T>(sourceProfile: string, work: () => Promise<T>) => Promise<T>

export function createTurns(): InTurn {
  const turns = new Map<string, Promise<unknown>>()
  return async (sourceProfile, work) => {
    const turn = (turns.get(sourceProfile) ?? Promise.resolve()).then(work, work)
    turns.set(sourceProfile, turn)
    try {
      return await turn
    } finally {
      if (turns.get(sourceProfile) === turn) turns.delete(sourceProfile)
    }
  }
}
