/** The console's sign-in endpoint: a token for credentials that the console takes, and a redirect for the token. */
import { randomBytes } from "node:crypto"
import type { State } from "./state.ts"
import type { Answer } from "./wire.ts"

const tokenMs = 15 * 60_000

/** Undefined for every request that is not the endpoint's. */
export function federationAnswer(state: State, target: string, now: number): Answer | undefined {
  const [path, text] = target.split("?", 2)
  if (path !== "/federation") return undefined
  const query = new URLSearchParams(text)
  switch (query.get("Action")) {
    case "getSigninToken":
      return signinToken(state, query, now)
    case "login":
      return login(state, query, now)
    default:
      return refused
  }
}

const refused: Answer = {
  status: 400,
  body: "<html><body>The request is not valid</body></html>",
  headers: { "content-type": "text/html" },
}

function signinToken(state: State, query: URLSearchParams, now: number): Answer {
  const session = sessionIn(query.get("Session") ?? "")
  const issued = state.issued.get(session.sessionId ?? "")
  const isTheirs =
    issued?.secretAccessKey === session.sessionKey &&
    issued?.sessionToken === session.sessionToken &&
    now < (issued?.expiration ?? 0)
  // The session of a user is none for the console: only roles and federated users are.
  if (issued === undefined || !isTheirs || issued.principal.kind === "session") return refused
  // Every role here was assumed from a session, and a federated user's duration is GetFederationToken's to set.
  if (query.has("SessionDuration")) return refused
  const token = randomBytes(300).toString("base64url")
  state.signinTokens.set(token, { expiration: now + tokenMs })
  return { status: 200, body: JSON.stringify({ SigninToken: token }), headers: { "content-type": "application/json" } }
}

function login({ signinTokens }: State, query: URLSearchParams, now: number): Answer {
  const token = signinTokens.get(query.get("SigninToken") ?? "")
  const location = query.get("Destination")
  if (token === undefined || now >= token.expiration || location === null) return refused
  return { status: 302, body: "", headers: { location } }
}

function sessionIn(json: string): {
  readonly sessionId?: string
  readonly sessionKey?: string
  readonly sessionToken?: string
} {
  try {
    return JSON.parse(json) as ReturnType<typeof sessionIn>
  } catch {
    return {}
  }
}
