/** Who comes by a detour: through a proxy on this machine, or from the network beside it. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { install, signIn } from "../../support/daemon.ts"
import { freePort } from "../../support/free-port.ts"

async function setup() {
  const box = await install()
  await box.start()
  await signIn(box)
  expect((await box.run(["whoami", "dev"])).status).toBe(0)
  const state = box.env["CREDD_HOME"] ?? ""
  const { endpoint } = JSON.parse(readFileSync(join(state, "endpoint.json"), "utf8")) as { endpoint: string }
  return { box, port: Number(new URL(endpoint).port), token: readFileSync(join(state, "tokens", "shell"), "utf8") }
}

/** A real nginx that hands everything on, with the headers given. */
async function proxy(to: number, headers: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "credd-nginx-"))
  const port = await freePort()
  const file = join(folder, "nginx.conf")
  writeFileSync(
    file,
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
     events { worker_connections 64; }
     http {
       access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
       uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
       server { listen 127.0.0.1:${port}; location / { proxy_http_version 1.1; proxy_pass http://127.0.0.1:${to}; ${headers} } }
     }`,
  )
  const nginx = spawn("/usr/sbin/nginx", ["-p", folder, "-c", file], { stdio: "ignore" })
  onTestFinished(async () => {
    const ended = new Promise((resolve) => {
      nginx.once("exit", resolve)
    })
    nginx.kill("SIGTERM")
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  await vi.waitFor(
    async () =>
      await new Promise<void>((resolve, reject) => {
        const probe = connect(port, "127.0.0.1", () => resolve(void probe.destroy())).on("error", reject)
      }),
    { timeout: 10_000 },
  )
  return port
}

describe("a proxy on this machine that hands requests on", () => {
  it.each([
    ["with X-Forwarded-For", "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Host 127.0.0.1;"],
    ["with X-Real-IP", "proxy_set_header X-Real-IP $remote_addr; proxy_set_header Host 127.0.0.1;"],
    ["with Via", 'proxy_set_header Via "1.1 nginx"; proxy_set_header Host 127.0.0.1;'],
    ["with the public name of its own", "proxy_set_header Host www.example.com;"],
  ])("is refused, the right token in the request or not: %s", async (_, headers) => {
    const { port, token } = await setup()
    const through = await proxy(port, headers)

    const answer = await fetch(`http://127.0.0.1:${through}/credentials/dev`, { headers: { authorization: token } })

    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: expect.stringMatching(/^(OriginRejected|HostRejected)$/) })
  })

  it("is what these tests think it is: one that hides all of that is taken for a caller", async () => {
    const { port, token } = await setup()
    const through = await proxy(port, `proxy_set_header Host 127.0.0.1:${port};`)

    const answer = await fetch(`http://127.0.0.1:${through}/credentials/dev`, { headers: { authorization: token } })

    expect(answer.status).toBe(process.getuid?.() === 0 ? 403 : 200)
  })
})

function ip(...args: string[]): void {
  execFileSync("ip", args)
}

function curl(namespace: string, ...args: string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync("ip", ["netns", "exec", namespace, "curl", "-s", "-m", "3", ...args], { encoding: "utf8" })
}

/** Two machines and the cable between them, where the one routes 127.0.0.1 to the other (`route_localnet`). */
function neighbours(): { victim: string; attacker: string } {
  const id = `${process.pid % 10_000}${Math.floor(Math.random() * 90 + 10)}`
  const [victim, attacker] = [`cv${id}`, `ca${id}`]
  onTestFinished(() => {
    for (const name of [victim, attacker]) spawnSync("ip", ["netns", "del", name])
  })
  for (const name of [victim, attacker]) ip("netns", "add", name)
  ip("link", "add", "v0", "netns", victim, "type", "veth", "peer", "name", "a0", "netns", attacker)
  ip("-n", victim, "addr", "add", "10.99.77.1/24", "dev", "v0")
  ip("-n", attacker, "addr", "add", "10.99.77.2/24", "dev", "a0")
  for (const [name, device] of [
    [victim, "v0"],
    [attacker, "a0"],
  ] as const) {
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "set", device, "up")
    ip("netns", "exec", name, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet")
  }
  ip(
    "netns",
    "exec",
    attacker,
    "sh",
    "-ec",
    `ip addr del 127.0.0.1/8 dev lo
     ip route del local 127.0.0.0/8 table local || true
     ip rule add pref 1 to 127.0.0.1 lookup 100
     ip route add 127.0.0.1/32 via 10.99.77.1 dev a0 src 10.99.77.2 table 100`,
  )
  return { victim, attacker }
}

describe.runIf(process.platform === "linux")("a machine on the same network", () => {
  it("reaches a port on 127.0.0.1 where the kernel is told to route it, and is dropped by the daemon", async ({
    skip,
  }) => {
    skip(process.getuid?.() !== 0, "needs root, to make network namespaces")
    const { victim, attacker } = neighbours()
    const box = await install()
    const inVictim = ["netns", "exec", victim]
    // A server of no care beside it shows that the road is open.
    const bare = spawn("ip", [
      ...inVictim,
      process.execPath,
      "-e",
      `require("node:http").createServer((q, a) => a.end("from " + q.socket.remoteAddress)).listen(18651, "127.0.0.1", () => console.log("up"))`,
    ])
    onTestFinished(() => void bare.kill("SIGKILL"))
    await new Promise((resolve) => {
      bare.stdout.once("data", resolve)
    })
    box.env["CREDD_PORT"] = "18652"
    const credd = join(process.cwd(), "dist/client/main.js")
    const daemon = spawn("ip", [...inVictim, process.execPath, credd, "daemon"], { env: box.env, stdio: "ignore" })
    onTestFinished(() => void daemon.kill("SIGKILL"))
    await vi.waitFor(async () => expect((await box.run(["status"])).status).toBe(0), { timeout: 15_000 })
    const token = readFileSync(join(box.env["CREDD_HOME"] ?? "", "tokens", "shell"), "utf8")

    const near = curl(attacker, "--interface", "10.99.77.2", "http://127.0.0.1:18651/")
    const here = curl(victim, "-H", `Authorization: ${token}`, "http://127.0.0.1:18652/healthz")
    const there = curl(attacker, "--interface", "10.99.77.2", "http://127.0.0.1:18652/healthz")

    expect(near.stdout).toBe("from 10.99.77.2")
    expect(here.stdout).toBe('{"status":"ok"}')
    expect(there.stdout).toBe("")
    // 52: an empty reply; 56: the connection was reset.
    expect([52, 56]).toContain(there.status)
    await box.run(["audit", "--verify"])
    expect((await box.run(["audit", "--json"])).stdout).toContain('"outcome":"PeerRejected","via":"endpoint"')
  })
})
