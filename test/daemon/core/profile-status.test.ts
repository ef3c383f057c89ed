import { describe, expect, it } from "vitest"
import type { SessionStatus } from "../../../daemon/api.ts"
import { profileStatus } from "../../../daemon/core/profile-status.ts"
import type { Profile, SessionProfile } from "../../../daemon/core/profiles.ts"

const acme: SessionProfile = { kind: "session", name: "acme", sourceProfile: "acme", target: { region: "eu-west-1" } }
const request = {
  roleArn: "arn:aws:iam::123456789012:role/developer",
  roleSessionName: "credd",
  durationSeconds: 3_600,
}
const dev: Profile = {
  ...acme,
  kind: "role",
  name: "dev",
  request,
  namesSession: false,
  above: acme,
  notes: ["capped"],
}
const expiration = "2026-11-23T22:00:00Z"

function session(state: SessionStatus["state"]): (sourceProfile: string) => SessionStatus {
  return (sourceProfile) => ({ sourceProfile, state, ...(state === "signed-out" ? {} : { expiration }) })
}

describe(profileStatus.name, () => {
  it.each([
    ["signed-in", "ready", "idle"],
    ["expired", "login-required", "login-required"],
    ["signed-out", "login-required", "login-required"],
  ] as const)("with its session %s says %s, and of a role that nobody holds %s", (state, ofSession, ofRole) => {
    expect(profileStatus(acme, session(state), undefined).state).toBe(ofSession)
    expect(profileStatus(dev, session(state), undefined)).toMatchObject({ state: ofRole, notes: ["capped"] })
  })
})
