import { describe, expect, it } from "vitest"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { credd, endpointFiles, home, refuse, token } from "./fake-context.ts"
import { temporaryHome } from "./control-server.ts"
import { runCredd } from "./real-process.ts"

const files = endpointFiles({ dev: { region: "eu-central-1" }, "a b/ü": {} })

async function variables(args: readonly string[], env: Record<string, string> = {}) {
  const { stdout, calls } = await credd(["env", ...args, "--shell", "json"], { env, files })
  expect(calls).toEqual([])
  return JSON.parse(stdout) as Record<string, string | null>
}

describe("credd env", () => {
  it("prints exactly the variables that make SDKs ask credd, without asking the daemon", async () => {
    const { status, stdout, stderr, calls } = await credd(["env", "dev"], { files })

    expect({ status, stderr, calls }).toEqual({ status: 0, stderr: "", calls: [] })
    expect(stdout).toBe(`export AWS_CONTAINER_CREDENTIALS_FULL_URI='http://127.0.0.1:9912/credentials/dev'
export AWS_CONTAINER_AUTHORIZATION_TOKEN='${token}'
unset AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
export AWS_REGION='eu-central-1'
export AWS_DEFAULT_REGION='eu-central-1'
export AWS_EC2_METADATA_DISABLED='true'
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

  it("names the token file in the token's place, never both", async () => {
    const set = await variables(["dev", "--token-file"])

    expect(set["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).toBe(`${home}/tokens/shell`)
    expect(set["AWS_CONTAINER_AUTHORIZATION_TOKEN"]).toBeNull()
    expect((await credd(["env", "dev", "--inline", "--token-file"], { files })).status).toBe(2)
  })

  it("leaves the region alone when the profile has none, and encodes the profile's name", async () => {
    const set = await variables(["a b/ü"])

    expect(set["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).toBe("http://127.0.0.1:9912/credentials/a%20b%2F%C3%BC")
    expect(set).not.toHaveProperty("AWS_REGION")
    expect(set).not.toHaveProperty("AWS_DEFAULT_REGION")
  })

  it.each([
    [{}, undefined, undefined],
    [{ http_proxy: "http://p" }, "127.0.0.1,localhost", "127.0.0.1,localhost"],
    [{ ALL_PROXY: "http://p", NO_PROXY: "corp, .x" }, "corp, .x,127.0.0.1,localhost", "corp, .x,127.0.0.1,localhost"],
    [{ HTTPS_PROXY: "p", NO_PROXY: "a", no_proxy: "b,localhost" }, "a,127.0.0.1,localhost", "b,localhost,127.0.0.1"],
    [{ https_proxy: "p", no_proxy: "localhost 127.0.0.1" }, "localhost 127.0.0.1", "localhost 127.0.0.1"],
    [{ NO_PROXY: "a" }, undefined, undefined],
  ])("keeps the loopback away from the proxy in %j", async (env, upper, lower) => {
    const set = await variables(["dev"], env)

    expect([set["NO_PROXY"], set["no_proxy"]]).toEqual([upper, lower])
  })

  it("undoes with --unset whatever it set", async () => {
    const proxied = { http_proxy: "http://p", no_proxy: "corp" }
    const set = await variables(["dev"], proxied)
    const texts = Object.entries(set).filter((entry): entry is [string, string] => entry[1] !== null)

    const { stdout } = await credd(["env", "--unset", "--shell", "json"], { env: Object.fromEntries(texts) })

    const undone = JSON.parse(stdout) as Record<string, string | null>
    for (const [name] of texts) expect(undone).toHaveProperty(name)
    expect(undone["no_proxy"]).toBe("corp")
    expect(Object.entries(undone).filter(([, value]) => value !== null)).toEqual([["NO_PROXY", "corp"], ["no_proxy", "corp"]]) // prettier-ignore
  })

  it.each([
    ["AWS_PROFILE", { AWS_PROFILE: "a b/ü", CREDD_DEFAULT_PROFILE: "dev" }, "", null, "a%20b%2F%C3%BC"],
    ["CREDD_DEFAULT_PROFILE", { CREDD_DEFAULT_PROFILE: "a b/ü" }, 'default_profile = "dev"', null, "a%20b%2F%C3%BC"],
    ["config.toml", {}, 'port = 1\ndefault_profile = "dev" # mine\n[x]\n', "a b/ü", "dev"],
    ["what the daemon wrote", {}, "", "dev", "dev"],
  ])("chooses the profile by %s", async (_, env, toml, defaultProfile, path) => {
    const { stdout, calls } = await credd(["env"], {
      env,
      files: {
        ...endpointFiles({ dev: {}, "a b/ü": {} }, defaultProfile),
        [`${home}/config.toml`]: toml,
      },
    })

    expect(calls).toEqual([])
    expect(stdout).toContain(`/credentials/${path}'`)
  })

  it("chooses the only profile there is", async () => {
    expect((await credd(["env"], { files: endpointFiles({ dev: {} }) })).stdout).toContain("/credentials/dev'")
  })

  it("has the daemon say which profiles there are", async () => {
    const { status, stdout, stderr } = await credd(["env"], {
      files,
      daemon: {
        "GET /environment": () =>
          refuse({ code: "ProfileRequired", message: "name a profile: dev, prod", hint: "run: credd status" }),
      },
    })

    expect({ status, stdout }).toEqual({ status: 2, stdout: "" })
    expect(stderr).toContain("name a profile: dev, prod")
  })

  it.each([
    ["is not in endpoint.json", files],
    ["meets no endpoint.json", { [`${home}/tokens/shell`]: token }],
    ["meets a broken endpoint.json", { ...files, [`${home}/endpoint.json`]: '{"endpoint":1' }],
    ["is called like a method", files],
  ])("asks the daemon for a profile that %s", async (_, given) => {
    const { calls, stdout } = await credd(["env", "constructor"], {
      files: given,
      daemon: {
        "GET /environment": () => ({ profile: "constructor", fullUri: "http://127.0.0.1:9/credentials/new", tokenFile: `${home}/tokens/shell` }),
      },
    }) // prettier-ignore

    expect(calls).toEqual([{ route: "GET /environment", body: { profile: "constructor" } }])
    expect(stdout).toContain("http://127.0.0.1:9/credentials/new")
  })

  it("ends with 3 when neither the files nor the daemon are there", async () => {
    const { status, stdout } = await credd(["env", "dev"], { daemon: "not running" })

    expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
  })

  it.each([
    ["no token file", undefined],
    ["an empty one", ""],
    ["one with a line break", `${token}\n`],
  ])("prints nothing with %s", async (_, text) => {
    const given = { ...files }
    delete (given as Record<string, string>)[`${home}/tokens/shell`]
    if (text !== undefined) given[`${home}/tokens/shell`] = text

    const { status, stdout, stderr } = await credd(["env", "dev"], { files: given })

    expect({ status, stdout }).toEqual({ status: 3, stdout: "" })
    expect(stderr).not.toContain(token)
  })

  it("works as a real process, from the files alone", async () => {
    const folder = await temporaryHome()
    const tokenFile = join(folder, "token")
    await writeFile(tokenFile, token)
    await writeFile(
      join(folder, "endpoint.json"),
      JSON.stringify({ endpoint: "http://127.0.0.1:9912", tokenFile, defaultProfile: null, profiles: { dev: {} } }),
    )

    const { status, stdout, stderr } = await runCredd(["env"], { env: { CREDD_HOME: folder, SHELL: "/usr/bin/fish" } })

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    expect(stdout).toContain(`set -gx AWS_CONTAINER_AUTHORIZATION_TOKEN '${token}'\n`)
  })
})
