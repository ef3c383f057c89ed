/** Where node and credd really are, as a service manager that knows no shell must be told; and whether they will stay there. */
import { join } from "node:path"
import { Failure } from "../failure.ts"
import type { Host } from "./host.ts"

export interface Place {
  readonly node: string
  readonly package: string
  /** What will move, a sentence each. */
  readonly warnings: readonly string[]
}

/** Version managers keep each node, and each global package, in a folder of that version. */
const versionManagers: readonly (readonly [name: string, path: RegExp])[] = [
  ["nvm", /\/(?:\.nvm|nvm)\/versions\//],
  ["fnm", /\/fnm\/node-versions\/|\/fnm_multishells\//],
  ["Volta", /\/\.volta\//],
  ["mise", /\/mise\/installs\//],
  ["asdf", /\/\.asdf\/installs\//],
  ["nodenv", /\/\.?nodenv\/versions\//],
  ["n", /\/n\/versions\//],
]

export function findPlace(host: Pick<Host, "node" | "package" | "exists">): Place {
  const node = steady(host.node, host.exists)
  const folder = steady(host.package, host.exists)
  if (/\/_npx\//.test(folder)) {
    throw new Failure({
      code: "ServiceFailed",
      message: "credd runs from npx's cache, which is cleared",
      hint: "run: npm install -g credd && credd service install",
    })
  }
  const manager = versionManagers.find(([, path]) => path.test(`${node}/`) || path.test(`${folder}/`))?.[0]
  return {
    node,
    package: folder,
    warnings: [
      ...(manager === undefined
        ? []
        : [`${node} is ${manager}'s: before you remove that version, run credd service install with the next one`]),
      ...(host.exists(join(folder, ".git")) ? [`${folder} is a checkout: the service runs what is built there`] : []),
    ],
  }
}

/** Homebrew moves a program at every upgrade, and keeps `opt/NAME` pointing at the newest. */
function steady(path: string, exists: (path: string) => boolean): string {
  const lasting = path.replace(/\/Cellar\/([^/]+)\/[^/]+(?=\/|$)/, "/opt/$1")
  return exists(lasting) ? lasting : path
}
