/**
 * The daemon of `day.ts`: the real core, heart, leases, data plane, audit trail, log and AWS SDK, on a clock that the
 * parent turns. `main.ts` itself reads the machine's clock; libfaketime at that speed would shorten the deadlines of every
 * call to AWS with it, and measure another daemon. Only the doors are not here: the control plane's and the keychain's.
 */
import "../../daemon/no-inspector.ts"
import { auditTrail } from "../../daemon/adapters/audit.ts"
import { awsConfig, awsFilesFrom } from "../../daemon/adapters/aws-config.ts"
import { openAwsHttp, type AwsHttp } from "../../daemon/adapters/aws-http.ts"
import { breathe, type AwsClock } from "../../daemon/adapters/clock.ts"
import { awsIam } from "../../daemon/adapters/iam.ts"
import { leaseFiles } from "../../daemon/adapters/lease-files.ts"
import { listenOnPort } from "../../daemon/adapters/listen.ts"
import { openLog } from "../../daemon/adapters/log.ts"
import { memoryStore } from "../../daemon/adapters/memory-store.ts"
import { outsideCredentials } from "../../daemon/adapters/outside-credentials.ts"
import { peers as peersOf } from "../../daemon/adapters/peers.ts"
import { secretStore } from "../../daemon/adapters/secret-store.ts"
import { federationSignIn } from "../../daemon/adapters/sign-in.ts"
import { awsSts } from "../../daemon/adapters/sts.ts"
import { accessOf } from "../../daemon/core/access.ts"
import { createBroker } from "../../daemon/core/broker.ts"
import { calmRefusals } from "../../daemon/core/calm-refusals.ts"
import { heartbeat } from "../../daemon/core/heartbeat.ts"
import { createLeases, shellName } from "../../daemon/core/leases.ts"
import { whole } from "../../daemon/core/scope.ts"
import { Secret } from "../../daemon/core/secret.ts"
import { credentialsApp } from "../../daemon/http/credentials-app.ts"
import { hostsOf } from "../../daemon/http/guards.ts"
import { credentialsServer } from "../../daemon/http/servers.ts"
import { fakeClock } from "../fakes/clock.ts"

export type ToDaemon =
  | { readonly ask: "add"; readonly profile: string; readonly accessKeyId: string; readonly secretAccessKey: string }
  | { readonly ask: "login"; readonly profile: string; readonly code: string; readonly durationSeconds: number }
  | { readonly ask: "advance"; readonly ms: number }
  /** Collects garbage, so that what is measured is what is in use. */
  | { readonly ask: "collect" }

export type FromDaemon =
  | { readonly port: number; readonly token: string }
  /** With what is in use of V8's heap, and of the memory outside it. */
  | { readonly heapBytes: number; readonly externalBytes: number }

const env = process.env
const state = env["CREDD_HOME"] ?? ""
const turned = fakeClock(Number(env["DAY_START"]))
const clock: AwsClock = { ...turned, timeCall: () => () => undefined, offsetMs: () => turned.now() - Date.now() }

const log = openLog("info")
let opened: Promise<AwsHttp> | undefined
const http = async (): Promise<AwsHttp> => await (opened ??= openAwsHttp({ clock, env }))
const broker = createBroker({
  clock,
  store: secretStore(memoryStore(), { onDamaged: () => undefined }),
  source: awsConfig(awsFilesFrom(env)),
  log,
  sts: awsSts({ clock, http }),
  iam: awsIam({ clock, http }),
  signIn: federationSignIn(http),
  signInEndpoint: undefined,
  outside: outsideCredentials(env),
  notify: () => undefined,
  breathe,
  random: Math.random,
  defaults: { endpoint: env["AWS_ENDPOINT_URL_STS"] },
})
const files = leaseFiles(state)
const leases = createLeases([], { clock, log, records: files })
const peers = peersOf({ allowUids: [] })
const audit = calmRefusals(auditTrail({ state, clock, log, peers }), clock)
await broker.settle()

const hosts = new Set<string>()
const app = credentialsApp({
  hosts,
  leases,
  peers,
  audit,
  log,
  isProfile: (name) => broker.profiles().has(name),
  credentialsFor: (profile, lease) => broker.credentialsFor(profile, accessOf(lease)),
})
const port = await listenOnPort(
  credentialsServer(app, () => undefined, peers.mayAsk),
  0,
)
for (const host of hostsOf(port)) hosts.add(host)
const { lease, token } = leases.draft({ name: shellName, profiles: ["*"], scope: whole }, true)
await files.writeToken(shellName, token)
await leases.add(lease, true)

heartbeat({
  clock,
  random: Math.random,
  async beat() {
    await broker.settle()
    await leases.tidy()
    broker.beat().catch(() => undefined)
    return { isCalm: true }
  },
})

async function answerTo(asked: ToDaemon): Promise<void> {
  switch (asked.ask) {
    case "add": {
      const { profile, accessKeyId, secretAccessKey } = asked
      await broker.addAccessKey(profile, { accessKeyId, secretAccessKey: new Secret(secretAccessKey) })
      return
    }
    case "login":
      await broker.login(asked.profile, asked.code, asked.durationSeconds)
      return
    case "collect":
      for (let times = 0; times < 3; times += 1) {
        gc?.()
        await breathe()
      }
      return
    default:
      turned.advance(asked.ms)
      await breathe()
  }
}

async function answer(asked: ToDaemon): Promise<void> {
  await answerTo(asked)
  const { heapUsed: heapBytes, external: externalBytes } = process.memoryUsage()
  process.send?.({ heapBytes, externalBytes } satisfies FromDaemon)
}

process.on("message", (asked: ToDaemon) => void answer(asked))
process.on("disconnect", () => process.exit())
process.send?.({ port, token: token.reveal() } satisfies FromDaemon)
log.info("listening", { state })
