import { fc, test } from "@fast-check/vitest"
import { parse } from "smol-toml"
import { describe, expect, it } from "vitest"
import { defaultProfileIn, withDefaultProfile } from "../../client/profile.ts"
import { credd, endpointFiles, home, refuse } from "./fake-context.ts"

const path = `${home}/config.toml`
const files = endpointFiles({ dev: {}, 'odd "name"': {} })

describe("credd use", () => {
  it.each([
    ["no file", undefined, 'default_profile = "dev"\n'],
    ["an empty file", "", 'default_profile = "dev"\n'],
    ["another default", '# c\n  default_profile   =  \'x\'  # mine\nport = 1', '# c\n  default_profile   =  "dev"  # mine\nport = 1'],
    ["tables and CRLF", '# c\r\n[x]\r\ndefault_profile = "no"\r\n', 'default_profile = "dev"\r\n# c\r\n[x]\r\ndefault_profile = "no"\r\n'],
  ])("keeps every other byte of %s", async (_, before, after) => {
    const outcome = await credd(["use", "dev"], { files: { ...files, ...(before === undefined ? {} : { [path]: before }) } })

    expect(outcome).toMatchObject({ status: 0, stdout: "", calls: [] })
    expect(outcome.files.get(path)).toBe(after)
    expect([...outcome.files.keys()].filter((name) => name.endsWith(".tmp"))).toEqual([])
  }) // prettier-ignore

  it("counts at once for the next command", async () => {
    const { files: after } = await credd(["use", 'odd "name"'], { files })

    const { stdout } = await credd(["env"], { files: Object.fromEntries(after) })

    expect(stdout).toContain("/credentials/odd%20%22name%22'")
  })

  it("asks the daemon about a name that it does not find, and believes it", async () => {
    const {
      status,
      stderr,
      files: after,
    } = await credd(["use", "dve"], {
      files,
      daemon: {
        "GET /environment": () =>
          refuse({ code: "ProfileNotFound", message: 'profile "dve" is not known; did you mean "dev"?' }),
      },
    })

    expect(status).toBe(1)
    expect(stderr).toContain('did you mean "dev"?')
    expect(after.has(path)).toBe(false)
  })

  it("goes on with a warning when no daemon can tell", async () => {
    const { status, stderr, files: after } = await credd(["use", "dev"], { daemon: "not running" })

    expect(status).toBe(0)
    expect(stderr).toContain("credd: warning: ")
    expect(after.get(path)).toBe('default_profile = "dev"\n')
  })

  it("warns when the environment comes first", async () => {
    const { stderr } = await credd(["use", "dev"], { files, env: { AWS_PROFILE: "other" } })

    expect(stderr).toContain("credd: warning: in this shell AWS_PROFILE=other comes first")
  })

  it.each([
    "this is not toml",
    'x = """\ndefault_profile = "a"\n"""',
    "default_profile = 3",
    '"default_profile" = "a"',
  ])("leaves alone what it cannot edit safely: %j", async (toml) => {
    const { status, files: after } = await credd(["use", "dev"], { files: { ...files, [path]: toml } })

    expect({ status, text: after.get(path) }).toEqual({ status: 1, text: toml })
  })
})

describe("withDefaultProfile", () => {
  test.prop([
    fc.string({ unit: "binary", minLength: 1 }),
    fc.constantFrom("", "port = 1\n", 'default_profile = "a\\"b"\n[t]\n'),
  ])("writes what a TOML parser and the quick reading both read back", (name, toml) => {
    const text = withDefaultProfile(toml, name)

    expect(parse(text)["default_profile"]).toBe(name)
    expect(defaultProfileIn(text)).toBe(name)
  })
})
