/** A real aws-vault, built by Go from the sources that `aws-vault/go.mod` pins. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../.cache/aws-vault/", import.meta.url))
const sources = fileURLToPath(new URL("aws-vault/", import.meta.url))
/** The folder that a PATH is to name. */
export const awsVaultFolder = folder

export const isGoMissing = spawnSync("go", ["version"]).status !== 0

/** Takes a minute the first time. */
export function buildAwsVault(): void {
  if (existsSync(`${folder}aws-vault`)) return
  mkdirSync(folder, { recursive: true })
  execFileSync("go", ["build", "-mod=readonly", "-o", `${folder}aws-vault`, "github.com/99designs/aws-vault/v7"], {
    cwd: sources,
  })
}
