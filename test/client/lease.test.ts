import { describe, expect, it } from "vitest"
import type { LeaseStatus, MadeLease } from "../../daemon/api.ts"
import { credd, endpointFiles, refuse } from "./fake-context.ts"

const lease: LeaseStatus = {
  id: "0123456789abcdef",
  name: "agent",
  profiles: ["dev"],
  scope: { kind: "read-only" },
  createdAt: "2026-11-23T10:00:00Z",
  expiration: "2026-11-23T11:00:00Z",
  lastUsedAt: null,
}
const made: MadeLease = {
  lease,
  token: "EXAMPLE-token",
  profiles: [
    { profile: "dev", fullUri: "http://127.0.0.1:9912/credentials/dev", region: "eu-west-1" },
    { profile: "prod", fullUri: "http://127.0.0.1:9912/credentials/prod" },
  ],
  warnings: ["something"],
}
const policy = `{"Statement":[]}`

const held = (): MadeLease => made

describe("credd lease new", () => {
  it("prints the environment of the first profile, and says how the others are reached", async () => {
    const { status, stdout, stderr, calls } = await credd(
      ["lease", "new", "agent", "--profile", "dev", "--profile", "prod", "--read-only", "--description", "tidies up"],
      { daemon: { "POST /leases": () => made } },
    )

    expect(status).toBe(0)
    expect(calls).toEqual([
      {
        route: "POST /leases",
        body: {
          name: "agent",
          profiles: ["dev", "prod"],
          scope: { kind: "read-only" },
          ttlSeconds: 3_600,
          replace: false,
          description: "tidies up",
        },
      },
    ])
    expect(stdout).toContain("export AWS_CONTAINER_CREDENTIALS_FULL_URI='http://127.0.0.1:9912/credentials/dev'\n")
    expect(stdout).toContain("export AWS_CONTAINER_AUTHORIZATION_TOKEN='EXAMPLE-token'\n")
    expect(stdout).toContain("unset AWS_ACCESS_KEY_ID\n")
    expect(stderr).toContain("credd: warning: something\n")
    expect(stderr).toContain('lease "agent": read-only, in 1h; to end it: credd lease revoke agent\n')
    expect(stderr).toMatch(/for profile "dev".*\n {2}prod {2}http:\/\/127.0.0.1:9912\/credentials\/prod/)
  })

  it("prints id, name, end and environment as JSON", async () => {
    const { stdout } = await credd(["lease", "new", "agent", "--profile", "dev", "--json"], {
      daemon: { "POST /leases": () => made },
    })

    expect(JSON.parse(stdout)).toMatchObject({
      id: lease.id,
      name: "agent",
      expiration: lease.expiration,
      env: { AWS_CONTAINER_AUTHORIZATION_TOKEN: "EXAMPLE-token", AWS_REGION: "eu-west-1", AWS_PROFILE: null },
    })
  })

  it.each([
    [["--policy", "p.json"], { kind: "policy", policy }],
    [["--policy-arn", "arn:a", "--policy-arn", "arn:b"], { kind: "policy-arns", policyArns: ["arn:a", "arn:b"] }],
    [[], null],
  ])("asks with %j for the scope %j", async (flags, scope) => {
    const { calls } = await credd(["lease", "new", "agent", "--profile", "dev", ...flags], {
      daemon: { "POST /leases": () => made },
      files: { "p.json": policy },
    })

    expect(calls[0]?.body).toMatchObject({ scope })
  })

  it.each([
    ["no profile", ["agent"]],
    ["no name", ["--profile", "dev"]],
    ["two scopes", ["agent", "--profile", "dev", "--read-only", "--policy", "p.json"]],
    ["a policy that is not there", ["agent", "--profile", "dev", "--policy", "none.json"]],
    ["a ttl that is no time", ["agent", "--profile", "dev", "--ttl", "soon"]],
    ["a shell that is none", ["agent", "--profile", "dev", "--shell", "cmd"]],
  ])("with %s is wrong usage, and asks the daemon nothing", async (_, args) => {
    const { status, stdout, stderr } = await credd(["lease", "new", ...args], { files: { "p.json": policy } })

    expect([status, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(/^credd: error: .*\ncredd: hint: /)
  })

  it("prints nothing to evaluate when the scope is refused", async () => {
    const { status, stdout, stderr } = await credd(["lease", "new", "agent", "--profile", "dev", "--read-only"], {
      daemon: { "POST /leases": () => refuse({ code: "ScopeRefused", message: "the scope cannot be enforced: x" }) },
    })

    expect([status, stdout]).toEqual([1, ""])
    expect(stderr).toContain("the scope cannot be enforced")
  })
})

describe("credd lease list, show and revoke", () => {
  const shell: LeaseStatus = { ...lease, name: "shell", profiles: ["*"], scope: null, expiration: null }
  const running: LeaseStatus = {
    ...lease,
    name: "make-7",
    pid: 7,
    expiration: null,
    lastUsedAt: "2026-11-23T09:59:00Z",
  }
  const daemon = { "GET /leases": () => ({ leases: [shell, lease, running] }) }

  it("lists who may what, and until when", async () => {
    const { stdout } = await credd(["lease", "list"], { daemon })

    expect(stdout).toBe(
      [
        "NAME    PROFILES  SCOPE                     END             USED",
        "shell   all       all that the profile may  none            never",
        "agent   dev       read-only                 in 1h           never",
        "make-7  dev       read-only                 with process 7  1m ago",
        "",
      ].join("\n"),
    )
  })

  it("shows one with its policy", async () => {
    const withPolicy = { ...lease, scope: { kind: "policy", policy } as const, description: "tidies up" }
    const { stdout } = await credd(["lease", "show", "agent"], {
      daemon: { "GET /leases": () => ({ leases: [withPolicy] }) },
    })

    expect(stdout).toContain(`policy       ${policy}`)
    expect(stdout).toContain("description  tidies up")
  })

  it("says that there is none of that name", async () => {
    expect(await credd(["lease", "show", "agnet"], { daemon })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("credd: hint: run: credd lease list"),
    })
  })

  it.each([
    [["agent"], { name: "agent", all: false }],
    [["--all"], { all: true }],
  ])("revokes %j", async (args, body) => {
    const { status, calls } = await credd(["lease", "revoke", ...args], {
      daemon: { "DELETE /leases": () => ({ revoked: ["agent"] }) },
    })

    expect([status, calls]).toEqual([0, [{ route: "DELETE /leases", body }]])
  })

  it.each([[[]], [["agent", "--all"]]])("does not guess what %j means", async (args) => {
    expect((await credd(["lease", "revoke", ...args])).status).toBe(2)
  })
})

describe("credd exec", () => {
  it("runs the command with what credd env would print, and closes its lease", async () => {
    const { status, calls, stdout, stderr } = await credd(["exec", "dev"], {
      rest: ["aws", "s3", "ls", "--profile", "-x"],
      held,
      child: 7,
      env: { AWS_PROFILE: "other", AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", HOME: "/h" },
    })

    expect([status, stdout, stderr]).toEqual([7, "", ""])
    expect(calls.map(({ route }) => route)).toEqual(["POST /exec", "child", "closed"])
    expect(calls[0]?.body).toEqual({ command: "aws", scope: null, profile: "dev" })
    const { env, ...command } = (calls[1]?.body ?? {}) as { env: Record<string, string> }
    expect(command).toEqual({ command: "aws", args: ["s3", "ls", "--profile", "-x"] })
    expect(env).toEqual({
      HOME: "/h",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:9912/credentials/dev",
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "EXAMPLE-token",
      AWS_REGION: "eu-west-1",
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_EC2_METADATA_DISABLED: "true",
    })
  })

  it("leaves the region alone with --no-region", async () => {
    const { calls } = await credd(["exec", "dev", "--no-region"], { rest: ["x"], held, env: { AWS_REGION: "mine" } })

    expect(calls[1]?.body).toMatchObject({ env: { AWS_REGION: "mine" } })
  })

  it("asks for a narrower lease with --read-only", async () => {
    const { calls } = await credd(["exec", "dev", "--read-only"], { rest: ["x"], held })

    expect(calls[0]?.body).toMatchObject({ scope: { kind: "read-only" } })
  })

  it.each([
    ["AWS_PROFILE", { AWS_PROFILE: "a", AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/credentials/b" }, "a"],
    ["the shell's own", { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/credentials/b%2Fc" }, "b/c"],
    ["default_profile", {}, "dev"],
  ])("takes the profile from %s", async (_, env, profile) => {
    const { calls } = await credd(["exec"], {
      rest: ["x"],
      held,
      env,
      files: endpointFiles({ dev: {}, other: {} }, "dev"),
    })

    expect(calls[0]?.body).toMatchObject({ profile })
  })

  it("runs the shell where no command is named", async () => {
    const { calls } = await credd(["exec", "dev"], { held, env: { SHELL: "/bin/zsh" } })

    expect(calls[1]?.body).toMatchObject({ command: "/bin/zsh", args: [] })
  })

  it("says where the command stands", async () => {
    expect(await credd(["exec", "dev", "aws", "s3"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("credd: hint: run: credd exec dev -- aws s3"),
    })
  })

  it("runs nothing without a lease", async () => {
    const { status, calls } = await credd(["exec", "dev"], {
      rest: ["x"],
      held: () => refuse({ code: "LoginRequired", message: "no session", hint: "run: credd login acme" }),
    })

    expect(status).toBe(10)
    expect(calls.map(({ route }) => route)).toEqual(["POST /exec"])
  })
})
