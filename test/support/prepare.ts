/** Runs once before all tests: builds what the end-to-end tests start, and installs what they need beyond npm. */
import { execFileSync } from "node:child_process"

export default function prepare(): void {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
}
