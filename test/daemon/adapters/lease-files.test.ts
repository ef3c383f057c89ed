import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { leaseFiles } from "../../../daemon/adapters/lease-files.ts"
import type { Lease } from "../../../daemon/core/leases.ts"

const lease: Lease = {
  id: "0123456789abcdef",
  name: "agent",
  profiles: ["dev"],
  scope: { kind: "read-only" },
  createdAt: 1,
  expiration: 2,
  description: "tidies up",
  tokenHash: "a".repeat(64),
}
const scopes: readonly Lease["scope"][] = [
  { kind: "whole" },
  { kind: "read-only" },
  { kind: "policy", policy: "{}" },
  { kind: "policy-arns", policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
]

function setup() {
  const state = mkdtempSync(join(tmpdir(), "credd-leases-"))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const path = join(state, "leases.json")
  return { files: leaseFiles(state), path, put: (document: unknown) => writeFileSync(path, JSON.stringify(document)) }
}

describe(leaseFiles.name, () => {
  it.each([true, false])("reads back what it wrote, of every scope (flushed: %s)", async (durable) => {
    const { files, path } = setup()
    const leases = scopes.map((scope, i) => ({ ...lease, name: `agent-${i}`, scope }))

    await files.write(leases, durable)

    expect(files.read()).toEqual(leases)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it("has no leases where there is no file", async () => {
    expect(setup().files.read()).toEqual([])
  })

  it.each<[string, object]>([
    ["a part that is not known: it may be one that narrows", { ...lease, onlyAt: "work" }],
    ["a kind of scope that is not known", { ...lease, scope: { kind: "newer" } }],
    ["a scope with a part that is not known", { ...lease, scope: { kind: "policy", policy: "{}", layers: 2 } }],
    ["a policy that is empty", { ...lease, scope: { kind: "policy", policy: "" } }],
    ["no policies", { ...lease, scope: { kind: "policy-arns", policyArns: [] } }],
    ["no scope", { ...lease, scope: undefined }],
    ["no hash", { ...lease, tokenHash: "" }],
  ])("takes no record with %s, and the others as they are", async (_, wrong) => {
    const { files, put } = setup()

    put({ version: 2, leases: [wrong, { ...lease, name: "other" }] })

    expect(files.read().map(({ name }) => name)).toEqual(["other"])
  })

  it.each([
    ["the first format", [lease]],
    ["a later one", { version: 3, leases: [lease] }],
    ["nothing", null],
  ])("reads nothing of %s", async (_, document) => {
    const { files, put } = setup()

    put(document)

    expect(files.read()).toEqual([])
  })

  it("is not read by a credd that knows no scopes", async () => {
    const { files, path } = setup()

    await files.write([lease], true)

    // It read a bare list.
    expect(Array.isArray(JSON.parse(readFileSync(path, "utf8")))).toBe(false)
  })
})
