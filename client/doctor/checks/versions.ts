/** SDKs on this machine that are older than token files. Nothing of the user's is run but `aws --version`. */
import { dirname, join } from "node:path"
import type { Check, Finding, Visit } from "../finding.ts"
import { tokenFileSince } from "../families.ts"
import { text } from "../shell.ts"

interface Found {
  readonly what: string
  readonly version: string
  readonly since: string
  readonly where: string
  readonly update: string
}

export const oldSdks: Check = async (visit) => {
  const old = [...(await awsCli(visit)), ...botocores(visit), ...nodeModules(visit)].filter(({ version, since }) =>
    isOlder(version, since),
  )
  // With the token in the variable, they work.
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN: inline, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file } = visit.shell.env
  const isServed = Boolean(inline) || file === undefined
  return old.map(({ what, version, since, where, update }): Finding => ({
    id: "old-sdk",
    level: isServed ? "note" : "warning",
    what: `${what} ${version} (${where}) is older than token files (${since})`,
    why: isServed
      ? "it takes the token from the variable only: credd env --token-file would not do for it"
      : "it sends no token, and is refused",
    fix: isServed ? update : `eval "$(credd env --inline)"   (or: ${update})`,
  }))
}

async function awsCli({ machine }: Visit): Promise<readonly Found[]> {
  const said = await machine.run("aws", ["--version"])
  const [, version = "", major = ""] = /aws-cli\/((\d+)\.\d+\.\d+)/.exec(said ?? "") ?? []
  if (version === "") return []
  const since = major === "1" ? tokenFileSince["aws-cli/1"] : tokenFileSince["aws-cli/2"]
  return [{ what: "the AWS CLI", version, since, where: "aws", update: "update the AWS CLI" }]
}

/** By the names of installed packages, beside each python on the PATH and in the virtual environments at hand. */
function botocores({ machine, shell: { env } }: Visit): readonly Found[] {
  const home = env["HOME"] ?? "/"
  const prefixes = [
    ...(env["PATH"] ?? "")
      .split(":")
      .filter((folder) => folder.startsWith("/") && machine.stat(join(folder, "python3")) !== undefined)
      .map((folder) => dirname(folder)),
    ...(env["VIRTUAL_ENV"] ? [env["VIRTUAL_ENV"]] : []),
    ...[".venv", "venv"].map((name) => join(machine.cwd, name)),
    join(home, ".local"),
  ]
  const libraries = [...new Set(prefixes)].flatMap((prefix) =>
    machine
      .list(join(prefix, "lib"))
      .filter((name) => name.startsWith("python3"))
      .flatMap((name) => ["site-packages", "dist-packages"].map((packages) => join(prefix, "lib", name, packages))),
  )
  return libraries.flatMap((where) =>
    machine.list(where).flatMap((name) => {
      const version = /^botocore-([\d.]+)\.(?:dist|egg)-info$/.exec(name)?.[1]
      if (version === undefined) return []
      return {
        what: "boto3 (botocore)",
        version,
        since: tokenFileSince.botocore,
        where,
        update: "pip install -U boto3",
      }
    }),
  )
}

const mostProjects = 200

/** In the folders from here upwards, and in those of the projects just below. */
function nodeModules(visit: Visit): readonly Found[] {
  const { machine } = visit
  const above: string[] = []
  for (let folder = machine.cwd; ; folder = dirname(folder)) {
    above.push(folder)
    if (dirname(folder) === folder) break
  }
  const children = (folder: string): readonly string[] =>
    machine
      .list(folder)
      .slice(0, mostProjects)
      .filter((name) => !name.startsWith(".") && name !== "node_modules")
      .map((name) => join(folder, name))
  const belowIt = children(machine.cwd)
  const folders = [...above, ...belowIt, ...belowIt.flatMap((folder) => children(folder)).slice(0, mostProjects)]
  return folders.flatMap((folder) => {
    const modules = join(folder, "node_modules")
    const installed = (name: string): string | undefined =>
      /"version"\s*:\s*"([\d.]+)"/.exec(text(visit.context, join(modules, name, "package.json")))?.[1]
    const v3 = installed("@aws-sdk/credential-provider-node")
    const v2 = installed("aws-sdk")
    return [
      ...(v3 === undefined
        ? []
        : [
            {
              what: "the JavaScript SDK v3",
              version: v3,
              since: tokenFileSince["js-v3"],
              where: modules,
              update: "npm update",
            },
          ]),
      ...(v2 === undefined
        ? []
        : [
            {
              what: "the JavaScript SDK v2",
              version: v2,
              since: tokenFileSince["js-v2"],
              where: modules,
              update: "npm update",
            },
          ]),
    ]
  })
}

function isOlder(version: string, since: string): boolean {
  const [have, need] = [version, since].map((text_) => text_.split(".").map(Number))
  for (const [index, number] of (need ?? []).entries()) {
    const difference = (have?.[index] ?? 0) - number
    if (difference !== 0) return difference < 0
  }
  return false
}
