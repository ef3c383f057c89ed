import { describe, expect, it } from "vitest"
import { credd, endpointFiles } from "./fake-context.ts"

const files = endpointFiles({ dev: {} })

describe("credd logout", () => {
  it.each([
    [["acme", "other"], { profiles: ["acme", "other"], all: false }],
    [["--all"], { profiles: [], all: true }],
    [[], { profiles: ["dev"], all: false }],
  ])("with %j sends %j", async (args, body) => {
    const { status, calls, stderr } = await credd(["logout", ...args], {
      files,
      daemon: { "POST /logout": () => ({ sourceProfiles: ["acme"], warnings: [] }) },
    })

    expect({ status, calls }).toEqual({ status: 0, calls: [{ route: "POST /logout", body }] })
    expect(stderr).toBe('signed out of "acme"\n')
  })

  it("ends with 1 when a session could not be forgotten everywhere", async () => {
    const { status, stderr } = await credd(["logout", "--all"], {
      daemon: { "POST /logout": () => ({ sourceProfiles: ["acme"], warnings: ["the keychain is locked"] }) },
    })

    expect(status).toBe(1)
    expect(stderr).toContain("credd: warning: the keychain is locked\n")
  })
})

describe("credd lock", () => {
  it("forgets every session", async () => {
    const { status, calls } = await credd(["lock"], { daemon: { "POST /lock": () => ({ sessions: 2, warnings: [] }) } })

    expect({ status, calls }).toEqual({ status: 0, calls: [{ route: "POST /lock", body: {} }] })
  })
})

describe("credd refresh", () => {
  it("says for how long", async () => {
    const { stderr } = await credd(["refresh"], {
      files,
      daemon: { "POST /refresh": ({ profile }) => ({ profile, expiration: "2026-11-23T11:00:00Z" }) },
    })

    expect(stderr).toBe('renewed "dev" for 1h\n')
  })
})

describe("credd whoami", () => {
  const identity = {
    accountId: "1",
    arn: "arn:aws:sts::1:assumed-role/dev/credd",
    userId: "U",
    expiration: "2026-11-23T11:00:00Z",
  }
  const daemon = { "GET /whoami": ({ profile }: { profile: string }) => ({ ...identity, profile }) }

  it("prints the ARN on stdout", async () => {
    expect(await credd(["whoami"], { files, daemon })).toMatchObject({
      status: 0,
      stdout: `${identity.arn}\n`,
      stderr: "",
    })
  })

  it("prints all of it as JSON", async () => {
    const { stdout } = await credd(["whoami", "dev", "--json"], { daemon })

    expect(JSON.parse(stdout)).toEqual({ ...identity, profile: "dev" })
  })

  it("lets the daemon choose where nothing else does", async () => {
    const { calls } = await credd(["whoami"], {
      daemon: { ...daemon, "GET /environment": () => ({ profile: "only", fullUri: "", tokenFile: "" }) },
    })

    expect(calls.map(({ body }) => body)).toEqual([{}, { profile: "only" }])
  })
})
