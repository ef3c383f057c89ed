import { closeSync, fsyncSync, openSync, writeSync } from "node:fs"
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import type { StoreKind } from "../../daemon/api.ts"
import { findKeys } from "../../client/credentials-file.ts"
import { controlServer, type ControlServer } from "./control-server.ts"
import { credd, refuse, statusAnswer } from "./fake-context.ts"
import { run, runCredd, type Ran } from "./real-process.ts"

const secretOf = (name: string): string => `fake+secret/of/${name}`.padEnd(40, "x")
const pairOf = (name: string): string =>
  `aws_access_key_id = AKIAFAKE${name.toUpperCase()}\naws_secret_access_key = ${secretOf(name)}\n`
const two = `# mine\n[acme]\n${pairOf("acme")}region = eu-central-1\n\n[other]\n${pairOf("other")}`
const path = "/home/alice/.aws/credentials"
const env = { HOME: "/home/alice" }

function keeping(store: StoreKind = "file") {
  const status = statusAnswer()
  return {
    "GET /status": () => ({ ...status, daemon: { ...status.daemon, store } }),
    "POST /access-keys": ({ profile }: { profile: string }) => ({
      profile,
      accountId: "123456789012",
      arn: `arn:aws:iam::123456789012:user/${profile}`,
      userId: "AIDAFAKE",
      durable: store !== "memory",
    }),
  }
}

describe("credd import", () => {
  it("has each key kept, then takes it out of the file", async () => {
    const { status, stderr, stdout, files, calls } = await credd(["import"], {
      env,
      files: { [path]: two },
      daemon: keeping(),
    })

    expect({ status, stdout }).toEqual({ status: 0, stdout: "" })
    expect(files.get(path)).toBe("# mine\n[acme]\nregion = eu-central-1\n\n[other]\n")
    expect([...files.keys()]).toEqual([path])
    expect(calls.slice(1).map(({ body }) => body)).toEqual([
      { profile: "acme", accessKeyId: "AKIAFAKEACME", secretAccessKey: secretOf("acme") },
      { profile: "other", accessKeyId: "AKIAFAKEOTHER", secretAccessKey: secretOf("other") },
    ])
    expect(stderr.split("\n")[0]).toBe(`importing from ${path}: acme, other`)
    expect(stderr).toContain("next: credd login acme")
    for (const name of ["acme", "other"]) expect(stderr).not.toContain(secretOf(name))
  })

  it("leaves the file alone with --keep", async () => {
    const { status, files } = await credd(["import", "--keep"], {
      env,
      files: { [path]: two },
      daemon: keeping("memory"),
    })

    expect({ status, text: files.get(path) }).toEqual({ status: 0, text: two })
  })

  it("takes only the profiles that are named", async () => {
    const { files } = await credd(["import", "other"], { env, files: { [path]: two }, daemon: keeping() })

    expect(files.get(path)).toBe(`# mine\n[acme]\n${pairOf("acme")}region = eu-central-1\n\n[other]\n`)
  })

  it("leaves a refused key in the file, goes on with the next, and ends with 1", async () => {
    const daemon = keeping()
    const { status, stderr, files } = await credd(["import"], {
      env,
      files: { [path]: two },
      daemon: {
        ...daemon,
        "POST /access-keys": (body) =>
          body.profile === "acme"
            ? refuse({ code: "AccessKeyRejected", message: "AWS does not accept it" })
            : daemon["POST /access-keys"](body),
      },
    })

    expect(status).toBe(1)
    expect(stderr).toContain('credd: error: left "acme" in the file: AWS does not accept it')
    expect(files.get(path)).toBe(`# mine\n[acme]\n${pairOf("acme")}region = eu-central-1\n\n[other]\n`)
  })

  it("does not move keys into a store that forgets, and sends none", async () => {
    const { status, stderr, files, calls } = await credd(["import"], {
      env,
      files: { [path]: two },
      daemon: keeping("memory"),
    })

    expect(status).toBe(2)
    expect(stderr).toContain("credd import --keep")
    expect(files.get(path)).toBe(two)
    expect(calls.map(({ route }) => route)).toEqual(["GET /status"])
  })

  it("keeps in the file what turns out not to be durable", async () => {
    const daemon = keeping()
    const { status, files } = await credd(["import"], {
      env,
      files: { [path]: two },
      daemon: { ...daemon, "POST /access-keys": (body) => ({ ...daemon["POST /access-keys"](body), durable: false }) },
    })

    expect({ status, text: files.get(path) }).toEqual({ status: 1, text: two })
  })

  it("leaves a file alone that changed meanwhile, and says to run it again", async () => {
    const daemon = keeping()
    const held = { [path]: two }
    const { status, stderr, files } = await credd(["import", "acme"], {
      env,
      files: held,
      daemon: daemon,
      onCall: (memory) => memory.set(path, Buffer.from(`${two}# edited\n`)),
    })

    expect(status).toBe(1)
    expect(stderr).toContain("changed in the meantime")
    expect(stderr).toContain("run: credd import")
    expect(files.get(path)).toBe(`${two}# edited\n`)
    expect([...files.keys()]).toEqual([path])
  })

  it("leaves an unclear key to a person", async () => {
    const text = `[a]\n${pairOf("a")}${pairOf("b")}`
    const { status, stderr, files, calls } = await credd(["import"], {
      env,
      files: { [path]: text },
      daemon: keeping(),
    })

    expect({ status, text: files.get(path) }).toEqual({ status: 1, text })
    expect(calls.map(({ route }) => route)).not.toContain("POST /access-keys")
    expect(stderr).toContain('left "a" in the file: its access key is there twice')
  })

  it.each([
    ["ends with 0 where there is nothing to move", [], { [path]: "[a]\nregion = x\n" }, 0, "nothing to import"],
    ["names a profile without a key", ["nope"], { [path]: two }, 1, 'no long-lived access key for "nope"'],
    ["names the file that is not there", [], {}, 1, path],
  ])("%s", async (_, names, files, status, words) => {
    const outcome = await credd(["import", ...names], { env, files })

    expect(outcome.status).toBe(status)
    expect(outcome.stderr).toContain(words)
  })

  it("stops when the daemon is not running", async () => {
    const { status, files } = await credd(["import"], { env, files: { [path]: two }, daemon: "not running" })

    expect({ status, text: files.get(path) }).toEqual({ status: 3, text: two })
  })
})

/** A daemon that keeps keys in a file, flushed before it answers: what the real store promises. */
async function keeper(): Promise<ControlServer & { readonly credentials: string; keys(): Promise<readonly string[]> }> {
  const server = await controlServer((route, body) => {
    if (route === "GET /status") return { body: keeping()["GET /status"]() }
    const file = openSync(join(server.home, "kept"), "a", 0o600)
    writeSync(file, `${["profile", "accessKeyId", "secretAccessKey"].map((name) => String(body[name])).join(" ")}\n`)
    fsyncSync(file)
    closeSync(file)
    return { body: keeping()["POST /access-keys"]({ profile: String(body["profile"]) }) }
  })
  const folder = join(server.home, "aws")
  await mkdir(folder)
  const credentials = join(folder, "credentials")
  return {
    ...server,
    credentials,
    async keys() {
      const text = await readFile(join(server.home, "kept"), "utf8").catch(() => "")
      return text.split("\n").filter((line) => line !== "")
    },
  }
}

describe("credd import, as a real process", () => {
  it("follows a symlink, keeps the mode, and keeps bytes that are no UTF-8", async () => {
    const { home, credentials } = await keeper()
    const target = join(home, "dotfiles-credentials")
    const odd = Buffer.concat([Buffer.from("# caf\xE9 \xFF\r\n", "latin1"), Buffer.from(two)])
    await writeFile(target, odd)
    await chmod(target, 0o640)
    await symlink(target, credentials)

    const { status, stderr } = await runCredd(["import"], {
      env: { CREDD_HOME: home, AWS_SHARED_CREDENTIALS_FILE: credentials },
    })

    expect({ status, stderr }).toMatchObject({ status: 0 })
    expect((await lstat(credentials)).isSymbolicLink()).toBe(true)
    expect((await stat(target)).mode & 0o777).toBe(0o640)
    expect((await readFile(target)).toString("latin1")).toBe(
      "# caf\xE9 \xFF\r\n# mine\n[acme]\nregion = eu-central-1\n\n[other]\n",
    )
  })

  it("loses no key when it is killed between any two effects", async () => {
    const driver = fileURLToPath(new URL("killed-import.mjs", import.meta.url))
    const everyKey = ["acme", "other"].map((name) => `${name} AKIAFAKE${name.toUpperCase()} ${secretOf(name)}`)
    const seen: string[] = []

    for (let killAt = 1; ; killAt += 1) {
      const { home, credentials, keys } = await keeper()
      await writeFile(credentials, two, { mode: 0o600 })
      const importing = async (at: number): Promise<Ran> =>
        await run(process.execPath, [driver], {
          env: { CREDD_HOME: home, AWS_SHARED_CREDENTIALS_FILE: credentials, KILL_AT: String(at), EFFECTS: "1" },
        })

      const killed = await importing(killAt)

      const inFile = findKeys(await readFile(credentials, "latin1")).keys
      const inFileLines = inFile.map((key) => `${key.profile} ${key.accessKeyId} ${key.secretAccessKey}`)
      expect(new Set([...inFileLines, ...(await keys())])).toEqual(new Set(everyKey))
      expect([0, 2]).toContain(inFile.length)
      if (killed.signal === null) {
        expect(killed.status).toBe(0)
        break
      }
      expect(killed.signal).toBe("SIGKILL")
      seen.push(killed.stderr.match(/effect \d+: (.*)\n$/)?.[1] ?? "")

      const again = await importing(0)
      expect({ killAt, status: again.status }).toEqual({ killAt, status: 0 })
      expect(await readFile(credentials, "utf8")).toBe("# mine\n[acme]\nregion = eu-central-1\n\n[other]\n")
      expect(new Set(await keys())).toEqual(new Set(everyKey))
      expect(await readdir(join(home, "aws"))).toEqual(["credentials"])
    }

    expect(seen).toEqual([
      "before GET /status",
      "after GET /status",
      "before POST /access-keys",
      "after POST /access-keys",
      "before POST /access-keys",
      "after POST /access-keys",
      "before write",
      "after write",
      "before rename",
      "after rename",
    ])
  })
})

describe("credd import --from aws-mfa", () => {
  const made = "aws_access_key_id = ASIAFAKE\naws_secret_access_key = temporary\naws_session_token = fake-token\n"
  const text = `[acme-long-term]
${pairOf("acme")}aws_mfa_device = arn:aws:iam::123456789012:mfa/alice

[acme]
assumed_role = False
${made}aws_security_token = fake-token
expiration = 2026-11-23 22:00:00
region = eu-west-1

[other]
${pairOf("other")}`

  it("takes the key of x-long-term for x with its device, and what aws-mfa made out of the file", async () => {
    const { status, stderr, files, calls } = await credd(["import", "--from", "aws-mfa"], {
      env,
      files: { [path]: text },
      daemon: keeping(),
    })

    expect(status).toBe(0)
    expect(calls.at(-1)?.body).toEqual({
      profile: "acme",
      accessKeyId: "AKIAFAKEACME",
      secretAccessKey: secretOf("acme"),
      mfaSerial: "arn:aws:iam::123456789012:mfa/alice",
    })
    expect(files.get(path)).toBe(
      `[acme-long-term]\naws_mfa_device = arn:aws:iam::123456789012:mfa/alice\n\n[acme]\nassumed_role = False\nregion = eu-west-1\n\n[other]\n${pairOf("other")}`,
    )
    expect(stderr).toContain("next: credd login acme")
  })

  it("leaves all as it is with --keep, and for a key that AWS refuses", async () => {
    const kept = await credd(["import", "--from", "aws-mfa", "--keep"], {
      env,
      files: { [path]: text },
      daemon: keeping(),
    })
    const refused = await credd(["import", "--from", "aws-mfa"], {
      env,
      files: { [path]: text },
      daemon: { ...keeping(), "POST /access-keys": () => refuse({ code: "AccessKeyRejected", message: "no" }) },
    })

    expect([kept.status, kept.files.get(path)]).toEqual([0, text])
    expect([refused.status, refused.files.get(path)]).toEqual([1, text])
  })

  it("knows no profile that aws-mfa does not, and the plain import points to it", async () => {
    const other = await credd(["import", "other", "--from", "aws-mfa"], {
      env,
      files: { [path]: text },
      daemon: keeping(),
    })
    const plain = await credd(["import", "--keep"], { env, files: { [path]: text }, daemon: keeping() })

    expect(other).toMatchObject({ status: 1, calls: [] })
    expect(plain.stderr).toContain("credd import --from aws-mfa")
  })
})

describe("credd import --from aws-vault", () => {
  const json = (more: object = {}): string =>
    JSON.stringify({ Version: 1, AccessKeyId: "AKIAFAKEACME", SecretAccessKey: secretOf("acme"), ...more })

  it("asks aws-vault for each key, quotes names for the shell, and changes nothing there", async () => {
    const commands: string[] = []
    const { status, calls, stderr } = await credd(["import", "--from", "aws-vault"], {
      env,
      daemon: keeping("memory"),
      shell(command) {
        commands.push(command.replace(/^.* aws-vault /, ""))
        return command.includes(" list ") ? "acme\n$(touch x)\n" : json()
      },
    })

    expect(status).toBe(0)
    expect(commands).toEqual([
      "list --credentials",
      "export --no-session --format=json -- acme",
      "export --no-session --format=json -- '$(touch x)'",
    ])
    expect(calls.map(({ body }) => body)).toMatchObject([{ profile: "acme" }, { profile: "$(touch x)" }])
    expect(stderr).toContain("aws-vault has them still; once all works: aws-vault remove acme")
    expect(stderr).not.toContain(secretOf("acme"))
  })

  it.each([
    ["temporary credentials", json({ SessionToken: "fake-token" })],
    ["no JSON", `canary ${secretOf("acme")}`],
    ["half a key", JSON.stringify({ AccessKeyId: "AKIAFAKEACME" })],
  ])("takes %s for no key, and quotes nothing of it", async (_, output) => {
    const { status, stderr, calls } = await credd(["import", "acme", "--from", "aws-vault"], {
      env,
      shell: (command) => (command.includes(" list ") ? "acme\nother\n" : output),
    })

    expect({ status, calls }).toEqual({ status: 1, calls: [] })
    expect(stderr).toContain('left "acme" in aws-vault: aws-vault gives no long-lived access key for it')
    expect(stderr).not.toContain(secretOf("acme"))
  })

  it("says so where there is no aws-vault, and of a source that is none", async () => {
    const { home } = await controlServer(() => ({ body: {} }))

    expect(
      await runCredd(["import", "--from", "aws-vault"], { env: { CREDD_HOME: home, PATH: "/bin" } }),
    ).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        "credd: error: there is no program aws-vault here\ncredd: hint: install it, or run: credd add PROFILE\n",
      ),
    })
    expect(await credd(["import", "--from", "leapp"], {})).toMatchObject({ status: 2, calls: [] })
  })
})
