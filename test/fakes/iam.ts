/** An IAM with one user, that dies before or after any of its calls takes effect when it is told to. */
import type { AccessKey } from "../../daemon/core/credentials.ts"
import { CreddError, accessKeyQuota, accessKeyRejected } from "../../daemon/core/errors.ts"
import type { Clock, Iam } from "../../daemon/core/ports.ts"
import { Secret } from "../../daemon/core/secret.ts"

interface Key {
  readonly accessKeyId: string
  readonly secret: string
  readonly createdAt: number
  isActive: boolean
  isUsed: boolean
}

export interface FakeIam extends Iam {
  readonly keys: Key[]
  readonly calls: string[]
  /** Throws unless AWS would take this key. */
  check(as: AccessKey): void
}

export function fakeIam(
  clock: Clock,
  first: AccessKey,
  before: (call: string) => void = () => undefined,
  after: (call: string) => void = () => undefined,
): FakeIam {
  const secret = first.secretAccessKey.reveal()
  const keys: Key[] = [{ accessKeyId: first.accessKeyId, secret, createdAt: 0, isActive: true, isUsed: true }]
  const calls: string[] = []
  let made = 0
  function check(as: AccessKey): void {
    if ("sessionToken" in as) return
    const key = keys.find(({ accessKeyId }) => accessKeyId === as.accessKeyId)
    if (key?.isActive !== true || key.secret !== as.secretAccessKey.reveal())
      throw accessKeyRejected("the access key", new Error())
    key.isUsed = true
  }
  async function call<T>(name: string, as: AccessKey, effect: () => T): Promise<T> {
    calls.push(name)
    before(name)
    check(as)
    const result = effect()
    after(name)
    return result
  }
  const find = (id: string): Key => {
    const key = keys.find(({ accessKeyId }) => accessKeyId === id)
    if (key === undefined) throw new CreddError("AccessDenied", "no such key")
    return key
  }
  return {
    keys,
    calls,
    check,
    listAccessKeys: (as) => call("list", as, () => keys.map((key) => ({ ...key }))),
    createAccessKey: (as, userName) =>
      call("create", as, () => {
        if (keys.length > 1) throw accessKeyQuota(userName)
        made += 1
        const key = { accessKeyId: `AKIAEXAMPLENEW${made}`, secret: `EXAMPLEsecretNumber${made}` }
        keys.push({ ...key, createdAt: clock.now(), isActive: true, isUsed: false })
        return { accessKeyId: key.accessKeyId, secretAccessKey: new Secret(key.secret) }
      }),
    setActive: (as, _, id, isActive) =>
      call("update", as, () => {
        find(id).isActive = isActive
      }),
    deleteAccessKey: (as, _, id) =>
      call("delete", as, () => {
        const at = keys.findIndex(({ accessKeyId }) => accessKeyId === id)
        if (at >= 0) keys.splice(at, 1)
      }),
    isNeverUsed: (as, id) => call("last-used", as, () => !find(id).isUsed),
  }
}
