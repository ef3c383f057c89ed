import { chmod, lstat, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import type { ProfileStatus } from "../../daemon/api.ts"
import { controlServer } from "./control-server.ts"
import { credd, statusAnswer } from "./fake-context.ts"
import { run, runCredd, type Ran } from "./real-process.ts"

const config = "/home/alice/.aws/config"
const env = { AWS_CONFIG_FILE: config }
const mine = "# mine\n[profile dev]\nregion = eu-west-1\n"
const fullUri = "http://127.0.0.1:9912/credentials/x"

const profile = (name: string, more: Partial<ProfileStatus> = {}): ProfileStatus => ({
  name,
  kind: "role",
  state: "idle",
  fullUri,
  ...more,
})
const answering = (...profiles: readonly ProfileStatus[]) => ({
  "GET /status": () => statusAnswer({ profiles }),
})
const usual = answering(
  profile("dev", { region: "eu-west-1" }),
  profile("prod"),
  profile("sso", { kind: "unsupported", state: "unsupported", reason: "SSO profiles are not served yet" }),
)
const block = (...lines: readonly string[]): string =>
  [
    "# >>> credd process: made by credd process --setup, taken away by credd process --remove",
    ...lines,
    "# <<< credd process",
    "",
  ].join("\n")

describe("credd process --setup", () => {
  it("says first which file it edits, and adds a profile for each that can be served", async () => {
    const { status, stdout, stderr, files } = await credd(["process", "--setup"], {
      env,
      files: { [config]: mine },
      daemon: usual,
    })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(stderr.split("\n")[0]).toBe(`editing ${config}: credd-dev, credd-prod; every other byte stays as it is`)
    expect(stderr).toContain("AWS_PROFILE=credd-dev aws sts get-caller-identity")
    expect(files.get(config)).toBe(
      mine +
        block(
          "[profile credd-dev]",
          "credential_process = /usr/local/bin/credd process dev",
          "region = eu-west-1",
          "[profile credd-prod]",
          "credential_process = /usr/local/bin/credd process prod",
        ),
    )
  })

  it("keeps those that are named and no others, and does nothing the second time", async () => {
    const first = await credd(["process", "--setup"], { env, files: { [config]: mine }, daemon: usual })
    const given = { [config]: first.files.get(config)! }

    const second = await credd(["process", "--setup", "prod"], { env, files: given, daemon: usual })
    expect(second.files.get(config)).toBe(
      mine + block("[profile credd-prod]", "credential_process = /usr/local/bin/credd process prod"),
    )

    const third = await credd(["process", "--setup"], { env, files: given, daemon: usual })
    expect(third.files.get(config)).toBe(given[config])
    expect(third.stderr).toContain("nothing to change")
  })

  it("quotes as every SDK's shell reads it, and calls the profile by plain letters", async () => {
    const { files } = await credd(["process", "--setup"], {
      env,
      daemon: answering(profile("it's ü/1")),
      program: ["/opt/my tools/node", "/opt/credd/main.js"],
    })

    expect(files.get(config)).toContain("[profile credd-it-s-1]\n")
    expect(files.get(config)).toContain(
      `credential_process = '/opt/my tools/node' /opt/credd/main.js process 'it'\\''s ü/1'\n`,
    )
  })

  it.each([
    ["a name that the file has already", ["dev"], `${mine}[profile credd-dev]\nregion = x\n`, "stands in"],
    ["a name that the file has in quotes", ["dev"], `${mine}[ profile  "credd-dev" ]\n`, "stands in"],
    ["two profiles that would be called the same", ["a b", "a/b"], mine, '"a b" is called, too'],
    ["a name that reads as a comment", ["a #b"], mine, "no AWS SDK could call"],
    ["a name with a line break", ["a\nb"], mine, "no AWS SDK could call"],
    ["a name that reads as a flag", ["-x"], mine, "no AWS SDK could call"],
    ["nothing to serve", [], mine, "no profile can be served"],
  ])("leaves the file alone with %s", async (_, names, text, words) => {
    const { status, stderr, files } = await credd(["process", "--setup"], {
      env,
      files: { [config]: text },
      daemon: answering(...names.map((name) => profile(name))),
    })

    expect(status).toBe(2)
    expect(stderr).toContain(words)
    expect(files.get(config)).toBe(text)
  })

  it.each([
    [["never"], 1, 'there is no profile "never"'],
    [["sso"], 1, "SSO profiles are not served yet"],
  ])("sets nothing up for %j", async (names, status, words) => {
    const outcome = await credd(["process", "--setup", ...names], { env, files: { [config]: mine }, daemon: usual })

    expect(outcome).toMatchObject({ status, stderr: expect.stringContaining(words) })
    expect(outcome.files.get(config)).toBe(mine)
  })

  it("leaves broken marks alone, both ways", async () => {
    const text = `${mine}# <<< credd process\n`

    for (const flag of ["--setup", "--remove"]) {
      const { status, stderr, files } = await credd(["process", flag], {
        env,
        files: { [config]: text },
        daemon: usual,
      })
      expect(status).toBe(1)
      expect(stderr).toContain("by hand")
      expect(files.get(config)).toBe(text)
    }
  })
})

describe("credd process --remove", () => {
  it.each([mine, "", "[default]\nregion = x", "[default]\r\nregion = x\r\n"])("gives %j back", async (text) => {
    const { files } = await credd(["process", "--setup"], { env, files: { [config]: text }, daemon: usual })

    const removed = await credd(["process", "--remove"], { env, files: { [config]: files.get(config)! } })

    expect(removed).toMatchObject({ status: 0, calls: [] })
    expect(removed.files.get(config)).toBe(text)
  })

  it("takes away the file that was not there before, and needs none", async () => {
    const { files } = await credd(["process", "--setup"], { env, daemon: usual })
    const removed = await credd(["process", "--remove"], { env, files: { [config]: files.get(config)! } })
    expect([...removed.files.keys()]).toEqual([])

    for (const given of [{}, { [config]: mine }]) {
      const nothing = await credd(["process", "--remove"], { env, files: given })
      expect(nothing).toMatchObject({ status: 0, stderr: expect.stringContaining("nothing to remove") })
    }
  })
})

async function machine() {
  const { home } = await controlServer(() => ({ body: usual["GET /status"]() }))
  const folder = join(home, "aws")
  await mkdir(folder, { mode: 0o700 })
  const file = join(folder, "config")
  const variables = { CREDD_HOME: home, AWS_CONFIG_FILE: file }
  return { home, folder, file, variables, edit: async (flag: string) => await runCredd(["process", flag], { env: variables }) }
} // prettier-ignore

describe("credd process --setup on a real disk", () => {
  it("keeps the mode, follows a symlink, and leaves nothing beside", async () => {
    const { folder, file, edit } = await machine()
    const target = join(folder, "dotfiles-config")
    await writeFile(target, mine)
    await chmod(target, 0o640)
    await symlink("dotfiles-config", file)

    expect(await edit("--setup")).toMatchObject({ status: 0 })
    expect(await readFile(target, "utf8")).toContain("[profile credd-dev]")
    expect((await stat(target)).mode & 0o777).toBe(0o640)
    expect((await lstat(file)).isSymbolicLink()).toBe(true)

    expect(await edit("--remove")).toMatchObject({ status: 0 })
    expect(await readFile(target, "utf8")).toBe(mine)
    expect(await readdir(folder)).toEqual(["config", "dotfiles-config"])
  })

  it("makes a file of its user's alone where there was none, and takes it away", async () => {
    const { folder, file, edit } = await machine()

    await edit("--setup")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await edit("--remove")
    expect(await readdir(folder)).toEqual([])
  })

  it("killed between any two effects leaves the file as before or as after", async () => {
    const driver = fileURLToPath(new URL("killed-process-setup.mjs", import.meta.url))
    const { folder, file, variables } = await machine()
    const start = async (flag: string, killAt: number): Promise<Ran> =>
      await run(process.execPath, [driver, flag], { env: { ...variables, KILL_AT: String(killAt) } })
    await writeFile(file, mine)
    await start("--setup", 0)
    const after = await readFile(file, "utf8")

    for (const [flag, from, to] of [["--setup", mine, after], ["--remove", after, mine]] as const) {
      let killed = 0
      for (let killAt = 1; ; killAt += 1) {
        await writeFile(file, from)
        const { signal } = await start(flag, killAt)
        expect([from, to]).toContain(await readFile(file, "utf8"))
        if (signal === null) break
        killed += 1
        expect(await start(flag, 0)).toMatchObject({ status: 0 })
        expect(await readFile(file, "utf8")).toBe(to)
        expect(await readdir(folder)).toEqual(["config"])
      }
      expect(killed).toBe(4)
    }
  }, 60_000) // prettier-ignore
})
