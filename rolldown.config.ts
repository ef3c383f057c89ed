/**
 * Part of the build: what is published. Everything that credd runs is bundled with the packages that it needs, all but
 * the keychain's binding, so that a start reads few files, and so that an upgrade in place takes no file from a daemon
 * that runs. CommonJS, because Node's loader of ES modules alone costs each command more than its own work.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig, type OutputOptions, type Plugin, type RolldownOptions } from "rolldown"

const clientFolder = join(import.meta.dirname, "client", "/")

/**
 * Few files: for the light commands one more costs as much as all that they do, and each is looked for along every folder of its path.
 * A group takes what its modules import, unless one before it has it.
 */
const groups = [
  {
    name: "common",
    test: /\/(?:client\/(?:columns|failure|files|output)|daemon\/(?:paths|version|built|commit))\.ts$|\/get-east-asian-width\//,
  },
  { name: "wire", test: /\/client\/(?:daemon-client|data-plane|exchange|held-lease)\.ts$/ },
  // What the client has of the daemon's: a little, and with the settings, the files of AWS and what asks STS more.
  // The daemon's door is not to wait for the daemon: it starts the keychain's helper first.
  { name: "main", test: /\/daemon\/main\.ts$/ },
  { name: "shared", test: /\/daemon\/(?:settings|audit-trail|adapters\/(?:aws-config|port-holder|sts))\.ts$/ },
  { name: "daemon", test: /\/daemon\/life\.ts$/ },
  { name: "toml", test: /\/smol-toml\// },
  { name: "log", test: /\/daemon\/adapters\/pino-log\.ts$/ },
  // Read when first needed. The chains by which the SDK looks for credentials by itself are not.
  { name: "aws", test: /\/daemon\/adapters\/aws-http\.ts$|\/@aws-sdk\/client-sts\// },
  { name: "control", test: /\/daemon\/(?:http\/control-app|control\/handlers)\.ts$/ },
  { name: "iam", test: /\/@aws-sdk\/client-iam\// },
  { name: "imds", test: /\/daemon\/http\/imds-(?:app|server)\.ts$/ },
  { name: "aws-chains", test: /\/node_modules\/@(?:aws-sdk|smithy)\// },
]

const shape: RolldownOptions = {
  platform: "node",
  external: ["@napi-rs/keyring"],
  // The SDK's ES modules, of which only what is used is taken.
  resolve: { mainFields: ["module", "main"] },
}
const written: OutputOptions = {
  dir: "dist",
  format: "cjs",
  // A tenth of what a start reads and memory holds. Whose work is in it: THIRD-PARTY-LICENSES.
  comments: false,
  entryFileNames: "[name].js",
}

export default defineConfig([
  {
    ...shape,
    input: { "client/main": "client/main.ts" },
    plugins: [commonJsFolder(), licences(), oneByteCharacters()],
    output: {
      ...written,
      cleanDir: true,
      codeSplitting: { groups: groups.map((group, i) => ({ ...group, priority: groups.length - i })) },
      // The name changes with what is in it: a daemon that runs never reads a file of another version.
      chunkFileNames: ({ moduleIds }) =>
        `${moduleIds.some((id) => id.startsWith(clientFolder)) ? "client" : "daemon"}/[name]-[hash].js`,
    },
  },
  // What runs beside the daemon shares no file with it: each is one, and small.
  ...["keychain-helper", "watchdog-thread"].map((name) => ({
    ...shape,
    input: { [`daemon/${name}`]: `daemon/${name}.ts` },
    plugins: [oneByteCharacters()],
    output: written,
  })),
])

/** The package itself is of ES modules. */
function commonJsFolder(): Plugin {
  return {
    name: "commonjs-folder",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "package.json", source: '{ "type": "commonjs" }\n' })
    },
  }
}

/** One character beyond Latin-1 makes V8 keep a file's whole text in two bytes for each. Such stand in literals only. */
function oneByteCharacters(): Plugin {
  return {
    name: "one-byte-characters",
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) if (file.type === "chunk") file.code = escaped(file.code)
    },
  }
}

function escaped(code: string): string {
  if (/\\[^\0-\xff]/.test(code)) throw new Error("a backslash before a wide character would escape that of its escape")
  return code.replaceAll(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
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
