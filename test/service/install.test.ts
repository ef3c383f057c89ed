import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { must } from "./machine.ts"
import { credentialsLine, ownersMachine, signIn, type OwnersMachine } from "./owner.ts"

let machine: OwnersMachine
let owner: OwnersMachine["owner"]
beforeAll(async () => {
  machine = await ownersMachine()
  ;({ owner } = machine)
})
afterAll(async () => await machine.powerOff())

const pid = async (): Promise<string> =>
  (await owner("systemctl --user show credd.service --property=MainPID --value")).stdout.trim()

/** Takes the table of connections away from the daemon that runs now. */
async function withoutTable(): Promise<void> {
  await must(machine.run(`mount -t tmpfs none /proc/${await pid()}/net`))
}

describe("credd service install", () => {
  it("says that there is no service yet", async () => {
    expect(await owner("credd service status")).toMatchObject({
      status: 3,
      stdout: expect.stringContaining("no; run: credd service install"),
    })
  })

  it("installs units, starts them, waits for the answer, and names the next step", async () => {
    const { stderr } = await must(owner("credd service install"))

    expect(stderr).toBe(
      "credd is installed as a systemd service: it starts at login, and serves on http://127.0.0.1:9912\n" +
        "next: credd login acme   (the first time: credd add acme)\n",
    )
    expect((await owner("systemctl --user is-enabled credd.socket credd.service")).stdout).toBe("enabled\nenabled\n")
    expect((await owner("credd service status")).stdout).toMatch(/running +yes, pid \d+/)
  })

  it("has units that systemd has nothing to say of, exposed 5.2 at most", async () => {
    const verify = await must(
      owner("cd .config/systemd/user && systemd-analyze --user verify credd.socket credd-peers.socket credd.service"),
    )
    const security = await must(owner("systemd-analyze --user security --no-pager credd.service"))

    expect(verify.stdout + verify.stderr).toBe("")
    expect(Number(/exposure level for credd.service: ([\d.]+)/.exec(security.stdout)?.[1])).toBeLessThanOrEqual(5.2)
  })

  it("logs nothing worse than news, under its own name and with priorities", async () => {
    const { stdout } = await must(owner("journalctl --user -u credd.service -o json"))

    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>)
    expect(lines.filter(({ PRIORITY }) => Number(PRIORITY) <= 3).map(({ MESSAGE }) => MESSAGE)).toEqual([])
    expect(lines.find(({ MESSAGE }) => MESSAGE?.includes('"listening"'))).toMatchObject({
      SYSLOG_IDENTIFIER: "credd",
      PRIORITY: "6",
    })
    expect((await must(owner("credd service logs"))).stdout).toContain('"event":"listening"')
  })

  it("serves what was kept in the keychain, and goes on after a restart without a code", async () => {
    await signIn(machine)
    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
    const before = await pid()

    await must(owner("systemctl --user restart credd.service"))

    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
    expect(await pid()).not.toBe(before)
  })

  it("asks the kernel whose a connection is, and reads no table for it", async () => {
    await withoutTable()

    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
  })

  it("serves by the table where the manager opens no such socket, and lets nobody in where there is neither", async () => {
    const dropIn = ".config/systemd/user/credd-peers.socket.d"
    const again = "systemctl --user daemon-reload && systemctl --user stop credd-peers.socket credd.service"
    await must(
      owner(`mkdir ${dropIn} && printf '[Socket]\nExecStartPre=/bin/false\n' > ${dropIn}/broken.conf && ${again}`),
    )
    onTestFinished(async () => void (await must(owner(`rm -r ${dropIn} && ${again} && credd status`))))

    await must(owner("credd status"))
    expect((await owner("systemctl --user is-active credd-peers.socket")).stdout).toBe("failed\n")
    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
    await withoutTable()
    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ Code: "PeerRejected" })
  })

  it("changes nothing and restarts nothing the second time", async () => {
    const before = await pid()

    const { stderr } = await must(owner("credd service install"))

    expect(stderr).toContain("credd is installed already as a systemd service")
    expect(stderr).toContain("next: credd status")
    expect(await pid()).toBe(before)
  })

  it("is started by the first request, too", async () => {
    await must(owner("systemctl --user stop credd.service"))
    expect((await owner("systemctl --user is-active credd.service")).stdout).toBe("inactive\n")

    expect((await must(owner("curl -sS http://127.0.0.1:9912/healthz"))).stdout).toBe('{"status":"ok"}')

    expect((await owner("systemctl --user is-active credd.service")).stdout).toBe("active\n")
  })

  it("moves to the port that the settings name, and takes the shell's variables along", async () => {
    await must(owner("echo 'port = 9950' > .config/credd/config.toml"))

    const moved = await must(owner("AWS_REGION=eu-north-1 HTTPS_PROXY='http://a:%b \"c\"@p:1' credd service install"))
    const environment = await must(
      owner("tr '\\0' '\\n' < /proc/$(systemctl --user show credd.service -p MainPID --value)/environ"),
    )
    await must(owner("credd service install"))

    expect(moved.stderr).toContain("serves on http://127.0.0.1:9950")
    expect(environment.stdout).toContain("AWS_REGION=eu-north-1\n")
    expect(environment.stdout).toContain('HTTPS_PROXY=http://a:%b "c"@p:1\n')
    expect((await owner("stat -c %a .config/systemd/user/credd.service.d/environment.conf")).stdout).toBe("600\n")
    expect((await owner("cat .config/systemd/user/credd.service.d/environment.conf")).stdout).toContain("eu-north-1")
    await must(
      owner(
        "rm .config/credd/config.toml .config/systemd/user/credd.service.d/environment.conf; credd service install",
      ),
    )
  })

  it("brings the newer units to a service that was installed without them", async () => {
    const units = ".config/systemd/user"
    await must(owner(`systemctl --user stop credd-peers.socket credd.service && rm ${units}/credd-peers.socket`))
    await must(owner(`sed -i '/^NonBlocking=/d; s/ *[^ =]*credd-peers.socket//; /^Wants=$/d' ${units}/credd.service`))
    await must(owner("systemctl --user daemon-reload && systemctl --user start credd.service && credd status"))
    expect((await owner(`cat ${units}/credd.service`)).stdout).not.toMatch(/peers|Wants/)

    const { stderr } = await must(owner("credd service install"))
    await withoutTable()

    expect(stderr).toContain("credd is installed as a systemd service")
    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
  })

  it("is exposed 3.0 at most with --strict, and serves all the same", async () => {
    await must(owner("credd service install --strict"))

    const security = await must(owner("systemd-analyze --user security --no-pager credd.service"))

    expect(Number(/exposure level for credd.service: ([\d.]+)/.exec(security.stdout)?.[1])).toBeLessThanOrEqual(3)
    await withoutTable()
    expect(JSON.parse((await must(owner(credentialsLine))).stdout)).toMatchObject({ AccountId: "123456789012" })
    expect((await must(owner("credd service install"))).stderr).toContain("already")
  })
})
