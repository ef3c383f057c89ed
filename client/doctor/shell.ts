/** What this shell and the AWS files give an SDK to go by. Read once; everything else here works on it alone. */
import { join } from "node:path"
import { awsFilesFrom, parseIni, type AwsFiles, type IniSections } from "../../daemon/for-doctor.ts"
import type { EndpointFile } from "../../daemon/api.ts"
import type { Context } from "../context.ts"
import type { Machine } from "../machine.ts"
import { readEndpoint } from "../profile.ts"

type Env = Readonly<Record<string, string | undefined>>

export interface Shell {
  readonly env: Env
  readonly files: AwsFiles
  readonly config: IniSections
  readonly credentials: IniSections
  /** Why one of the files could not be read. */
  readonly fileProblem?: string
  /** What the daemon wrote for shells; undefined where it never ran. */
  readonly endpoint: EndpointFile | undefined
  /** The file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names. */
  readonly token: TokenFile | undefined
  /** Files of old tools that botocore still reads, as far as they hold an access key. */
  readonly botoFile: string | undefined
  /** Whether this machine is an EC2 instance, which may have a role of its own. */
  readonly isInstance: boolean
}

/** A token file as far as a doctor need know it. */
export interface TokenFile {
  readonly path: string
  readonly state: "missing" | "empty" | "line-break" | "good"
  /** Permission bits; undefined where there is no file. */
  readonly mode: number | undefined
  readonly text: string
}

export async function readShell(context: Context, machine: Machine): Promise<Shell> {
  const { env } = context
  const files = awsFilesFrom(env)
  const problems: string[] = []
  async function sections(path: string): Promise<IniSections> {
    try {
      return await parseIni(context.files.read(path)?.toString("utf8") ?? "", path)
    } catch (error) {
      problems.push(error instanceof Error ? error.message : path)
      return new Map()
    }
  }
  const [config, credentials] = [await sections(files.config), await sections(files.credentials)]
  const [fileProblem] = problems
  return {
    env,
    files,
    config,
    credentials,
    ...(fileProblem === undefined ? {} : { fileProblem }),
    endpoint: readEndpoint(context),
    token: tokenFile(context, machine),
    isInstance: /Amazon EC2/.test(text(context, "/sys/class/dmi/id/sys_vendor")),
    botoFile: ["/etc/boto.cfg", join(env["HOME"] ?? "/", ".boto")].find((path) =>
      /^\s*aws_access_key_id\s*[=:]\s*\S/m.test(text(context, path)),
    ),
  }
}

function tokenFile(context: Context, machine: Machine): TokenFile | undefined {
  const path = context.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
  if (!path) return undefined
  const mode = machine.stat(path)?.mode
  if (mode === undefined) return { path, state: "missing", mode, text: "" }
  const token = text(context, path)
  const state = token === "" ? "empty" : /[\r\n]/.test(token) ? "line-break" : "good"
  return { path, state, mode: mode & 0o777, text: token }
}

/** The text of a file, or none where there is none or it cannot be read. */
export function text({ files }: Pick<Context, "files">, path: string): string {
  try {
    return files.read(path)?.toString("utf8") ?? ""
  } catch {
    return ""
  }
}

export interface ProfileKeys {
  readonly config: Readonly<Record<string, string>> | undefined
  readonly credentials: Readonly<Record<string, string>> | undefined
}

/** A profile's keys in the two files; undefined where neither has it. */
export function profileIn({ config, credentials }: Shell, name: string): ProfileKeys | undefined {
  const quoted = (header: string): boolean =>
    header.startsWith("profile") &&
    header
      .slice("profile".length)
      .trim()
      .replaceAll(/^["']|["']$/g, "") === name
  const header = name === "default" && config.has("default") ? "default" : [...config.keys()].findLast(quoted)
  const found = { config: header === undefined ? undefined : config.get(header), credentials: credentials.get(name) }
  return found.config === undefined && found.credentials === undefined ? undefined : found
}
