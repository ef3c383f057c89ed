/** Variables of the shell that a service must have as well: without them the daemon would read other files than the client. */

type Env = Readonly<Record<string, string | undefined>>

const names = [
  "CREDD_HOME",
  "CREDD_PORT",
  "CREDD_STORE",
  "CREDD_LOG_LEVEL",
  "CREDD_DEFAULT_PROFILE",
  "CREDD_PASSPHRASE_FILE",
  "CREDD_IMDS",
  "CREDD_ALLOW_UIDS",
  "XDG_CONFIG_HOME",
  "XDG_STATE_HOME",
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_CA_BUNDLE",
  "AWS_ENDPOINT_URL",
  "AWS_ENDPOINT_URL_STS",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_STS_REGIONAL_ENDPOINTS",
  "AWS_USE_FIPS_ENDPOINT",
  "AWS_USE_DUALSTACK_ENDPOINT",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "NO_PROXY",
  "no_proxy",
] as const

/**
 * What to give the service. What it was given before stays unless this shell says otherwise: an upgrade from another shell
 * changes nothing. PATH is this shell's, for a `credential_process` without a folder; never a key or a token.
 */
export function keptEnvironment(env: Env, before: Env = {}): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {}
  for (const name of names) {
    const value = env[name] || before[name]
    if (value !== undefined && value !== "") kept[name] = value
  }
  const path = lastingPath(env)
  return path === "" ? kept : { ...kept, PATH: path }
}

/** Without folders that end with this shell (fnm makes one for each), and relative ones. */
function lastingPath(env: Env): string {
  const passing = [env["XDG_RUNTIME_DIR"], env["TMPDIR"], "/tmp", "/run/user"].filter(Boolean)
  const folders = (env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"))
  const lasting = folders.filter((folder) => !passing.some((each) => folder.startsWith(`${each}/`)))
  return [...new Set(lasting)].join(":")
}
