/** Callers that are all one process of the daemon's own user, or of somebody else. */
import type { Peer, Peers } from "../../daemon/core/ports.ts"

export function fakePeers({ isAllowed = true, peer = {} }: { isAllowed?: boolean; peer?: Peer } = {}): Peers {
  return { mayAsk: () => isAllowed, isOurs: async () => isAllowed, who: async () => peer }
}
