/** Where the Sts adapter would send a call: the request is caught before it leaves. */
import { systemClock } from "../../daemon/adapters/clock.ts"
import { awsSts } from "../../daemon/adapters/sts.ts"
import type { StsTarget } from "../../daemon/core/ports.ts"
import { someAccessKey } from "../fakes/credentials.ts"

export async function stsHost(target: StsTarget): Promise<string> {
  let seen = "nowhere"
  const sts = awsSts({
    clock: systemClock(),
    http: async () => ({
      async handle({ protocol, hostname }) {
        seen = `${protocol}//${hostname}`
        throw new Error("caught")
      },
      destroy: () => undefined,
    }),
  })
  await sts.getCallerIdentity(someAccessKey, target).catch(() => undefined)
  return seen
}
