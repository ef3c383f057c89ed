/** The files under `~/.aws`: what cannot be read, and what lies there in plain text. */
import { basename, dirname, join } from "node:path"
import { word } from "../../environment.ts"
import type { Machine } from "../../machine.ts"
import { maskedId, type Check, type Finding, type Visit } from "../finding.ts"
import { text } from "../shell.ts"

export const readable: Check = ({ shell: { fileProblem } }) =>
  fileProblem === undefined
    ? []
    : [
        {
          id: "aws-files",
          level: "problem",
          what: fileProblem,
          why: "the AWS CLI and boto3 stop there, whoever would serve them",
          fix: "mend that line",
        },
      ]

const mostBytes = 1_048_576
const mostFiles = 2_000

/** Every long-lived key in a file, with the lines; copies and backups too. */
export const plainKeys: Check = (visit) => {
  const { files, env, botoFile } = visit.shell
  const home = join(env["HOME"] ?? "/", ".aws")
  const paths = new Set([
    files.credentials,
    files.config,
    ...below(visit.machine, home, 3),
    ...(botoFile === undefined ? [] : [botoFile]),
  ])
  return [...paths].flatMap((path) => plainKeysIn(visit, path))
}

function below(machine: Machine, folder: string, depth: number): readonly string[] {
  return machine
    .list(folder)
    .slice(0, mostFiles)
    .flatMap((name) => {
      const path = join(folder, name)
      const found = machine.stat(path)
      if (found?.kind === "folder") return depth === 0 ? [] : below(machine, path, depth - 1)
      return found?.kind === "file" && found.size <= mostBytes ? [path] : []
    })
}

function plainKeysIn(visit: Visit, path: string): readonly Finding[] {
  const lines = text(visit.context, path).split("\n")
  const found = lines.flatMap((line, index) => {
    const [id] = /\bAKIA[A-Z0-9]{12,124}\b/.exec(line) ?? []
    return id === undefined ? [] : { id, line: index + 1 }
  })
  // An id alone opens nothing.
  const hasSecret = lines.some((line) => /secret_?access_?key|[A-Za-z0-9/+]{40}/i.test(line))
  if (found.length === 0 || !hasSecret) return []
  const isOurs = path === visit.shell.files.credentials
  const where = `${path}:${found.map(({ line }) => line).join(",")}`
  const names = [...new Set(found.map(({ id }) => maskedId(id)))].join(", ")
  return [
    {
      id: "plain-keys",
      level: "warning",
      what: `${found.length === 1 ? "a long-lived access key lies" : `${found.length} long-lived access keys lie`} in plain text (${names}) in ${where}`,
      why: "every program that runs as you, and every backup, can read it; it works from anywhere until it is deleted",
      fix: isOurs ? "credd import" : `delete ${word(path)}, once you know that nothing needs it`,
      ...(isOurs
        ? { mend: { question: `move the keys of ${path} into credd's store (each is proven first)?`, how: ["import"] } }
        : {}),
    },
  ]
}

export const modes: Check = ({ shell: { files }, machine }) =>
  [files.credentials, files.config].flatMap((path) => {
    const mode = machine.stat(path)?.mode
    const isLoose =
      mode !== undefined && (mode & (basename(path) === basename(files.credentials) ? 0o077 : 0o022)) !== 0
    if (!isLoose) return []
    return {
      id: "file-mode",
      level: "warning" as const,
      what: `others can ${path === files.credentials ? "read" : "change"} ${path}`,
      why:
        path === files.credentials
          ? "it is made for keys"
          : `what stands in it may run programs as you (credential_process); its folder is ${dirname(path)}`,
      fix: `chmod 600 ${word(path)}`,
      mend: { question: `make ${path} yours alone (chmod 600)?`, how: async () => await machine.chmod(path, 0o600) },
    }
  })
