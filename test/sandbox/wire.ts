/** STS answers as AWS writes them: XML documents of the Query protocol. */
import { randomUUID } from "node:crypto"
import type { IssuedCredentials } from "./world.ts"

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An error with AWS's code and status, thrown by an action. */
export class StsError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

export function resultDocument(action: string, result: string): Answer {
  const body = `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${action}Response>`
  return { status: 200, body }
}

export function errorDocument({ code, message, status }: StsError): Answer {
  const type = status < 500 ? "Sender" : "Receiver"
  const body = `<ErrorResponse xmlns="${namespace}"><Error><Type>${type}</Type><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`
  return { status, body }
}

export function element(name: string, text: string): string {
  return `<${name}>${escaped(text)}</${name}>`
}

export function credentialsElement(issued: IssuedCredentials): string {
  const fields = [
    element("AccessKeyId", issued.accessKeyId),
    element("SecretAccessKey", issued.secretAccessKey),
    element("SessionToken", issued.sessionToken),
    element("Expiration", `${new Date(issued.expiration).toISOString().slice(0, 19)}Z`),
  ]
  return `<Credentials>${fields.join("")}</Credentials>`
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
