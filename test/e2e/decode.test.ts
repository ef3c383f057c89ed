import { describe, expect, it } from "vitest"
import { exampleWorld } from "../sandbox/world.ts"
import { accessKeyLines, install, signIn } from "../support/daemon.ts"

const document = {
  allowed: false,
  explicitDeny: false,
  matchedStatements: { items: [] },
  context: { principal: { arn: "arn:aws:iam::123456789012:user/alice" }, action: "ec2:StopInstances", resource: "*" },
}

describe("credd decode", () => {
  it("decodes with the access key of a user profile, without a session, a pasted error on standard input", async () => {
    const { start, run, sandbox } = await install()
    await start()
    await run(["add", "acme"], accessKeyLines)
    const message = sandbox.mintAuthorizationMessage(document)

    const { status, stdout, stderr } = await run(
      ["decode", "--profile", "acme", "-"],
      `Error: Encoded authorization failure message: ${message}\nstatus code: 403\n`,
    )

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
    expect(stdout).toMatch(/^action +ec2:StopInstances$/m)
    expect(sandbox.calls.at(-1)).toMatchObject({ action: "DecodeAuthorizationMessage", outcome: "ok" })
  })

  it("decodes with a role's own rights, and says which line of policy is missing", async () => {
    const roles = exampleWorld.roles.map((role) => ({ ...role, mayDecode: role.arn.endsWith("auditor") }))
    const world = { ...exampleWorld, roles }
    const { start, run, sandbox } = await install({}, undefined, { world })
    await start()
    await signIn({ run, sandbox } as never)
    const message = sandbox.mintAuthorizationMessage(document)

    const { status, stderr } = await run(["decode", "--profile", "dev", message])

    expect(status).toBe(1)
    expect(stderr).toBe(
      'credd: error: profile "dev" lacks the right sts:DecodeAuthorizationMessage\n' +
        'credd: hint: ask for this policy statement: {"Effect":"Allow","Action":"sts:DecodeAuthorizationMessage","Resource":"*"}\n',
    )
  })

  it("tells a message that AWS does not know from one that is none", async () => {
    const { start, run } = await install()
    await start()
    await run(["add", "acme"], accessKeyLines)

    expect(await run(["decode", "--profile", "acme", "garbled-message"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("AWS cannot decode the message: it is cut short, changed, or of another account"),
    })
    expect((await run(["decode", "--profile", "acme", "not one"])).status).toBe(2)
    expect((await run(["decode", "--profile", "dev", "garbled-message"])).status).toBe(10)
  })
})
