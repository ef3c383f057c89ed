// A service whose files an upgrade takes away, or puts others in their place, before it has read them all.
import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { exampleWorld } from "../sandbox/world.ts"
import { fetchCredentials, install, signIn, type Installation } from "../support/daemon.ts"
import { majors, nodeOf } from "../support/nodes.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** A daemon inside the service's walls, on a copy of the package of its own, once it serves; and that copy's folder. */
async function serving(node: string): Promise<{ readonly box: Installation; readonly folder: string }> {
  const [alice] = exampleWorld.users
  const world = { ...exampleWorld, users: [{ ...alice!, mayRotate: true }] }
  const box = await install({ CREDD_STORE: "file" }, undefined, { world })
  box.env["AWS_ENDPOINT_URL_IAM"] = box.sandbox.url
  const folder = join(box.home, "package")
  for (const part of ["dist", "package.json", "daemon/launch.sh"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true })
  }
  const state = box.env["CREDD_HOME"] ?? ""
  mkdirSync(state, { mode: 0o700 })
  const daemon = spawn(join(folder, "daemon/launch.sh"), [node], { env: box.env, stdio: "ignore" })
  onTestFinished(() => void daemon.kill("SIGKILL"))
  await vi.waitFor(() => expect(existsSync(join(state, "endpoint.json"))).toBe(true), 10_000)
  return { box, folder }
}

async function unlockAndSignIn(box: Installation): Promise<void> {
  expect(await box.run(["unlock"], "EXAMPLE-passphrase\n")).toMatchObject({ status: 0 })
  await signIn(box)
}

/** As npm does: the new package in the place of the old, which goes. */
function replace(folder: string): void {
  const old = `${folder}-old`
  renameSync(folder, old)
  cpSync(old, folder, { recursive: true })
  rmSync(old, { recursive: true })
  for (const part of ["client", "daemon"]) {
    for (const name of readdirSync(join(folder, "dist", part))) {
      writeFileSync(join(folder, "dist", part, name), 'throw new Error("another version")')
    }
  }
}

async function metadata(endpoint: string): Promise<number> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": "60" }
  const token = await (await fetch(`${endpoint}/latest/api/token`, { method: "PUT", headers })).text()
  const roles = `${endpoint}/latest/meta-data/iam/security-credentials/`
  const asking = { headers: { "x-aws-ec2-metadata-token": token } }
  const role = await (await fetch(roles, asking)).text()
  return (await fetch(`${roles}${role}`, asking)).status
}

describe.each(majors)("the service on node %i", (major) => {
  const node = nodeOf(major)

  it.runIf(node !== undefined).for([
    ["removed", (folder: string) => rmSync(folder, { recursive: true })],
    ["replaced by another version's", replace],
  ] as const)("does all that it does with its files %s", async ([, upgrade]) => {
    const { box, folder } = await serving(node ?? "")

    upgrade(folder)

    await unlockAndSignIn(box)
    expect(await fetchCredentials(box, "dev")).toMatchObject({ status: 200 })
    expect(await box.run(["lease", "new", "mine", "--profile", "dev"])).toMatchObject({ status: 0 })
    const { stdout } = await box.run(["imds", "enable", "dev"])
    expect(await metadata(/http:\/\/[\d.:]+/.exec(stdout)?.[0] ?? "")).toBe(200)
    expect(await box.run(["rotate", "acme"])).toMatchObject({ status: 0 })
    expect(await box.run(["status", "--json"])).toMatchObject({ status: 0 })
  })
})

describe("the service's compiled code", () => {
  it.runIf(nodeOf(24) !== undefined)("is kept also of what was read late", async () => {
    const { box } = await serving(nodeOf(24) ?? "")
    const folder = join(box.env["CREDD_HOME"] ?? "", "compiled")
    const sizes = (): number =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, { parentPath, name }) => sum + readFileSync(join(parentPath, name)).length, 0)
    await vi.waitFor(() => expect(sizes()).toBeGreaterThan(0), 5_000)
    const atFirst = sizes()

    await unlockAndSignIn(box)

    await vi.waitFor(() => expect(sizes()).toBeGreaterThan(2 * atFirst), 5_000)
  })
})
