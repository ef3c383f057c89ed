/** The token file, and what the daemon makes of this shell's token. */
import { evaluation } from "../../environment.ts"
import { replaceFile } from "../../replace-file.ts"
import type { Check, Finding } from "../finding.ts"
import { servedBy } from "../winner.ts"

export const tokenFile: Check = ({ shell: { token }, context, machine }) => {
  if (token?.mode === undefined) return []
  const findings: Finding[] = []
  const { path, mode } = token
  if ((mode & 0o077) !== 0) {
    findings.push({
      id: "token-file-mode",
      level: "warning",
      what: `others can read the token file (mode ${mode.toString(8).padStart(4, "0")})`,
      why: "who has the token gets your credentials from the daemon",
      fix: `chmod 600 ${path}`,
      mend: { question: `make ${path} yours alone (chmod 600)?`, how: async () => await machine.chmod(path, 0o600) },
    })
  }
  if (token.state === "line-break") {
    findings.push({
      id: "token-file-line-break",
      level: "warning",
      what: "the token file ends with a line break",
      why: "boto3, JavaScript, Go, Rust and CRT refuse such a token, and crash or stop there",
      fix: `printf %s "$(cat ${path})" > ${path}`,
      mend: {
        question: `take the line break out of ${path}?`,
        how() {
          const before = context.files.read(path)
          const after = Buffer.from(String(before ?? "").replaceAll(/[\r\n]/g, ""))
          replaceFile(context.files, { path, before, after, hint: "run: credd doctor" })
        },
      },
    })
  }
  return findings
}

/** Asks as an SDK would: what the daemon says now is what programs get. */
export const answer: Check = async ({ shell, context, machine, status }) => {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = "", AWS_CONTAINER_AUTHORIZATION_TOKEN: inline } = shell.env
  const profile = servedBy(uri, shell)
  const token = shell.token?.state === "good" ? shell.token.text : inline
  // Without a daemon or a token there is nothing to ask with: others say so.
  if (profile === undefined || !token || status === undefined) return []
  const again = evaluation(profile, context.env)
  const said = await machine.ask(uri, token)
  if (said === undefined) {
    const [what, why] = ["the daemon does not answer on its port", "programs wait for it in vain"]
    return [{ id: "no-answer", level: "problem", what, why, fix: "credd status" }]
  }
  if (said.status === 200) return []
  const text = messageIn(said.body)
  return [
    said.status === 401
      ? {
          id: "token-rejected",
          level: "problem",
          what: "the daemon does not take this shell's token",
          why: "it has ended (credd lock), or is another daemon's",
          fix: again,
        }
      : {
          id: "refused",
          level: said.status === 503 ? "warning" : "problem",
          what: `programs in this shell get ${said.status} for "${profile}"`,
          why: text,
          fix: /run: (.+?)$/.exec(text)?.[1] ?? "credd status",
        },
  ]
}

function messageIn(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body)
    const message = typeof parsed === "object" && parsed !== null && "Message" in parsed ? parsed.Message : undefined
    return typeof message === "string" ? message : "the answer says nothing more"
  } catch {
    return "the answer is not credd's"
  }
}
