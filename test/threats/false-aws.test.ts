/** A server that says it is AWS: without a certificate that is trusted it gets no key, whatever the environment says. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer as createProxy, type Server as ProxyServer } from "node:http"
import { createServer } from "node:https"
import { connect, type AddressInfo } from "node:net"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { accessKeyLines, install, type Installation } from "../support/daemon.ts"

/** An HTTPS server with a certificate that it has signed itself. Counts what it is asked. */
async function falseAws(home: string) {
  const [key, cert] = [join(home, "key.pem"), join(home, "cert.pem")]
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...subject],
    {
      stdio: "ignore",
    },
  )
  let asked = 0
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    asked += 1
    response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cert, asked: () => asked }
}

/** A proxy that makes tunnels, as companies have them. */
async function tunnels(): Promise<string> {
  const proxy: ProxyServer = createProxy()
  proxy.on("connect", (request, socket, head) => {
    const [host = "", port] = (request.url ?? "").split(":")
    const there = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
      there.write(head)
      there.pipe(socket).pipe(there)
    })
    for (const each of [there, socket]) each.on("error", () => undefined)
  })
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve)
  })
  onTestFinished(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

async function against(url: string, variables: Readonly<Record<string, string>>): Promise<Installation> {
  const box = await install({ AWS_ENDPOINT_URL_STS: url, ...variables })
  await box.start()
  return box
}

describe.each([
  ["directly", async () => ({})],
  ["through a proxy", async () => ({ HTTPS_PROXY: await tunnels() })],
] as const)("a server that says it is AWS, reached %s", (_, way) => {
  it("is asked nothing without a trusted certificate, even with NODE_TLS_REJECT_UNAUTHORIZED=0", async () => {
    const probe = await install()
    const aws = await falseAws(probe.home)
    const box = await against(aws.url, { NODE_TLS_REJECT_UNAUTHORIZED: "0", ...(await way()) })

    const { status, stderr } = await box.run(["add", "acme"], accessKeyLines)

    expect(status).toBe(1)
    expect(stderr).toContain("its certificate is not trusted")
    expect(aws.asked()).toBe(0)
  })

  it("is believed with the certificate in AWS_CA_BUNDLE", async () => {
    const probe = await install()
    const aws = await falseAws(probe.home)
    const box = await against(aws.url, { AWS_CA_BUNDLE: aws.cert, ...(await way()) })

    await box.run(["add", "acme"], accessKeyLines)

    expect(aws.asked()).toBeGreaterThan(0)
  })
})

describe("an STS endpoint in plain text", () => {
  it("is refused unless it is on this machine: it would carry the keys", async () => {
    const box = await against("http://sts.example.com", {})

    const { status, stderr } = await box.run(["add", "acme"], accessKeyLines)

    expect(status).toBe(1)
    expect(stderr).toMatch(/http/)
    expect(stderr).not.toContain("EXAMPLEsecretOfAlice")
  })
})
