/** Programs of a second Unix user, who has no part in the daemon. Only root can start them. */
import { spawn, type ChildProcess } from "node:child_process"
import { onTestFinished, type TestContext } from "vitest"

export const otherUid = 54_321

/** Skips the test, with the reason, where nobody else can be impersonated. */
export function needsOtherUser({ skip }: Pick<TestContext, "skip">): void {
  skip(process.getuid?.() !== 0, "only root can run a program as another user")
}

/** Runs a module of one file, in `/`, without an environment; ended with the test. */
export function asOtherUser(code: string, args: readonly string[] = [], uid = otherUid): ChildProcess {
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, ...args], {
    uid,
    gid: uid,
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}
