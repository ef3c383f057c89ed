/**
 * Part of the build: what is published. Everything that credd runs is bundled with the packages that it needs, all but
 * the keychain's binding, so that a start reads few files, and so that an upgrade in place takes no file from a daemon
 * that runs. CommonJS, because Node's loader of ES modules alone costs each command more than its own work.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig, type Plugin } from "rolldown"

const clientFolder = join(import.meta.dirname, "client", "/")

export default defineConfig({
  input: {
    "client/main": "client/main.ts",
    "daemon/keychain-helper": "daemon/keychain-helper.ts",
    "daemon/watchdog-thread": "daemon/watchdog-thread.ts",
  },
  platform: "node",
  external: ["@napi-rs/keyring"],
  // The SDK's ES modules, of which only what is used is taken.
  resolve: { mainFields: ["module", "main"] },
  plugins: [commonJsFolder(), licences()],
  output: {
    dir: "dist",
    cleanDir: true,
    format: "cjs",
    entryFileNames: "[name].js",
    // For the light commands a file more costs as much as all that they do.
    codeSplitting: {
      groups: [
        {
          name: "common",
          test: /\/(?:client\/(?:columns|failure|files|output)|daemon\/paths)\.ts$|\/get-east-asian-width\//,
          priority: 2,
        },
        { name: "wire", test: /\/client\/(?:daemon-client|data-plane|exchange|held-lease)\.ts$/, priority: 1 },
      ],
    },
    // The name changes with what is in it: a daemon that runs never reads a file of another version.
    chunkFileNames: ({ moduleIds }) =>
      `${moduleIds.some((id) => id.startsWith(clientFolder)) ? "client" : "daemon"}/[name]-[hash].js`,
  },
})

/** The package itself is of ES modules. */
function commonJsFolder(): Plugin {
  return {
    name: "commonjs-folder",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "package.json", source: '{ "type": "commonjs" }\n' })
    },
  }
}

/** What the authors of the bundled packages ask for: their names and licences beside their code, each text once. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const folders = Object.values(bundle)
        .flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
        .flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? [])
      const packages = [...new Set(folders)].toSorted().map(licenceOf)
      const names = packages.map(({ name }) => `  ${name}`).join("\n")
      const texts = [...new Set(packages.flatMap((each) => each.texts))]
      const source = [`credd holds code of these packages:\n\n${names}\n`, ...texts].join(`\n${"-".repeat(80)}\n\n`)
      this.emitFile({ type: "asset", fileName: "THIRD-PARTY-LICENSES", source })
    },
  }
}

interface Licence {
  /** With its version and the licence by its short name. */
  readonly name: string
  /** Some packages of AWS bring none: theirs is the text of the others. */
  readonly texts: readonly string[]
}

function licenceOf(folder: string): Licence {
  // Written by npm, or by nobody: what is not there fails below.
  const about: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  if (!about["license"]) throw new Error(`${folder} does not say its licence`)
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|notice)/i.test(file))
  return {
    name: `${about["name"]} ${about["version"]} (${about["license"]})`,
    texts: files.map((file) => readFileSync(join(folder, file), "utf8").trimStart()),
  }
}
