/** A daemon that cannot start says why, on the doors that the service manager holds open for it: nobody waits for nothing. */
import { errorBody, notStarted, type CreddError } from "./core/errors.ts"
import { refusal } from "./http/answer.ts"
import type { CredentialsApp } from "./http/credentials-app.ts"
import { statusOf } from "./http/problem.ts"
import type { Handle } from "./http/servers.ts"

/** Its own user learns why, and in which file. */
export function refusingControl(error: CreddError): Handle {
  const body = JSON.stringify(errorBody(error))
  const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }
  return (_, response) => void response.writeHead(statusOf(error), headers).end(body)
}

/** Every user of this machine can ask the port: it tells no more than that. */
export const refusingCredentials: CredentialsApp = () => refusal(notStarted())
