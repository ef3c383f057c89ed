import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { pathsFrom } from "../../daemon/paths.ts"
import { describeSettings, readSettings } from "../../daemon/settings.ts"
import { version } from "../../daemon/version.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "credd-settings-"))
})
afterEach(() => rmSync(home, { recursive: true }))

const read = async (toml: string, env = {}) => {
  writeFileSync(join(home, "config.toml"), toml)
  return await readSettings({ CREDD_HOME: home, ...env })
}

describe(readSettings.name, () => {
  it("has defaults that need no file", async () => {
    expect(await readSettings({ CREDD_HOME: home })).toMatchObject({
      port: 9912,
      store: "keychain",
      logLevel: "info",
      defaultProfile: undefined,
    })
  })

  it("takes the environment over the file over the defaults, and knows where each came from", async () => {
    const settings = await read('# mine\nport = 9000\nstore = "file"\n', { CREDD_PORT: "9001" })

    expect(settings).toMatchObject({ port: 9001, store: "file" })
    expect(describeSettings(settings)).toEqual(
      expect.arrayContaining([
        { name: "port", value: "9001", source: "CREDD_PORT" },
        { name: "store", value: "file", source: `${join(home, "config.toml")}:3` },
        { name: "log_level", value: "info", source: "default" },
      ]),
    )
  })

  it("reads lists from the environment too", async () => {
    expect(await readSettings({ CREDD_HOME: home, CREDD_ALLOW_UIDS: "0, 1001" })).toMatchObject({
      allowUids: [0, 1001],
    })
    await expect(readSettings({ CREDD_HOME: home, CREDD_ALLOW_UIDS: "root" })).rejects.toThrow("CREDD_ALLOW_UIDS")
  })

  it.each([
    ["port = 70000", ":1: port must be 0 to 65535"],
    ["port = 1.5", ":1: port must be a whole number"],
    ["\nport = '9912'", ":2: port must be a number"],
    ["store = 'disk'", ':1: store must be "keychain"'],
    ["[store]\na = 1", ":1: store must be"],
    ["prot = 1", 'there is no setting "prot"; did you mean "port"?'],
    ["port = 1\nport = 2", ":2: this is not TOML"],
    ["allow_uids = 1000", ":1: allow_uids must be a list of user ids"],
    ["allow_uids = ['alice']", ":1: allow_uids must be a list of user ids"],
    ["allow_uids = [-1]", ":1: allow_uids must be a list of user ids"],
    // The kernel's "nobody in particular".
    ["allow_uids = [4294967295]", ":1: allow_uids must be a list of user ids"],
    ["passphrase_file = 'here'", ":1: passphrase_file must be an absolute path"],
  ])("refuses %j, naming file and line", async (toml, why) => {
    await expect(read(toml)).rejects.toMatchObject({
      code: "SettingsInvalid",
      message: expect.stringContaining(`config.toml`),
    })
    await expect(read(toml)).rejects.toThrow(why)
  })

  it.each([
    ["CREDD_PORT", "x"],
    ["CREDD_PORT", "-1"],
    ["CREDD_STORE", "disk"],
    ["CREDD_LOG_LEVEL", "loud"],
  ])("refuses %s=%s, naming the variable", async (name, value) => {
    await expect(read("", { [name]: value })).rejects.toThrow(name)
  })
})

describe(pathsFrom.name, () => {
  it.each([
    [{ CREDD_HOME: "/c", HOME: "/h" }, "linux", { settings: "/c/config.toml", state: "/c", socket: "/c/credd.sock" }],
    [
      { HOME: "/h" },
      "linux",
      {
        settings: "/h/.config/credd/config.toml",
        state: "/h/.local/state/credd",
        socket: "/h/.local/state/credd/credd.sock",
      },
    ],
    [
      { HOME: "/h", XDG_CONFIG_HOME: "/x", XDG_STATE_HOME: "relative", XDG_RUNTIME_DIR: "/run/user/1" },
      "linux",
      { settings: "/x/credd/config.toml", state: "/h/.local/state/credd", socket: "/run/user/1/credd/credd.sock" },
    ],
    [
      { HOME: "/h", XDG_CONFIG_HOME: "/x" },
      "darwin",
      {
        settings: "/h/Library/Application Support/credd/config.toml",
        state: "/h/Library/Application Support/credd",
        socket: "/h/Library/Application Support/credd/credd.sock",
      },
    ],
  ] as const)("%j on %s", (env, platform, paths) => {
    expect(pathsFrom(env, platform)).toEqual(paths)
  })
})

describe("version", () => {
  it("is the package's", () => {
    const { version: packaged } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string }

    expect(version).toBe(packaged)
  })
})
