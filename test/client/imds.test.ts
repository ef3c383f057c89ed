import { describe, expect, it } from "vitest"
import { credd, endpointFiles, refuse } from "./fake-context.ts"

const dev = { profile: "dev", endpoint: "http://127.0.0.1:9913", enabledBy: "command" } as const
const files = endpointFiles({ dev: { region: "eu-central-1", imds: "http://127.0.0.1:9913" }, prod: {} })

async function variables(args: readonly string[], env: Record<string, string> = {}) {
  const { stdout, calls } = await credd(["env", ...args, "--shell", "json"], { env, files })
  expect(calls).toEqual([])
  return JSON.parse(stdout) as Record<string, string | null>
}

describe("credd imds", () => {
  it("turns a profile on, prints where it is, and says what to do next", async () => {
    const { status, stdout, stderr, calls } = await credd(["imds", "enable", "dev"], {
      daemon: { "POST /imds": () => dev },
    })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "http://127.0.0.1:9913\n" })
    expect(stderr).toContain('eval "$(credd env dev --imds)"')
    expect(calls).toEqual([{ route: "POST /imds", body: { profile: "dev" } }])
  })

  it("turns it off", async () => {
    const { status, stdout, calls } = await credd(["imds", "disable", "dev"], {
      daemon: { "DELETE /imds": () => ({ profile: "dev" }) },
    })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(calls).toEqual([{ route: "DELETE /imds", body: { profile: "dev" } }])
  })

  it("lists what is on, who turned it on, and what is wrong with it", async () => {
    const endpoints = [dev, { profile: "gone", endpoint: "", enabledBy: "settings", problem: "it is gone" } as const]
    const daemon = { "GET /imds": () => ({ endpoints }) }

    expect((await credd(["imds", "list"], { daemon })).stdout).toBe(
      "dev   http://127.0.0.1:9913  by command\ngone  -                      by settings  it is gone\n",
    )
    expect(JSON.parse((await credd(["imds", "list", "--json"], { daemon })).stdout)).toEqual(endpoints)
  })

  it("says how to begin when nothing is on, and prints nothing", async () => {
    const daemon = { "GET /imds": () => ({ endpoints: [] }) }

    const { status, stdout, stderr } = await credd(["imds", "list"], { daemon })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(stderr).toContain("credd imds enable PROFILE")
    expect((await credd(["imds", "list", "--json"], { daemon })).stdout).toBe("[]\n")
  })

  it.each([
    [["imds", "enable"], 2],
    [["imds", "enable", "a", "b"], 2],
    [["imds", "list", "a"], 2],
    [["imds", "enabel", "dev"], 2],
  ])("ends %j with %i", async (args, status) => {
    expect(await credd(args)).toMatchObject({ status, stdout: "", calls: [] })
  })

  it("hands on why the daemon would not", async () => {
    const { status, stderr } = await credd(["imds", "enable", "dev"], {
      daemon: { "POST /imds": () => refuse({ code: "PortTaken", message: "port 9913 is held by x" }) },
    })

    expect({ status, stderr }).toEqual({ status: 1, stderr: "credd: error: port 9913 is held by x\n" })
  })
})

describe("credd env --imds", () => {
  it("prints exactly the variables that send SDKs to the metadata port", async () => {
    expect((await credd(["env", "dev", "--imds"], { files })).stdout)
      .toBe(`export AWS_EC2_METADATA_SERVICE_ENDPOINT='http://127.0.0.1:9913/'
export AWS_METADATA_ENDPOINT='http://127.0.0.1:9913'
export AWS_REGION='eu-central-1'
export AWS_DEFAULT_REGION='eu-central-1'
export AWS_METADATA_SERVICE_NUM_ATTEMPTS='3'
unset AWS_EC2_METADATA_DISABLED
unset AWS_EC2_METADATA_V1_DISABLED
unset AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE
unset AWS_EC2_INSTANCE_PROFILE_NAME
unset AWS_CONTAINER_CREDENTIALS_FULL_URI
unset AWS_CONTAINER_AUTHORIZATION_TOKEN
unset AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
unset AWS_PROFILE
unset AWS_DEFAULT_PROFILE
unset AWS_ACCESS_KEY_ID
unset AWS_SECRET_ACCESS_KEY
unset AWS_SESSION_TOKEN
unset AWS_SECURITY_TOKEN
unset AWS_CREDENTIAL_FILE
unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
unset AWS_WEB_IDENTITY_TOKEN_FILE
unset AWS_ROLE_ARN
unset AWS_ROLE_SESSION_NAME
`)
  })

  it("keeps the loopback away from the proxy, which botocore would ask for metadata", async () => {
    const set = await variables(["dev", "--imds"], { http_proxy: "http://p", NO_PROXY: "corp" })

    expect(set).toMatchObject({ NO_PROXY: "corp,127.0.0.1,localhost", no_proxy: "corp,127.0.0.1,localhost" })
  })

  it("is undone by --unset, and by a plain credd env as far as it would win", async () => {
    const set = await variables(["dev", "--imds"])
    const env = Object.fromEntries(Object.entries(set).filter((entry): entry is [string, string] => entry[1] !== null))

    const undone = await variables(["--unset"], env)
    for (const name of Object.keys(env)) expect(undone[name]).toBeNull()
    expect(await variables(["dev"], env)).toMatchObject({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: null,
      AWS_METADATA_ENDPOINT: null,
      AWS_EC2_METADATA_DISABLED: "true",
    })
  })

  it("says how to turn it on", async () => {
    const { status, stdout, stderr } = await credd(["env", "prod", "--imds"], { files })

    expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
    expect(stderr).toContain("credd imds enable prod")
  })

  it("knows no token", async () => {
    for (const flag of ["--inline", "--token-file"]) {
      expect(await credd(["env", "dev", "--imds", flag], { files })).toMatchObject({ status: 2, stdout: "" })
    }
  })
})
