/** A machine whose owner has credd as a service, and the sandbox that takes AWS's place inside it. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import { currentCode } from "../sandbox/totp.ts"
import { exampleWorld } from "../sandbox/world.ts"
import { bootMachine, must, type Machine, type Ran } from "./machine.ts"

export interface OwnersMachine extends Machine {
  /** Runs a shell line as the owner. */
  owner(line: string): Promise<Ran>
}

const config = `[profile acme]
region = eu-west-1
mfa_serial = arn:aws:iam::123456789012:mfa/alice
[profile dev]
role_arn = arn:aws:iam::123456789012:role/developer
source_profile = acme
region = eu-central-1
`

/** Installs nothing yet: a user who has logged in, and has `credd` on the PATH. */
export async function ownersMachine(): Promise<OwnersMachine> {
  const machine = await bootMachine()
  const owner = (line: string): Promise<Ran> => machine.as("owner", line)
  await machine.login("owner")
  await must(owner("mkdir -p .aws .config/credd"))
  await startSandbox(machine)
  return { ...machine, owner }
}

/** The sandbox is no part of the package: it runs beside it, as root. */
async function startSandbox(machine: Machine): Promise<void> {
  const folder = join(machine.root, "srv")
  mkdirSync(join(folder, "node_modules"), { recursive: true })
  cpSync("build/test", join(folder, "build", "test"), { recursive: true })
  cpSync("build/daemon", join(folder, "build", "daemon"), { recursive: true })
  for (const name of ["otpauth", "@noble", "valibot"]) {
    cpSync(join("node_modules", name), join(folder, "node_modules", name), { recursive: true })
  }
  rmSync(join(folder, "url"), { force: true })
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
  writeFileSync(join(folder, "sandbox"), "#!/bin/sh\nexec node /srv/build/test/sandbox/main.js > /srv/url\n", {
    mode: 0o755,
  })
  await must(machine.run("systemctl reset-failed sandbox 2>/dev/null; systemd-run --unit=sandbox /srv/sandbox"))
  await vi.waitFor(async () => await must(machine.run("grep -q http /srv/url")), { timeout: 15_000, interval: 100 })
  await must(machine.as("owner", `cat > .aws/config <<'EOF'\n${config}EOF`))
  await must(machine.as("owner", 'sed -i "s,^region = eu.*,&\\nendpoint_url = $(cat /srv/url)," .aws/config'))
}

/** A keyring that a desktop login has unlocked, an access key in it, and a session. */
export async function signIn({ owner }: OwnersMachine): Promise<void> {
  await unlockKeyring({ owner })
  const key = "AKIAEXAMPLEALICE0001\\nEXAMPLEsecretOfAliceNotARealOne000000001\\n"
  await must(owner(`printf '${key}' | credd add acme`))
  await must(owner(`echo ${code()} | credd login acme`))
}

export async function unlockKeyring({ owner }: Pick<OwnersMachine, "owner">): Promise<void> {
  // Not of this shell: it stays.
  await must(
    owner("printf EXAMPLE-password | gnome-keyring-daemon --replace --unlock --components=secrets >/dev/null 2>&1"),
  )
}

function code(): string {
  const device = exampleWorld.users.find(({ userName }) => userName === "alice")?.mfa
  return currentCode(device?.totpSecret ?? "", Date.now())
}

export const credentialsLine = askFor("dev")

export function askFor(profile: string): string {
  const token = "$(cat .local/state/credd/tokens/shell)"
  return `curl -sS --max-time 5 -H "Authorization: ${token}" http://127.0.0.1:9912/credentials/${profile}`
}
