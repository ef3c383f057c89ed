/** Loaded before the daemon by a test, as a planted dependency would be: tries the walls, and tells on stderr. */
import { readFileSync, writeFileSync } from "node:fs"
import inspector from "node:inspector"

const tries = {
  readsSsh: () => readFileSync(`${process.env.HOME}/.ssh/id_ed25519`),
  writesHome: () => writeFileSync(`${process.env.HOME}/.profile`, "x"),
  readsState: () => readFileSync(`${process.env.CREDD_HOME}/config.toml`),
  readsAwsConfig: () => readFileSync(process.env.AWS_CONFIG_FILE),
  loadsBinding: () => process.dlopen({ exports: {} }, "/nowhere.node"),
  opensDebugger: () => inspector.open(0),
}
for (const [name, attempt] of Object.entries(tries)) {
  let outcome = "done"
  try {
    attempt()
  } catch (error) {
    outcome = error.code
  }
  process.stderr.write(`trespass ${name} ${outcome}\n`)
}
