/** launchd: an agent of the user's session. It holds no port: launchd hands sockets to native code only. */
import { dirname, join } from "node:path"
import type { Context } from "../context.ts"
import type { Files } from "../files.ts"
import type { Ended, Host } from "./host.ts"
import { succeeded, type ServiceManager } from "./manager.ts"

const label = "credd"
const retries = 20
const retryMs = 500

export function launchd(host: Host, files: Files, pause: Context["pause"]): ServiceManager {
  const plist = join(host.home, "Library", "LaunchAgents", `${label}.plist`)
  const log = join(host.home, "Library", "Logs", "credd", "credd.log")
  const domain = `gui/${host.uid}`
  const target = `${domain}/${label}`
  const launchctl = async (...args: string[]): Promise<Ended> => await host.run("launchctl", args)
  const hint = "run: credd service logs"

  /** `bootout` answers before the job is gone, and `bootstrap` then fails. */
  async function bootstrap(): Promise<void> {
    let ended = await launchctl("bootstrap", domain, plist)
    for (let i = 0; ended.status !== 0 && i < retries; i += 1) {
      await pause(retryMs)
      ended = await launchctl("bootstrap", domain, plist)
    }
    succeeded("load the agent", ended, hint)
  }

  return {
    name: "launchd",
    async check() {
      succeeded("reach launchd", await launchctl("version"), "run: credd daemon")
    },
    async state() {
      const { status, stdout } = await launchctl("print", target)
      const pid = /^\s*pid = (\d+)$/m.exec(stdout)?.[1]
      return {
        isInstalled: files.read(plist) !== undefined,
        isEnabled: status === 0,
        pid: pid === undefined ? undefined : Number(pid),
      }
    },
    environment: () => environmentIn(String(files.read(plist) ?? "")),
    files({ place, environment }) {
      const pairs = Object.entries(environment)
        .map(([name, value]) => `\n\t\t<key>${xml(name)}</key>\n\t\t<string>${xml(value)}</string>`)
        .join("")
      const words: Readonly<Record<string, string>> = {
        LAUNCHER: xml(join(place.package, "daemon", "launch.sh")),
        NODE: xml(place.node),
        ENVIRONMENT: pairs === "" ? "" : `${pairs}\n\t`,
        LOG: xml(log),
      }
      const template = String(files.read(join(place.package, "launchd", "credd.plist")) ?? "")
      return new Map([[plist, template.replaceAll(/@([A-Z]+)@/g, (whole, name: string) => words[name] ?? whole)]])
    },
    units: () => [plist],
    leftovers: () => [dirname(log)],
    async activate(changed, isNewVersion) {
      // Made here, so that launchd does not make it for everybody to read.
      if (files.read(log) === undefined) files.write(log, Buffer.alloc(0), log)
      const isLoaded = (await launchctl("print", target)).status === 0
      if (isLoaded && changed.length > 0) await launchctl("bootout", target)
      await launchctl("enable", target)
      if (!isLoaded || changed.length > 0) await bootstrap()
      else {
        const again = isNewVersion ? ["-k"] : []
        succeeded("start the daemon", await launchctl("kickstart", ...again, target), hint)
      }
    },
    async deactivate() {
      await launchctl("bootout", target)
    },
    logs: async (isFollowing) => await host.show("tail", ["-n", "200", ...(isFollowing ? ["-F"] : []), log]),
  }
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

function xml(text: string): string {
  return text.replaceAll(/[&<>]/g, (sign) => entities[sign] ?? sign)
}

/** The reverse, for what `files` wrote. */
function environmentIn(text: string): Readonly<Record<string, string>> {
  const part = /<key>EnvironmentVariables<\/key>\s*<dict>([^]*?)<\/dict>/.exec(text)?.[1] ?? ""
  return Object.fromEntries(
    [...part.matchAll(/<key>([^<]*)<\/key>\s*<string>([^<]*)<\/string>/g)].map(([, name = "", value = ""]) => [
      plain(name),
      plain(value),
    ]),
  )
}

function plain(word: string): string {
  return word.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")
}
