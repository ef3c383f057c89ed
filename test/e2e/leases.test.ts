import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { install, killed, signIn, variablesIn, type Installation } from "../support/daemon.ts"
import { aws, isPythonMissing, pythonMissing } from "../support/python.ts"

const managed = "arn:aws:iam::aws:policy/ReadOnlyAccess"

async function signedIn(variables: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const box = await install(variables)
  await box.start()
  await signIn(box)
  return box
}

async function lease(box: Installation, ...args: readonly string[]): Promise<Record<string, string>> {
  const made = await box.run(["lease", "new", ...args])
  expect(made.status, made.stderr).toBe(0)
  return variablesIn(made.stdout)
}

/** What an SDK in that environment is answered. */
async function ask(env: Readonly<Record<string, string>>, profile?: string) {
  const named = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? ""
  const url = profile === undefined ? named : new URL(profile, named).href
  const response = await fetch(url, { headers: { authorization: env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? "" } })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

function recordsOf({ env }: Installation): string {
  return readFileSync(join(env["CREDD_HOME"] ?? "", "leases.json"), "utf8")
}

describe("a lease", () => {
  it("reads its own profiles, and no others", async () => {
    const box = await signedIn()
    const env = await lease(box, "agent", "--profile", "dev")

    expect(await ask(env)).toMatchObject({ status: 200 })
    expect(await ask(env, "acme")).toMatchObject({ status: 403, body: { Code: "ProfileNotAllowed" } })
  })

  it("is refused at the very next request after revoke, and does not come back with a killed daemon", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const env = await lease(box, "agent", "--profile", "dev")
    expect(await ask(env)).toMatchObject({ status: 200 })

    expect(await box.run(["lease", "revoke", "agent"])).toMatchObject({ status: 0 })
    expect(await ask(env)).toMatchObject({ status: 401, body: { Code: "TokenRejected" } })
    await killed(daemon, "SIGKILL")
    await box.start()

    expect((await box.run(["lease", "list"])).stdout).not.toContain("agent")
    expect(recordsOf(box)).not.toContain("agent")
  })

  it("survives a killed daemon with its scope, and its record holds no token", async () => {
    const box = await install()
    const daemon = await box.start()
    await signIn(box)
    const env = await lease(box, "agent", "--profile", "acme", "--read-only")
    const token = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? ""
    expect(recordsOf(box)).not.toContain(token)

    await killed(daemon, "SIGKILL")
    await box.start()
    await box.run(["add", "acme"], "AKIAEXAMPLEALICE0001\nEXAMPLEsecretOfAliceNotARealOne000000001\n")
    const { endpoint } = JSON.parse(readFileSync(join(box.env["CREDD_HOME"] ?? "", "endpoint.json"), "utf8")) as {
      endpoint: string
    }
    const again = { ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/credentials/acme` }

    // Its session went with the memory store; its token is known.
    expect(await ask(again)).toMatchObject({ status: 403, body: { Code: "LoginRequired" } })
    expect(await ask(again, "dev")).toMatchObject({ status: 403, body: { Code: "ProfileNotAllowed" } })
    const { leases } = JSON.parse((await box.run(["status", "--json"])).stdout) as { leases: object[] }
    expect(leases).toContainEqual(expect.objectContaining({ name: "agent", scope: { kind: "read-only" } }))
  })

  it("grants nothing when its record has a part that this credd does not know", async () => {
    const box = await install()
    const daemon = await box.start()
    await lease(box, "agent", "--profile", "dev")
    await killed(daemon, "SIGKILL")
    writeFileSync(
      join(box.env["CREDD_HOME"] ?? "", "leases.json"),
      recordsOf(box).replaceAll('"kind":"whole"', '"kind":"newer"'),
    )

    await box.start()

    expect((await box.run(["lease", "list"])).stdout).not.toContain("agent")
  })

  it("ends at its end, and its credentials with it", async () => {
    const box = await signedIn()
    const made = await box.run(["lease", "new", "agent", "--profile", "acme", "--ttl", "4s", "--json"])
    const { env, expiration } = JSON.parse(made.stdout) as { env: Record<string, string>; expiration: string }
    expect(made.stderr).toContain("--ttl under 45m")

    const { body } = await ask(env)
    expect(Date.parse(body["Expiration"] ?? "")).toBeLessThanOrEqual(Date.parse(expiration) + 1_000)

    await vi.waitFor(
      async () => expect(await ask(env)).toMatchObject({ status: 401, body: { Code: "TokenRejected" } }),
      { timeout: 10_000, interval: 100 },
    )
  })

  it("ends at lock, with every other", async () => {
    const box = await signedIn()
    const env = await lease(box, "agent", "--profile", "dev")

    await box.run(["lock"])

    expect(await ask(env)).toMatchObject({ status: 401 })
    expect(recordsOf(box)).not.toContain("agent")
  })

  it("goes with revoke --all, which leaves credd env a fresh token", async () => {
    const box = await signedIn()
    const env = await lease(box, "agent", "--profile", "dev")
    const before = variablesIn((await box.run(["env", "dev"])).stdout)

    expect(await box.run(["lease", "revoke", "--all"])).toMatchObject({ status: 0 })

    expect(await ask(env)).toMatchObject({ status: 401 })
    expect(await ask(before)).toMatchObject({ status: 401 })
    expect(await ask(variablesIn((await box.run(["env", "dev"])).stdout))).toMatchObject({ status: 200 })
  })

  it("is not replaced by another of its name unasked", async () => {
    const box = await signedIn()
    const first = await lease(box, "agent", "--profile", "dev")

    expect(await box.run(["lease", "new", "agent", "--profile", "dev"])).toMatchObject({ status: 1, stdout: "" })
    expect(await ask(first)).toMatchObject({ status: 200 })
    const second = await lease(box, "agent", "--profile", "dev", "--replace")

    expect([(await ask(first)).status, (await ask(second)).status]).toEqual([401, 200])
  })

  it.each([
    ["shell", "is credd's own"],
    ["a b", "cannot be a lease's name"],
    ["x".repeat(59), "longer than 58"],
  ])("cannot be called %s", async (name, why) => {
    const box = await install()
    await box.start()

    const { status, stderr } = await box.run(["lease", "new", name, "--profile", "dev"])

    expect(status).toBe(2)
    expect(stderr).toContain(why)
  })

  it("is for profiles that are served", async () => {
    const box = await signedIn()

    expect(await box.run(["lease", "new", "agent", "--profile", "nope"])).toMatchObject({ status: 1, stdout: "" })
    expect(await box.run(["lease", "new", "agent", "--profile", "sso"])).toMatchObject({ status: 1, stdout: "" })
  })
})

describe("what CloudTrail shows", () => {
  it("is a role session of the lease's own, with the source identity that the profile asks for", async () => {
    const box = await install(
      {},
      `[profile acme]
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
source_identity = alice
[profile named]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
role_session_name = alice@example.com
`,
    )
    await box.start()
    await signIn(box)

    await ask(await lease(box, "agent", "--profile", "dev", "--read-only", "--description", "tidies up"))
    await ask(variablesIn((await box.run(["env", "dev"])).stdout))
    await ask(await lease(box, "other", "--profile", "named"))

    const roles = box.sandbox.calls.filter(({ action }) => action === "AssumeRole").map(({ parameters }) => parameters)
    expect(roles).toMatchObject([
      { RoleSessionName: "credd-agent", SourceIdentity: "alice" },
      { RoleSessionName: "credd", SourceIdentity: "alice" },
      // Its trust policy may insist on that name.
      { RoleSessionName: "alice@example.com" },
    ])
    const scoped = box.sandbox.calls.find(({ action }) => action === "GetScopedCredentials")
    expect(scoped?.parameters).toMatchObject({ ScopedSessionDescription: "credd lease agent: tidies up" })
  })
})

async function cli(box: Installation, args: readonly string[], env: Readonly<Record<string, string>>) {
  const places = { AWS_ENDPOINT_URL_STS: box.sandbox.url, AWS_ENDPOINT_URL_DYNAMODB: box.sandbox.url }
  return await aws(args, {
    AWS_REGION: "eu-west-1",
    AWS_DEFAULT_REGION: "eu-west-1",
    HOME: box.home,
    ...places,
    ...env,
  })
}

describe("a scope", () => {
  beforeEach(({ skip }) => skip(isPythonMissing, pythonMissing))

  const item = ["--table-name", "things", "--output", "json"]
  const read = ["dynamodb", "get-item", "--key", '{"id":{"S":"1"}}', ...item]
  const write = ["dynamodb", "put-item", "--item", '{"id":{"S":"2"}}', ...item]

  it.each([
    ["read-only, of an MFA session", "acme", ["--read-only"]],
    ["read-only, of a role", "dev", ["--read-only"]],
    ["a policy file, of an MFA session", "acme", ["--policy"]],
    ["a policy file, of a role", "dev", ["--policy"]],
    ["a managed policy, of a role", "dev", ["--policy-arn", managed]],
  ])(
    "lets the AWS CLI read and not write: %s",
    async (_, profile, flags) => {
      const box = await signedIn()
      const file = join(box.home, "policy.json")
      const statement = { Effect: "Allow", Action: "dynamodb:Get*", Resource: "arn:aws:dynamodb:*:*:table/things" }
      writeFileSync(file, JSON.stringify({ Version: "2012-10-17", Statement: [statement] }, null, 2))
      const env = await lease(box, "agent", "--profile", profile, ...flags, ...(flags[0] === "--policy" ? [file] : []))
      const all = variablesIn((await box.run(["env", profile])).stdout)

      expect(await cli(box, read, env)).toMatchObject({ status: 0, stdout: expect.stringContaining('"Item"') })
      expect(await cli(box, write, env)).toMatchObject({
        status: expect.not.stringMatching("0"),
        stderr: expect.stringContaining("is not authorized to perform: dynamodb:PutItem"),
      })
      expect(await cli(box, write, all)).toMatchObject({ status: 0 })
    },
    90_000,
  )

  it.each([
    ["an MFA session by managed policies", "acme", ["--policy-arn", managed], "an inline policy only"],
    ["a role by a policy that there is not", "dev", ["--policy-arn", `${managed}Nope`], "does not exist"],
    ["by what is not JSON", "dev", ["--policy", "{"], "not JSON"],
    [
      "by an action without a vendor",
      "acme",
      ["--policy", '{"Statement":{"Effect":"Allow","Action":"GetItem","Resource":"*"}}'],
      "vendor",
    ],
  ])("that AWS will not enforce is refused, and there is no lease: %s", async (_, profile, flags, why) => {
    const box = await signedIn()
    const [flag = "", value = ""] = flags
    const file = join(box.home, "policy.json")
    writeFileSync(file, value)

    const { status, stdout, stderr } = await box.run([
      "lease",
      "new",
      "agent",
      "--profile",
      profile,
      flag,
      flag === "--policy" ? file : value,
    ])

    expect([status, stdout]).toEqual([1, ""])
    expect(stderr).toContain("the scope cannot be enforced")
    expect(stderr).toContain(why)
    expect(recordsOf(box)).not.toContain("agent")
  })

  it.each([
    ["InvalidAction", "has no GetScopedCredentials"],
    ["PackedPolicyTooLarge", "too large"],
    ["AccessDenied", "AWS says"],
  ])("is refused with AWS's reason when it says %s", async (code, why) => {
    const box = await signedIn()
    box.sandbox.faults.add({ kind: "error", code, action: "GetScopedCredentials" })

    const { status, stdout, stderr } = await box.run(["lease", "new", "agent", "--profile", "dev", "--read-only"])

    expect([status, stdout]).toEqual([1, ""])
    expect(stderr).toContain(why)
  })

  it("is refused on the global endpoint, where there is no call to enforce it", async () => {
    const box = await signedIn({ AWS_STS_REGIONAL_ENDPOINTS: "legacy" })

    const { status, stderr } = await box.run(["lease", "new", "agent", "--profile", "acme", "--read-only"])

    expect(status).toBe(1)
    expect(stderr).toContain("global endpoint")
  })

  it("is made without a session, and says that AWS was not asked yet", async () => {
    const box = await install()
    await box.start()
    await box.run(["add", "acme"], "AKIAEXAMPLEALICE0001\nEXAMPLEsecretOfAliceNotARealOne000000001\n")

    const { status, stderr } = await box.run(["lease", "new", "agent", "--profile", "dev", "--read-only"])

    expect(status).toBe(0)
    expect(stderr).toContain("AWS has not been asked yet")
  })
})
