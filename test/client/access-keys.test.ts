import { describe, expect, it } from "vitest"
import { credd, refuse, type Handlers } from "./fake-context.ts"

const id = "AKIAFAKEFAKEFAKEFAKE"
const secret = "fakefakefakefakefakefakefakefakefakefake"

function daemon(durable = true): Handlers {
  return {
    "POST /access-keys": ({ profile }) => ({
      profile,
      durable,
      accountId: "123456789012",
      arn: "arn:aws:iam::123456789012:user/alice",
      userId: "AIDAFAKE",
    }),
    "DELETE /access-keys": ({ profile }) => ({ profile, warnings: [] }),
  }
}

describe("credd add", () => {
  it("asks a person for both halves and shows neither", async () => {
    const { status, stderr, stdout, calls } = await credd(["add", "acme"], {
      typed: [` ${id} `, `${secret}\n`],
      daemon: daemon(),
    })

    expect(status).toBe(0)
    expect(calls).toEqual([
      { route: "POST /access-keys", body: { profile: "acme", accessKeyId: id, secretAccessKey: secret } },
    ])
    expect(stderr).toContain("arn:aws:iam::123456789012:user/alice")
    expect(stderr).toContain("next: credd login acme\n")
    expect(stdout + stderr).not.toContain(secret)
    expect(stdout + stderr).not.toContain(id)
  })

  it("reads two lines where nobody is there", async () => {
    const { calls } = await credd(["add", "two words", "--mfa-serial", "arn:aws:iam::1:mfa/a"], {
      stdin: `${id}\r\n${secret}\r\nmore\n`,
      daemon: daemon(),
    })

    expect(calls[0]?.body).toEqual({
      profile: "two words",
      accessKeyId: id,
      secretAccessKey: secret,
      mfaSerial: "arn:aws:iam::1:mfa/a",
    })
  })

  it.each(["", `${id}\n`, "\n\n"])("ends with 2 when stdin holds only %j", async (stdin) => {
    const { status, calls } = await credd(["add", "acme"], { stdin, daemon: daemon() })

    expect({ status, calls }).toEqual({ status: 2, calls: [] })
  })

  it.each([
    ["as the console writes it", `Access key ID,Secret access key\n${id},${secret}\n`],
    ["with a BOM and CRLF", `\uFEFFAccess key ID,Secret access key\r\n${id},${secret}\r\n`],
    ["with quotes", `"Access key ID","Secret access key"\n"${id}","${secret}"`],
    ["with more columns", `User name,Access key ID,Secret access key,Link\nalice,${id},${secret},https://x\n`],
    ["with blank lines", `Access key ID,Secret access key\n\n${id} , ${secret}\n\n`],
  ])("reads the console's file %s", async (_, text) => {
    const { status, stderr, calls } = await credd(["add", "acme", "--csv", "/keys.csv"], {
      files: { "/keys.csv": text },
      daemon: daemon(),
    })

    expect(status).toBe(0)
    expect(calls[0]?.body).toMatchObject({ accessKeyId: id, secretAccessKey: secret })
    expect(stderr).toContain("delete /keys.csv now")
  })

  it.each([
    ["another header", { "/keys.csv": `a,b\n${id},${secret}\n` }],
    ["no row", { "/keys.csv": "Access key ID,Secret access key\n" }],
    ["nothing", { "/keys.csv": "" }],
    ["no file", {}],
  ])("ends with 2 on %s, and quotes no value", async (_, files) => {
    const { status, stderr, calls } = await credd(["add", "acme", "--csv", "/keys.csv"], { files, daemon: daemon() })

    expect({ status, calls }).toEqual({ status: 2, calls: [] })
    expect(stderr).not.toContain(secret)
  })

  it("warns when the store forgets the key", async () => {
    const { stderr } = await credd(["add", "acme"], { typed: [id, secret], daemon: daemon(false) })

    expect(stderr).toContain("credd: warning: the memory store forgets it")
  })

  it("sends nothing after Ctrl-C at the second prompt", async () => {
    const { status, calls } = await credd(["add", "acme"], { typed: [id, undefined], daemon: daemon() })

    expect({ status, calls }).toEqual({ status: 130, calls: [] })
  })
})

describe("credd remove", () => {
  it.each(["y", "yes", " Y "])("forgets the key after %j", async (answer) => {
    const { status, calls } = await credd(["remove", "acme"], { typed: [answer], daemon: daemon() })

    expect({ status, calls }).toEqual({
      status: 0,
      calls: [{ route: "DELETE /access-keys", body: { profile: "acme" } }],
    })
  })

  it.each(["", "n", "no", "maybe"])("keeps the key after %j", async (answer) => {
    const { status, calls, stderr } = await credd(["remove", "acme"], { typed: [answer], daemon: daemon() })

    expect({ status, calls }).toEqual({ status: 1, calls: [] })
    expect(stderr).toBe("nothing was removed\n")
  })

  it("wants --yes where nobody can be asked", async () => {
    expect(await credd(["remove", "a b"], { daemon: daemon() })).toMatchObject({
      status: 2,
      calls: [],
      stderr: expect.stringContaining("run: credd remove 'a b' --yes"),
    })
    expect((await credd(["remove", "a b", "--yes"], { daemon: daemon() })).status).toBe(0)
  })
})

describe("credd unlock", () => {
  it("gives the passphrase as it was typed", async () => {
    const { status, calls } = await credd(["unlock"], {
      typed: ["  two spaces  "],
      daemon: { "POST /unlock": () => ({ warnings: [] }) },
    })

    expect(status).toBe(0)
    expect(calls).toEqual([{ route: "POST /unlock", body: { passphrase: "  two spaces  " } }])
  })

  it("ends with 13 on a wrong one, and does not repeat it", async () => {
    const { status, stderr } = await credd(["unlock"], {
      stdin: "wrong-passphrase\n",
      daemon: {
        "POST /unlock": () =>
          refuse({ code: "KeychainLocked", message: "the passphrase does not open the file store" }),
      },
    })

    expect(status).toBe(13)
    expect(stderr).not.toContain("wrong-passphrase")
  })
})
