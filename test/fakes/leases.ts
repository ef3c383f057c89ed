/** Leases over records in memory, that fail when a test says so. */
import { vi, type Mock } from "vitest"
import { createLeases, type Lease, type LeaseRecords, type Leases, type NewLease } from "../../daemon/core/leases.ts"
import { whole } from "../../daemon/core/scope.ts"
import { fakeClock, type FakeClock } from "./clock.ts"
import { fakeLog } from "./log.ts"

export interface FakeLeases {
  readonly clock: FakeClock
  readonly leases: Leases
  readonly write: Mock<LeaseRecords["write"]>
  readonly onEnd: Mock<(lease: Lease) => void>
  /** What the last write left behind. */
  kept(): readonly Lease[]
  /** Makes a lease and gives its token. */
  mint(lease: Partial<NewLease>, replace?: boolean): Promise<{ readonly lease: Lease; readonly token: string }>
}

export function fakeLeases(kept: readonly Lease[] = [], clock: FakeClock = fakeClock()): FakeLeases {
  let last = kept
  const write = vi.fn<LeaseRecords["write"]>(async (leases) => {
    last = leases
  })
  const onEnd = vi.fn<(lease: Lease) => void>()
  const leases = createLeases(kept, { clock, records: { write }, log: fakeLog() })
  leases.onEnd(onEnd)
  return {
    clock,
    leases,
    write,
    onEnd,
    kept: () => last,
    async mint(asked, replace) {
      const { lease, token } = leases.draft({ name: "shell", profiles: ["*"], scope: whole, ...asked }, replace)
      await leases.add(lease, replace)
      return { lease, token: token.reveal() }
    },
  }
}
