import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { imdsPorts } from "../../daemon/adapters/imds-ports.ts"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { profileNotFound } from "../../daemon/core/errors.ts"
import { openImds, type Imds } from "../../daemon/imds.ts"
import { fakeAudit } from "../fakes/audit.ts"
import { fakeClock, hours } from "../fakes/clock.ts"
import { someCredentials } from "../fakes/credentials.ts"
import { fakeLog } from "../fakes/log.ts"
import { freePort } from "../support/free-port.ts"

async function setup({ always = [] as readonly string[], port = undefined as number | undefined } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "credd-imds-"))
  const first = port ?? (await freePort())
  const clock = fakeClock()
  const checkImds = vi.fn<(profile: string) => void>()
  const log = fakeLog()
  const opened: Imds[] = []
  const start = async (more: readonly string[] = always, at = first): Promise<Imds> => {
    const imds = await openImds({
      clock,
      audit: fakeAudit(),
      log,
      broker: {
        checkImds,
        place: () => ({ region: "eu-west-1" }),
        credentialsForImds: async () => someCredentials(clock.now() + 1 * hours),
      },
      peers: { isOurs: async () => true },
      ports: imdsPorts(folder),
      port: at,
      always: more,
    })
    opened.push(imds)
    return imds
  }
  onTestFinished(async () => {
    for (const imds of opened) await stop(imds)
    await rm(folder, { recursive: true })
  })
  return { folder, first, start, checkImds, log }
}

async function stop(imds: Imds): Promise<void> {
  for (const server of imds.servers()) {
    server.closeAllConnections()
    await new Promise((resolve) => {
      server.close(resolve)
    })
  }
}

async function hold(port: number): Promise<() => Promise<void>> {
  const holder = createServer()
  await listenOnPort(holder, port)
  const release = async (): Promise<void> =>
    await new Promise((resolve) => {
      holder.close(() => resolve())
    })
  onTestFinished(release)
  return release
}

const put = async (endpoint: string): Promise<number> =>
  (
    await fetch(`${endpoint}/latest/api/token`, {
      method: "PUT",
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60", connection: "close" },
    })
  ).status

describe(openImds.name, () => {
  it("opens nothing that nobody asked for", async () => {
    const { start } = await setup()

    expect((await start()).endpoints()).toEqual([])
  })

  it("gives each profile a port of its own, and the same one after a restart, in whatever order", async () => {
    const { first, start } = await setup({ always: ["dev"] })
    const imds = await start()
    const prod = await imds.enable("prod")
    expect(imds.endpoints()).toEqual([
      { profile: "dev", endpoint: `http://127.0.0.1:${first + 1}`, enabledBy: "settings" },
      { profile: "prod", endpoint: `http://127.0.0.1:${first + 2}`, enabledBy: "command" },
    ])
    expect(await put(prod.endpoint)).toBe(200)
    await stop(imds)

    const again = await start([])
    expect(again.endpoints()).toEqual([prod])
    expect((await again.enable("dev")).endpoint).toBe(`http://127.0.0.1:${first + 1}`)
  })

  it("passes over a port that somebody holds, the first time only", async () => {
    const { first, start, log } = await setup()
    const release = await hold(first + 1)
    const imds = await start()
    expect((await imds.enable("dev")).endpoint).toBe(`http://127.0.0.1:${first + 2}`)
    await stop(imds)
    await release()
    const releaseOwn = await hold(first + 2)

    const later = await start()

    // A shell that knows the old port must not be sent to the holder, and learn of a new one: it stays and says so.
    expect(later.endpoints()).toEqual([
      { profile: "dev", endpoint: "", enabledBy: "command", problem: expect.stringContaining(`port ${first + 2}`) },
    ])
    expect(log.lines.join("\n")).toContain("imds_not_listening")
    await expect(later.enable("dev")).rejects.toMatchObject({ code: "PortTaken" })
    await releaseOwn()
    await later.retry()
    expect(later.endpoints()).toEqual([
      { profile: "dev", endpoint: `http://127.0.0.1:${first + 2}`, enabledBy: "command" },
    ])
  })

  it("closes at once what is disabled, and keeps its port from other profiles", async () => {
    const { first, start } = await setup()
    const imds = await start()
    const { endpoint } = await imds.enable("dev")
    await put(endpoint)

    await imds.disable("dev")

    await expect(put(endpoint)).rejects.toThrow("fetch failed")
    expect(imds.endpoints()).toEqual([])
    expect((await imds.enable("prod")).endpoint).toBe(`http://127.0.0.1:${first + 2}`)
    expect((await imds.enable("dev")).endpoint).toBe(endpoint)
    await expect(imds.disable("never")).rejects.toMatchObject({ code: "UsageWrong" })
  })

  it("leaves what the settings turn on", async () => {
    const { start } = await setup({ always: ["dev"] })
    const imds = await start()

    await expect(imds.disable("dev")).rejects.toMatchObject({ code: "UsageWrong" })
    expect(imds.endpoints()).toHaveLength(1)
  })

  it("opens one port when two ask for the same profile at once", async () => {
    const { start } = await setup()
    const imds = await start()

    const [one, two] = await Promise.all([imds.enable("dev"), imds.enable("dev")])

    expect(one).toEqual(two)
    expect(imds.servers()).toHaveLength(1)
  })

  it("turns nothing on that cannot be served, and says so of what no longer can", async () => {
    const { checkImds, start } = await setup()
    const imds = await start()
    await imds.enable("dev")
    checkImds.mockImplementation((name) => {
      throw profileNotFound(name, undefined)
    })

    await expect(imds.enable("prod")).rejects.toMatchObject({ code: "ProfileNotFound" })
    expect(imds.endpoints()).toMatchObject([{ profile: "dev", problem: expect.stringContaining('"dev"') }])
    await imds.disable("dev")
    expect(imds.endpoints()).toEqual([])
  })

  it("takes any free port with port 0, and forgets no other's", async () => {
    const { first, folder, start } = await setup()
    const imds = await start()
    await imds.enable("dev")
    await stop(imds)

    await stop(await start([], 0))

    expect(JSON.parse(await readFile(join(folder, "imds.json"), "utf8"))).toEqual({
      dev: { port: first + 1, isEnabled: true, tokenKey: expect.stringMatching(/^[\w-]{43}$/) },
    })
  })

  it("says so when there is no port above the daemon's", async () => {
    const { start } = await setup({ port: 65_535 })

    await expect((await start()).enable("dev")).rejects.toMatchObject({ code: "PortTaken" })
  })

  it.each([
    "",
    "{",
    "[]",
    '{"dev":{"port":70000,"isEnabled":true}}',
    '{"dev":{"port":"x"}}',
    '{"dev":1}',
    '{"dev":{"port":1,"isEnabled":true,"tokenKey":""}}',
  ])("starts with an imds.json that holds %j", async (text) => {
    const { folder, start } = await setup()
    await writeFile(join(folder, "imds.json"), text)

    expect((await start()).endpoints()).toEqual([])
  })
})
