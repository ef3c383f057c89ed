/** An Sts that answers from a clock, counts, and fails when it is told to. */
import { vi, type Mock } from "vitest"
import type { Clock, Sts } from "../../daemon/core/ports.ts"
import { someCredentials } from "./credentials.ts"

export type FakeSts = { readonly [K in keyof Sts]: Mock<Sts[K]> }

export function fakeSts(clock: Clock): FakeSts {
  return {
    getCallerIdentity: vi.fn<Sts["getCallerIdentity"]>(async () => ({
      accountId: "123456789012",
      arn: "arn:aws:iam::123456789012:user/alice",
      userId: "AIDAEXAMPLEALICE",
    })),
    getSessionToken: vi.fn<Sts["getSessionToken"]>(async (_, { durationSeconds }) =>
      someCredentials(clock.now() + durationSeconds * 1_000),
    ),
    assumeRole: vi.fn<Sts["assumeRole"]>(async (_, { durationSeconds }) =>
      someCredentials(clock.now() + durationSeconds * 1_000),
    ),
    getFederationToken: vi.fn<Sts["getFederationToken"]>(async (_, { durationSeconds }) =>
      someCredentials(clock.now() + durationSeconds * 1_000),
    ),
    decodeAuthorizationMessage: vi.fn<Sts["decodeAuthorizationMessage"]>(async () => ({
      isAllowed: false,
      isExplicitlyDenied: false,
      statements: [],
      document: {},
    })),
    getScopedCredentials: vi.fn<Sts["getScopedCredentials"]>(async (as, { policy, durationSeconds }) => ({
      credentials: someCredentials(
        durationSeconds === undefined ? as.expiration : clock.now() + durationSeconds * 1_000,
      ),
      policies: policy === undefined ? 0 : 1,
    })),
  }
}
