import { describe, expect, it } from "vitest"
import type { LoginPlan } from "../../daemon/api.ts"
import { controlServer } from "./control-server.ts"
import { credd, refuse, type Handlers } from "./fake-context.ts"
import { runCredd } from "./real-process.ts"

const serial = "arn:aws:iam::123456789012:mfa/alice"
const arn = "arn:aws:iam::123456789012:user/alice"

function signedIn(profiles: readonly string[] = ["acme", "dev"], warnings: readonly string[] = []) {
  return {
    session: { sourceProfile: "acme", state: "signed-in", arn, expiration: "2026-11-23T22:10:00Z" } as const,
    profiles,
    warnings,
  }
}

function daemon(changes: Handlers & { readonly plan?: Partial<LoginPlan> } = {}): Handlers {
  const { plan, ...handlers } = changes
  return {
    "GET /login-plan": ({ profile }) => ({ profile, sourceProfile: "acme", mfaSerial: serial, ...plan }),
    "POST /login": () => signedIn(),
    ...handlers,
  }
}

const rejected = () =>
  refuse({ code: "MfaCodeRejected", message: "AWS refused the MFA code", hint: "run: credd login acme" })

describe("credd login", () => {
  it("asks for the code, and ends with who, until when, what is served, and the next step", async () => {
    const { status, stdout, stderr, asked, calls } = await credd(["login", "dev"], {
      typed: ["123456"],
      daemon: daemon(),
    })

    expect({ status, stdout, asked }).toEqual({ status: 0, stdout: "", asked: [`MFA code for ${serial}`] })
    const until = new Date("2026-11-23T22:10:00Z").toTimeString().slice(0, 5)
    expect(stderr).toBe(
      `signed in to "acme" as ${arn} until ${until} (12h10m)\nserves 2 profiles: acme, dev\nnext: eval "$(credd env dev)"\n`,
    )
    expect(calls).toEqual([
      { route: "GET /login-plan", body: { profile: "dev" } },
      { route: "POST /login", body: { profile: "dev", mfaCode: "123456", durationSeconds: 43_200 } },
    ])
  })

  it("shows the first few of many profiles, the daemon's warnings, and the shell's own way", async () => {
    const { stderr } = await credd(["login", "dev"], {
      typed: ["123 456"],
      env: { SHELL: "/usr/bin/fish" },
      daemon: daemon({ "POST /login": () => signedIn(["a", "b", "c", "d", "e"], ["the session could not be kept"]) }),
    })

    expect(stderr).toContain("credd: warning: the session could not be kept\n")
    expect(stderr).toContain("serves 5 profiles: a, b, c, d, …\n")
    expect(stderr).toContain("next: credd env dev | source\n")
  })

  it("says what is in the way before it asks for a code", async () => {
    const { status, asked, stderr } = await credd(["login", "dev"], {
      typed: ["123456"],
      daemon: daemon({
        "GET /login-plan": () =>
          refuse({ code: "MfaSerialMissing", message: 'profile "dev" has no mfa_serial', hint: "add mfa_serial" }),
      }),
    })

    expect({ status, asked }).toEqual({ status: 1, asked: [] })
    expect(stderr).toContain("has no mfa_serial")
  })

  it.each([
    [
      "--mfa-code over all else",
      ["--mfa-code", "111111"],
      { stdin: "222222\n", typed: undefined },
      "oathtool",
      "111111",
    ],
    ["a line on stdin over mfa_process", [], { stdin: "222222\nmore\n", typed: undefined }, "oathtool", "222222"],
    ["mfa_process where stdin is empty", [], { stdin: "", typed: undefined }, "oathtool", "333333"],
    ["mfa_process where a person could be asked", [], { stdin: "", typed: [] }, "oathtool", "333333"],
    ["the prompt where there is no mfa_process", [], { stdin: "", typed: ["444444"] }, undefined, "444444"],
  ])("takes %s", async (_, flags, { stdin, typed }, mfaProcess, code) => {
    const { calls } = await credd(["login", "dev", ...flags], {
      stdin,
      ...(typed === undefined ? {} : { typed }),
      shell: () => "333333",
      daemon: daemon({ plan: mfaProcess === undefined ? {} : { mfaProcess } }),
    })

    expect(calls.at(-1)?.body).toMatchObject({ mfaCode: code })
  })

  it("ends with 2 when nobody gives a code", async () => {
    const { status, stderr } = await credd(["login", "dev"], { daemon: daemon() })

    expect(status).toBe(2)
    expect(stderr).toContain("--mfa-code")
  })

  it("asks again after a typing error, three times in all, and never sends a code twice", async () => {
    const { status, asked, calls } = await credd(["login", "dev"], {
      typed: ["111111", "111111", "222222", "333333"],
      daemon: daemon({ "POST /login": rejected }),
    })

    expect(status).toBe(1)
    expect(asked).toHaveLength(3)
    const sent = calls.filter(({ route }) => route === "POST /login").map(({ body }) => body)
    expect(sent).toMatchObject([{ mfaCode: "111111" }, { mfaCode: "222222" }])
  })

  it("goes on when the second code is right", async () => {
    const { status, calls } = await credd(["login", "dev"], {
      typed: ["12345", "222222"],
      daemon: daemon(),
    })

    expect(status).toBe(0)
    expect(calls.filter(({ route }) => route === "POST /login")).toHaveLength(1)
  })

  it.each([
    ["--mfa-code", ["--mfa-code", "111111"], {}],
    ["mfa_process", [], { mfaProcess: "oathtool" }],
  ])("does not ask again after a code from %s", async (_, flags, plan) => {
    const { status, asked, calls } = await credd(["login", "dev", ...flags], {
      typed: ["222222"],
      shell: () => "111111",
      daemon: daemon({ plan, "POST /login": rejected }),
    })

    expect({ status, asked }).toEqual({ status: 1, asked: [] })
    expect(calls.filter(({ route }) => route === "POST /login")).toHaveLength(1)
  })

  it("does not ask again when the code is not what failed", async () => {
    const { status, asked } = await credd(["login", "dev"], {
      typed: ["111111", "222222"],
      daemon: daemon({ "POST /login": () => refuse({ code: "Unavailable", message: "could not reach STS" }) }),
    })

    expect({ status, asked: asked.length }).toEqual({ status: 1, asked: 1 })
  })

  it("ends with 130 on Ctrl-C, with nothing sent", async () => {
    const { status, calls } = await credd(["login", "dev"], { typed: [undefined], daemon: daemon() })

    expect(status).toBe(130)
    expect(calls.map(({ route }) => route)).toEqual(["GET /login-plan"])
  })

  it.each([
    ["900s", 900],
    ["15m", 900],
    ["12h", 43_200],
    ["1d", 86_400],
    ["36h", 129_600],
    ["3600", 3_600],
  ])("takes --duration %s as %i s", async (duration, seconds) => {
    const { calls } = await credd(["login", "dev", "--duration", duration], { typed: ["123456"], daemon: daemon() })

    expect(calls.at(-1)?.body).toMatchObject({ durationSeconds: seconds })
  })

  it.each(["14m", "37h", "2d", "0", "12", "1.5h", "12 h", "h", "-1h", "1e4", ""])(
    "ends with 2 and the range for --duration %j",
    async (duration) => {
      const { status, stderr, calls } = await credd(["login", "dev", `--duration=${duration}`], { daemon: daemon() })

      expect({ status, calls }).toEqual({ status: 2, calls: [] })
      expect(stderr).toMatch(/15m (to|and) 36h|duration/)
    },
  )

  it("asks in a window with --gui, again after a wrong code and says why, where nobody is at a terminal", async () => {
    const answers = [rejected, rejected, () => signedIn()]

    const { status, asked } = await credd(["login", "dev", "--gui"], {
      typedInWindow: ["111111", "222222", "333333"],
      daemon: daemon({ "POST /login": () => answers.shift()!() }),
    })

    expect(status).toBe(0)
    const again = expect.stringMatching(new RegExp(`^window: .*code.*; MFA code for ${serial}$`))
    expect(asked).toEqual([`window: MFA code for ${serial}`, again, again])
  })

  it("opens the file store in passing when a person can give the passphrase", async () => {
    let isOpen = false
    const { status, asked, calls } = await credd(["login", "dev"], {
      typed: [" pass phrase ", "123456"],
      daemon: daemon({
        "GET /login-plan": ({ profile }) =>
          isOpen
            ? { profile, sourceProfile: "acme", mfaSerial: serial }
            : refuse({ code: "KeychainLocked", message: "the file store is locked", hint: "run: credd unlock" }),
        "POST /unlock": () => {
          isOpen = true
          return { warnings: [] }
        },
      }),
    })

    expect(status).toBe(0)
    expect(asked).toEqual(["Passphrase of the file store", `MFA code for ${serial}`])
    expect(calls[1]).toEqual({ route: "POST /unlock", body: { passphrase: " pass phrase " } })
  })

  it("ends with 13 when the store is locked and nobody is there", async () => {
    const { status } = await credd(["login", "dev"], {
      stdin: "123456\n",
      daemon: daemon({
        "GET /login-plan": () =>
          refuse({ code: "KeychainLocked", message: "the file store is locked", hint: "run: credd unlock" }),
      }),
    })

    expect(status).toBe(13)
  })

  it("reads one line as a real process, and ends although stdin stays open", async () => {
    const bodies: unknown[] = []
    const { home } = await controlServer((route, body) => {
      bodies.push(body)
      return { body: route === "GET /login-plan" ? { ...body, sourceProfile: "acme", mfaSerial: serial } : signedIn() }
    })

    const { status, stderr } = await runCredd(["login", "dev"], {
      env: { CREDD_HOME: home },
      stdin: "123456\r\n",
      keepOpen: true,
    })

    expect({ status, stderr }).toMatchObject({ status: 0 })
    expect(bodies.at(-1)).toMatchObject({ mfaCode: "123456" })
  })

  it("runs mfa_process with sh, its stderr passed through", async () => {
    const bodies: unknown[] = []
    const plan = { sourceProfile: "acme", mfaSerial: serial, mfaProcess: "echo 'touch your key' >&2; echo 654321" }
    const { home } = await controlServer((route, body) => {
      bodies.push(body)
      return { body: route === "GET /login-plan" ? { ...body, ...plan } : signedIn() }
    })

    const { status, stderr } = await runCredd(["login", "dev"], { env: { CREDD_HOME: home } })

    expect(status).toBe(0)
    expect(stderr).toContain("touch your key\n")
    expect(bodies.at(-1)).toMatchObject({ mfaCode: "654321" })
  })

  it("says how mfa_process ended when it fails", async () => {
    const { home } = await controlServer((_, body) => ({
      body: { ...body, sourceProfile: "acme", mfaSerial: serial, mfaProcess: "exit 7" },
    }))

    const { stderr } = await runCredd(["login", "dev"], { env: { CREDD_HOME: home } })

    expect(stderr).toContain("mfa_process ended with status 7")
  })
})
