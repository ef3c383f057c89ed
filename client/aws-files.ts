/** Where AWS's own files are, as the SDKs find them. */
import { homedir } from "node:os"
import { join } from "node:path"

type Env = Readonly<Record<string, string | undefined>>

export function awsConfigPath(env: Env): string {
  return pathOf(env, "AWS_CONFIG_FILE", "config")
}

export function awsCredentialsPath(env: Env): string {
  return pathOf(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

function pathOf(env: Env, variable: string, name: string): string {
  const home = env["HOME"] || homedir()
  const named = env[variable]
  if (!named) return join(home, ".aws", name)
  return named.startsWith("~/") ? join(home, named.slice(2)) : named
}
