/** SignIn on the federation endpoint, which is no SDK's: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html */
import * as v from "valibot"
import { awsUnreachable, consoleRefused } from "../core/errors.ts"
import type { SignIn } from "../core/ports.ts"
import { Secret } from "../core/secret.ts"
import type { AwsHttp } from "./aws-http.ts"
import { checkedEndpoint } from "./endpoint.ts"

const answer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ SigninToken: v.pipe(v.string(), v.regex(/^[\w.~+/=%-]+$/)) }),
)

export function federationSignIn(http: () => Promise<AwsHttp>): SignIn {
  return {
    async signinToken({ accessKeyId, secretAccessKey, sessionToken }, endpoint) {
      const { protocol, hostname, port, pathname } = new URL(checkedEndpoint(endpoint, "AWS_ENDPOINT_URL_SIGNIN"))
      const session = {
        sessionId: accessKeyId,
        sessionKey: secretAccessKey.reveal(),
        sessionToken: sessionToken.reveal(),
      }
      const { response } = await (
        await http()
      ).handle({
        protocol,
        hostname,
        ...(port === "" ? {} : { port: Number(port) }),
        path: pathname,
        method: "GET",
        // No `SessionDuration`: AWS refuses it for a role above a session, and a federated user has one of its own.
        query: { Action: "getSigninToken", Session: JSON.stringify(session) },
        headers: { accept: "application/json" },
      })
      const { statusCode } = response
      if (statusCode === 400 || statusCode === 401 || statusCode === 403)
        throw consoleRefused(`it answered ${statusCode}`)
      const parsed = v.safeParse(answer, Buffer.from(response.body).toString("utf8"))
      if (statusCode !== 200 || !parsed.success) {
        const why = statusCode === 200 ? "the answer holds no sign-in token" : `it answered ${statusCode}`
        throw awsUnreachable(hostname, why, undefined)
      }
      return new Secret(parsed.output.SigninToken)
    },
  }
}
