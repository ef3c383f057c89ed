/**
 * What credd promises, as a judge of answers. It is told everything that is done to the daemon, and with each answer what
 * AWS knows of the credentials in it; it says what no state in which the daemon may have been would allow.
 *
 * Things take time, so nearly everything is a stretch: between a command and its answer both what was and what will be
 * are right, and after a crash in between either is, until something settles it.
 */
import { createTimeline, type Timeline } from "./timeline.ts"

const seconds = 1_000

/** A daemon may believe AWS's clock to be so far from where it is: `Date` has whole seconds, and travels. */
const clockNoiseMs = 2 * seconds
/** A session is served until this long before its end. */
const lastMs = 60 * seconds
/** The longest wait before AWS is asked again after trouble, and that of the role below. */
const backoffMs = 25 * seconds
/** What SDKs wait for, less a margin. */
const patienceMs = 900
/** After a login, what a lease has of the session is made of the new one within this time, where AWS answers. */
const remadeMs = 5 * seconds
/** What is remembered for less than the model's memory. */
const remadeForMs = 120 * seconds
/** A daemon that lacked the processor for so long could not keep its own patience of 700 ms with AWS. */
const starvedMs = 100

/** What AWS knows of temporary credentials. */
export interface Issued {
  /** The user of an MFA session, the role of a role session. */
  readonly principalArn: string
  readonly expiration: number
  /** The MFA session at the bottom of the chain: whose it is, and when the code was taken. */
  readonly root: { readonly user: string; readonly mfaAt: number } | undefined
  /** What its policies leave of a few actions that stand for all. */
  readonly may: readonly string[]
}

/** Who a profile is, by one state of the config file. */
export interface Identity {
  readonly kind: "session" | "role"
  readonly user: string
  readonly principalArn: string
  /** AWS refuses it, whatever is done. */
  readonly isDenied?: boolean
}

export type Config = ReadonlyMap<string, Identity>

export interface Token {
  readonly id: string
  /** Of a lease that somebody made; `shell` has none. */
  readonly name?: string
  readonly profiles: readonly string[]
  readonly may: readonly string[]
  /** By AWS's clock. */
  readonly expiration?: number
}

export interface Question {
  readonly profile: string
  /** Undefined: none was sent. A text: one that is nobody's. */
  readonly token: Token | string | undefined
  /** How the request was wrong beyond that. */
  readonly isForeign?: boolean
}

export interface Answer {
  readonly sentAt: number
  readonly answeredAt: number
  /** AWS's clock at the same moments. */
  readonly awsSentAt: number
  readonly awsAnsweredAt: number
  readonly result:
    | { readonly kind: "credentials"; readonly accessKeyId: string; readonly expiration: number }
    | { readonly kind: "refusal"; readonly status: number; readonly code: string; readonly message: string }
    | { readonly kind: "broken"; readonly why: string }
}

const refusals = [
  "TokenMissing",
  "TokenRejected",
  "ProfileNotAllowed",
  "ProfileNotFound",
  "AccessDenied",
  "LoginRequired",
  "SessionExpired",
  "KeychainUnavailable",
  "Unavailable",
] as const

interface Session {
  readonly user: string
  readonly mfaFrom: number
  mfaTo: number
  /** The earliest that it can end. */
  readonly endsAt: number
  /** When a login put another in its place. */
  replacedAt?: number
}

/** The sessions that may be there; `none` is one of the ways it may be. */
type Possible = ReadonlySet<Session | "none">

interface UserFacts {
  /** What may be in memory, and so served as the session itself. */
  readonly held: Timeline<Possible>
  /** What role sessions and a lease's may hang on: an older session's may be served until their own end, or a logout. */
  readonly roots: Timeline<Possible>
  stored: Possible
}

export interface Change {
  /** It was done; `isKept`: in the store too. */
  done(at: number, how: { readonly isKept: boolean; readonly awsAt: number }): void
  /** The daemon said that it was not done. */
  refused(at: number): void
  /** Nobody knows: no answer came. */
  lost(at: number, awsAt: number): void
}

export interface ModelOptions {
  readonly users: readonly string[]
  readonly config: Config
  readonly issued: (accessKeyId: string) => Issued | undefined
  /** For how long of a stretch the machine gave the daemon (and AWS's stand-in) no processor. */
  readonly starvedMs: (from: number, to: number) => number
}

export interface Model {
  readonly daemon: Timeline<"up" | "starting" | "down" | "stopped">
  /** Whether AWS answers as it should. */
  readonly aws: Timeline<"well" | "ill">
  /** Whether the daemon has read its store. */
  readonly store: Timeline<"read" | "unread">
  /** Whether the machine's clock, and what the daemon makes of it, is right. */
  readonly clock: Timeline<"right" | "wrong">
  login(user: string, at: number, awsAt: number, durationMs: number): Change
  logout(users: readonly string[], at: number): Change
  /** The daemon is gone with all that only its memory held. */
  killed(at: number): void
  mint(token: Token, at: number): Change
  revoke(token: Token, at: number): Change
  /** Whether a token is surely good, or nobody knows. */
  isSure(token: Token): boolean
  isUnsure(token: Token): boolean
  /** The config file is being written anew; call the result when the daemon must have read it. */
  rewrite(config: Config, at: number): (at: number) => void
  /** Whether nothing can have stood in the way of credentials. */
  mustServe(question: Question, answer: Answer): boolean
  /** What is wrong with an answer; nothing where it is right. */
  faultsOf(question: Question, answer: Answer): readonly string[]
  forget(before: number): void
}

export function createModel({ users, config, issued, starvedMs: starved }: ModelOptions): Model {
  const nobody: Possible = new Set(["none"])
  const facts = new Map<string, UserFacts>(
    users.map((user) => [user, { held: createTimeline(nobody), roots: createTimeline(nobody), stored: nobody }]),
  )
  const tokens = new Map<string, Timeline<"good" | "bad" | "maybe">>()
  const configs = createTimeline<readonly Config[]>([config])
  const daemon = createTimeline<"up" | "starting" | "down" | "stopped">("down")
  const aws = createTimeline<"well" | "ill">("well")
  const store = createTimeline<"read" | "unread">("unread")
  const clock = createTimeline<"right" | "wrong">("right")
  let deaths = 0

  function of(user: string): UserFacts {
    const known = facts.get(user)
    if (known === undefined) throw new Error(`no user is called ${user}`)
    return known
  }

  function tokenStates(token: Token): Timeline<"good" | "bad" | "maybe"> {
    const known = tokens.get(token.id) ?? createTimeline("bad")
    tokens.set(token.id, known)
    return known
  }

  function faultsOf(question: Question, answer: Answer): readonly string[] {
    const faults = [...slowness(answer)]
    const { result } = answer
    if (result.kind === "broken") {
      const states = daemon.during(answer.sentAt, answer.answeredAt)
      if (states.every((state) => state === "up")) faults.push(`a connection broke (${result.why})`)
    } else if (result.kind === "credentials") faults.push(...wrongCredentials(question, answer, result))
    else faults.push(...wrongRefusal(question, answer, result))
    return faults
  }

  function slowness({ sentAt, answeredAt, result }: Answer): readonly string[] {
    if (result.kind === "broken") return []
    const tookMs = answeredAt - sentAt
    if (tookMs <= patienceMs) return []
    if (daemon.during(sentAt, answeredAt).some((state) => state !== "up")) return []
    const excusedMs = starved(sentAt, answeredAt)
    return tookMs - excusedMs <= patienceMs
      ? []
      : [`an answer took ${Math.round(tookMs)} ms (${Math.round(excusedMs)} ms of them without a processor)`]
  }

  function wrongCredentials(
    { profile, token, isForeign = false }: Question,
    { sentAt, answeredAt, awsSentAt }: Answer,
    { accessKeyId, expiration }: { readonly accessKeyId: string; readonly expiration: number },
  ): readonly string[] {
    const faults: string[] = []
    if (isForeign) faults.push("credentials for a request that is not to be answered")
    if (token === undefined || typeof token === "string") return [...faults, "credentials without a token"]
    const states = tokenStates(token).during(sentAt, answeredAt)
    if (states.every((state) => state === "bad")) faults.push("credentials after revocation")
    if (
      token.expiration !== undefined &&
      awsSentAt > token.expiration + clockNoiseMs &&
      isClockRight(sentAt, answeredAt)
    )
      faults.push("credentials after the lease's end")
    if (!mayRead(token, profile)) faults.push("credentials of a profile that the lease does not name")

    const what = issued(accessKeyId)
    if (what === undefined) return [...faults, "credentials that AWS never gave out"]
    if (what.expiration <= awsSentAt - clockNoiseMs) faults.push("expired credentials")
    if (expiration > what.expiration) faults.push("an expiration later than AWS's")
    const [wider] = what.may.filter((action) => !token.may.includes(action))
    if (wider !== undefined) faults.push(`credentials that may more than the lease (${wider})`)
    const [narrower] = token.may.filter((action) => !what.may.includes(action))
    if (narrower !== undefined) faults.push(`credentials that may less than the lease (${narrower})`)

    const identities = possibleIdentities(profile, sentAt, answeredAt)
    const mine = identities.filter((each) => each?.principalArn === what.principalArn && each.isDenied !== true)
    const [identity] = mine
    if (identity === undefined) return [...faults, `another profile's credentials (${what.principalArn})`]
    const { held, roots } = of(identity.user)
    const isLease = token.name !== undefined
    const possible = union((identity.kind === "session" && !isLease ? held : roots).during(sentAt, answeredAt))
    const isThere = [...possible].some(
      (session) =>
        session !== "none" &&
        !(identity.kind === "session" && isLease && isRemade(session, sentAt, answeredAt)) &&
        what.root?.user === identity.user &&
        what.root.mfaAt >= session.mfaFrom &&
        what.root.mfaAt <= session.mfaTo,
    )
    if (!isThere) faults.push("credentials of a session that was logged out, or never started")
    return faults
  }

  /** Whether what a lease had of this session must have been made of the next one by now. */
  function isRemade({ replacedAt }: Session, sentAt: number, answeredAt: number): boolean {
    if (replacedAt === undefined || sentAt <= replacedAt + remadeMs || sentAt > replacedAt + remadeForMs) return false
    return (
      daemon.during(replacedAt, answeredAt).every((state) => state === "up") &&
      aws.during(replacedAt - backoffMs, answeredAt).every((state) => state === "well") &&
      isClockRight(replacedAt, answeredAt) &&
      starved(replacedAt, replacedAt + remadeMs) <= starvedMs
    )
  }

  function wrongRefusal(
    question: Question,
    answer: Answer,
    { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
  ): readonly string[] {
    const why = reasonFor(question, answer, code, message)
    return why ? [] : [`${status} ${code} without a reason: ${message}`]
  }

  function reasonFor(question: Question, answer: Answer, code: string, message: string): boolean {
    const { profile, token, isForeign = false } = question
    const { sentAt, answeredAt, awsAnsweredAt } = answer
    const identities = possibleIdentities(profile, sentAt, answeredAt)
    const sessions = identities.flatMap((identity) =>
      identity === undefined ? [] : [...union(of(identity.user).held.during(sentAt, answeredAt))],
    )
    switch (code) {
      case "HostRejected":
        return isForeign
      case "TokenMissing":
        return token === undefined
      case "TokenRejected":
        return token !== undefined && (!isSurelyGood(token, sentAt, answeredAt) || mayHaveEnded(token, answer))
      case "ProfileNotAllowed":
        return typeof token === "object" && !mayRead(token, profile)
      case "ProfileNotFound":
        return identities.includes(undefined)
      case "AccessDenied":
        return identities.some((identity) => identity?.isDenied === true)
      case "LoginRequired":
        return sessions.includes("none")
      case "SessionExpired":
        return (
          sessions.some((session) => session !== "none" && session.endsAt - awsAnsweredAt <= lastMs + clockNoiseMs) ||
          // Nobody can tell the time while AWS cannot be asked.
          (!isClockRight(sentAt, answeredAt) && (wasIll(answer) || isStarved(answer)))
        )
      case "KeychainLocked":
      case "KeychainUnavailable":
        return store.during(sentAt, answeredAt).includes("unread")
      case "Unavailable":
        return wasIll(answer) || (/has not answered yet/.test(message) && mayBeSlow(answer))
      default:
        return false
    }
  }

  function isSurelyGood(token: Token | string, from: number, to: number): boolean {
    return (
      typeof token !== "string" &&
      tokenStates(token)
        .during(from, to)
        .every((state) => state === "good")
    )
  }

  function mayHaveEnded(token: Token | string, { sentAt, answeredAt, awsAnsweredAt }: Answer): boolean {
    if (typeof token === "string" || token.expiration === undefined) return false
    return awsAnsweredAt >= token.expiration - clockNoiseMs || !isClockRight(sentAt, answeredAt)
  }

  function isClockRight(from: number, to: number): boolean {
    return clock.during(from, to).every((state) => state === "right")
  }

  function wasIll({ sentAt, answeredAt }: Answer): boolean {
    return aws.during(sentAt - backoffMs, answeredAt).includes("ill")
  }

  /** AWS was asked, and the daemon's own patience ended first. */
  function mayBeSlow(answer: Answer): boolean {
    return isStarved(answer) || daemon.during(answer.sentAt - 5 * seconds, answer.answeredAt).some((is) => is !== "up")
  }

  function isStarved({ sentAt, answeredAt }: Answer): boolean {
    return starved(sentAt - 1 * seconds, answeredAt) > starvedMs
  }

  function possibleIdentities(profile: string, from: number, to: number): readonly (Identity | undefined)[] {
    return configs.during(from, to).flatMap((possible) => possible.map((each) => each.get(profile)))
  }

  /** From now on, this may be so as well; what is returned takes it back. */
  function maybe(changed: readonly UserFacts[], at: number, what: Session | "none"): (at: number) => void {
    const before = changed.map(({ held, roots, stored }) => ({ held: held.now(), roots: roots.now(), stored }))
    for (const fact of changed) {
      fact.held.set(at, new Set([...fact.held.now(), what]))
      fact.roots.set(at, new Set([...fact.roots.now(), what]))
      fact.stored = new Set([...fact.stored, what])
    }
    return (refusedAt) =>
      changed.forEach((fact, i) => {
        const was = before[i]
        if (was === undefined) return
        fact.held.set(refusedAt, was.held)
        fact.roots.set(refusedAt, was.roots)
        fact.stored = was.stored
      })
  }

  return {
    daemon,
    aws,
    store,
    clock,
    login(user, at, awsAt, durationMs) {
      const fact = of(user)
      const session: Session = {
        user,
        mfaFrom: awsAt,
        mfaTo: Number.POSITIVE_INFINITY,
        endsAt: awsAt + durationMs - 1 * seconds,
      }
      const undo = maybe([fact], at, session)
      const deathsBefore = deaths
      return {
        done(doneAt, { isKept, awsAt: awsDoneAt }) {
          session.mfaTo = awsDoneAt
          if (isKept) fact.stored = new Set([session])
          const isAlive = deaths === deathsBefore
          for (const each of fact.roots.now()) if (each !== "none" && each !== session) each.replacedAt ??= doneAt
          fact.held.set(doneAt, isAlive ? new Set([session]) : fact.stored)
          fact.roots.set(doneAt, isAlive ? without(fact.roots.now(), "none") : fact.stored)
        },
        refused: undo,
        lost(_, awsLostAt) {
          session.mfaTo = awsLostAt
        },
      }
    },
    logout(names, at) {
      const changed = names.map(of)
      const undo = maybe(changed, at, "none")
      const deathsBefore = deaths
      return {
        done(doneAt, { isKept }) {
          for (const fact of changed) {
            if (isKept) fact.stored = nobody
            const possible = deaths === deathsBefore ? nobody : fact.stored
            fact.held.set(doneAt, possible)
            fact.roots.set(doneAt, possible)
          }
        },
        refused: undo,
        lost: () => undefined,
      }
    },
    killed(at) {
      deaths += 1
      store.set(at, "unread")
      for (const fact of facts.values()) {
        fact.held.set(at, fact.stored)
        fact.roots.set(at, fact.stored)
      }
    },
    mint(token, at) {
      const states = tokenStates(token)
      states.set(at, "maybe")
      return {
        done: (doneAt) => states.set(doneAt, "good"),
        refused: (refusedAt) => states.set(refusedAt, "bad"),
        lost: () => undefined,
      }
    },
    revoke(token, at) {
      const states = tokenStates(token)
      const was = states.now()
      states.set(at, "maybe")
      return {
        done: (doneAt) => states.set(doneAt, "bad"),
        refused: (refusedAt) => states.set(refusedAt, was),
        lost: () => undefined,
      }
    },
    isSure: (token) => tokenStates(token).now() === "good",
    isUnsure: (token) => tokenStates(token).now() === "maybe",
    rewrite(next, at) {
      configs.set(at, [...configs.now(), next])
      return (readAt) => configs.set(readAt, [next])
    },
    mustServe(question, answer) {
      const isUp = daemon.during(answer.sentAt, answer.answeredAt).every((state) => state === "up")
      return isUp && !mayBeSlow(answer) && !refusals.some((code) => reasonFor(question, answer, code, ""))
    },
    faultsOf,
    forget(before) {
      const all = [...facts.values()].flatMap(({ held, roots }) => [held, roots])
      for (const timeline of [daemon, aws, store, clock, configs, ...all, ...tokens.values()]) timeline.forget(before)
    },
  }
}

export function mayRead({ profiles }: Token, profile: string): boolean {
  return profiles.includes("*") || profiles.includes(profile)
}

function union(sets: readonly Possible[]): Possible {
  return new Set(sets.flatMap((set) => [...set]))
}

function without(possible: Possible, what: Session | "none"): Possible {
  return new Set([...possible].filter((each) => each !== what))
}
