import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { awsConfig, awsFilesFrom } from "../../../daemon/adapters/aws-config.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credd-aws-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

function setup(config: string, credentials?: string) {
  const files = { config: join(folder, "config"), credentials: join(folder, "credentials") }
  writeFileSync(files.config, config)
  if (credentials !== undefined) writeFileSync(files.credentials, credentials)
  const source = awsConfig(files)
  const names = (): string[] => [...source.current().sections.keys()]
  return { files, source, names }
}

describe(awsConfig.name, () => {
  it("reads profiles as botocore does: prefixes, quotes, and the credentials file over the config file", async () => {
    const { source, names } = setup(
      "[default]\nregion = a\n[profile dev]\nregion: b\n[profile 'x y']\n[preview]\nz=1\n[profile three words here]\n[sso-session s]\n",
      "[dev]\nregion = c\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = EXAMPLE-canary\n[only]\n",
    )

    await source.reload()

    expect(names()).toEqual(["default", "dev", "x y", "only"])
    expect(source.current().sections.get("dev")).toEqual({
      name: "dev",
      keys: { region: "c" },
      credentialsKey: "whole",
      configKey: "none",
    })
    expect(JSON.stringify([...source.current().sections])).not.toContain("canary")
  })

  it("gives a profile what it lacks from the ones that it includes, as aws-vault does", async () => {
    const { source } = setup(
      "[profile base]\nregion = b\nmfa_serial = m\ninclude_profile = root\n[profile root]\noutput = json\nregion = r\ninclude_profile = base\n[profile dev]\nregion = d\ninclude_profile = base\n[profile lost]\nregion = l\ninclude_profile = nobody\n",
      "[root]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = EXAMPLE-canary\n",
    )

    await source.reload()

    const { sections } = source.current()
    expect(sections.get("dev")).toMatchObject({ keys: { region: "d", mfa_serial: "m", output: "json" } })
    expect(sections.get("dev")).toMatchObject({ credentialsKey: "none", configKey: "none" })
    expect(sections.get("lost")).toMatchObject({ keys: { region: "l" } })
    expect(JSON.stringify([...sections])).not.toContain("canary")
  })

  it("reads again what was written to while it was read", async () => {
    const { files, source, names } = setup("[profile a]\n")

    const reading = source.reload()
    writeFileSync(files.config, "[profile a]\n[profile b]\n")
    await reading
    await source.reload()

    expect(names()).toEqual(["a", "b"])
  })

  it("reads nothing where there are no files", async () => {
    const source = awsConfig({ config: join(folder, "a"), credentials: join(folder, "b") })

    expect(await source.reload()).toBe(true)
    expect(source.current()).toEqual({ sections: new Map(), services: new Map() })
  })

  it.each([
    ["a line that is neither", "[profile a]\nregion = x\nEXAMPLE-canary\n", ":3: neither"],
    ["a key before any section", "\nregion = x\n", ":2: a key before"],
    ["a section twice", "[profile a]\n[profile a]\n", ":2: section"],
    ["a key twice", "[profile a]\nregion=x\nRegion=y\n", ":3: key region"],
    ["a nested line without =", "[profile a]\ns3 =\n  nonsense\n", "under s3"],
  ])(
    "keeps the last good reading when the file has %s, and names the line but not its text",
    async (_, broken, where) => {
      const { files, source, names } = setup("[profile good]\nregion=x\n")
      await source.reload()
      writeFileSync(files.config, broken)

      await source.reload()

      expect(names()).toEqual(["good"])
      expect(source.current().problem).toContain(files.config)
      expect(source.current().problem).toContain(where)
      expect(source.current().problem).not.toContain("canary")
    },
  )

  it("notices a file that is edited, replaced, swapped by a symlink, deleted and put back", async () => {
    const { files, source, names } = setup("[profile a]\n")
    await source.reload()
    expect(await source.reload()).toBe(false)

    writeFileSync(files.config, "[profile b1]\n")
    await source.reload()
    expect(names()).toEqual(["b1"])
    writeFileSync(`${files.config}.new`, "[profile c]\n")
    renameSync(`${files.config}.new`, files.config)
    await source.reload()
    expect(names()).toEqual(["c"])
    rmSync(files.config)
    await source.reload()
    expect(names()).toEqual([])
    writeFileSync(join(folder, "target"), "[profile d]\n")
    symlinkSync(join(folder, "target"), files.config)
    await source.reload()
    expect(names()).toEqual(["d"])
  })

  it("says so when the file is not text, or is a folder", async () => {
    const { files, source } = setup("")
    writeFileSync(files.config, Buffer.from([0x5b, 0xff, 0xfe, 0x5d]))
    await source.reload()
    expect(source.current().problem).toContain("UTF-8")

    const folderSource = awsConfig({ config: folder, credentials: folder })
    await folderSource.reload()
    expect(folderSource.current().problem).toContain("EISDIR")
  })
})

describe(awsFilesFrom.name, () => {
  it.each([
    [{ HOME: "/h" }, { config: "/h/.aws/config", credentials: "/h/.aws/credentials" }],
    [
      { HOME: "/h", AWS_CONFIG_FILE: "~/c", AWS_SHARED_CREDENTIALS_FILE: "/s" },
      { config: "/h/c", credentials: "/s" },
    ],
  ])("%j", (env, files) => {
    expect(awsFilesFrom(env)).toEqual(files)
  })
})
