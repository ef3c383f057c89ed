/** STS answers as AWS writes them: XML documents of the Query protocol. */
import type { StsError } from "./errors.ts"
import type { IssuedCredentials } from "./issued.ts"

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An element's text, or its children in AWS's order. */
export type Content = string | Children | readonly Children[]
export interface Children {
  readonly [name: string]: Content
}

export function resultDocument(action: string, result: Children, requestId: string, xmlns = stsNamespace): Answer {
  const children = { [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } }
  return { status: 200, body: document(`${action}Response`, children, xmlns) }
}

export function errorDocument({ code, message, status }: StsError, requestId: string, xmlns = stsNamespace): Answer {
  const error = { Type: status < 500 ? "Sender" : "Receiver", Code: code, Message: message }
  return { status, body: document("ErrorResponse", { Error: error, RequestId: requestId }, xmlns) }
}

export function credentialsContent(issued: IssuedCredentials): Children {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretAccessKey: issued.secretAccessKey,
    SessionToken: issued.sessionToken,
    // No milliseconds in AWS's own.
    Expiration: `${new Date(issued.expiration).toISOString().slice(0, 19)}Z`,
  }
}

function document(root: string, children: Children, xmlns: string): string {
  return `<${root} xmlns="${xmlns}">\n${elements(children, "  ")}</${root}>\n`
}

function elements(children: Children, indent: string): string {
  return Object.entries(children)
    .map(([name, content]) =>
      typeof content === "string"
        ? `${indent}<${name}>${escaped(content)}</${name}>\n`
        : `${indent}<${name}>\n${inside(content, `${indent}  `)}${indent}</${name}>\n`,
    )
    .join("")
}

/** A list's members have no names of their own. */
function inside(content: Exclude<Content, string>, indent: string): string {
  if (!isList(content)) return elements(content, indent)
  return content.map((each) => `${indent}<member>\n${elements(each, `${indent}  `)}${indent}</member>\n`).join("")
}

function isList(content: Content): content is readonly Children[] {
  return Array.isArray(content)
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
