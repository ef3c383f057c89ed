/** Runs once before the service tests: what boots a machine, the machine's disk (kept in .cache), and the package. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { installMissing } from "../support/prepare.ts"

const cache = resolve(".cache/service")
/** Renamed when its recipe changes. */
export const disk = join(cache, "bookworm-2")
export const tarball = join(cache, "credd.tgz")
/** The package, installed as `npm install -g` does: a layer over the disk. */
export const installed = join(cache, "installed")

const inside =
  "systemd,systemd-sysv,dbus,dbus-broker,dbus-user-session,libpam-systemd,gnome-keyring,libsecret-tools,curl,procps,iproute2,ca-certificates"

export default function prepare(): void {
  installMissing({
    debootstrap: "debootstrap",
    "systemd-nspawn": "systemd-container",
    lintian: "lintian",
    strip: "binutils",
  })
  mkdirSync(cache, { recursive: true })
  if (!existsSync(disk)) makeDisk()
  pack()
}

/** A small Debian with two users, systemd as its init, and this node and npm; nothing else of what a developer has. */
function makeDisk(): void {
  const making = `${disk}.making`
  rmSync(making, { recursive: true, force: true })
  console.log("installing a small Debian into .cache/service, once")
  const log = { stdio: ["ignore", "ignore", "inherit"] as const }
  execFileSync("debootstrap", ["--variant=minbase", `--include=${inside}`, "bookworm", making, mirror()], {
    stdio: [...log.stdio],
  })
  const script = `
set -eu
cp "$(readlink -f "${process.execPath}")" "$1/usr/bin/node"
mkdir -p "$1/usr/lib/node_modules"
cp -r "$(npm root -g)/npm" "$1/usr/lib/node_modules/"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/bin/npm"
# There for one test; Debian would have it in dbus-daemon's place from now on.
chroot "$1" systemctl --quiet disable dbus-broker.service
chroot "$1" systemctl --quiet --global disable dbus-broker.service
chroot "$1" useradd -m -s /bin/bash owner
chroot "$1" useradd -m -s /bin/bash intruder
: > "$1/etc/machine-id"
rm -f "$1/usr/lib/systemd/system/systemd-firstboot.service"
rm -rf "$1/var/cache/apt/archives" "$1/var/lib/apt/lists"
mkdir -p "$1/var/cache/apt/archives/partial" "$1/var/lib/apt/lists/partial"
`
  execFileSync("sh", ["-c", script, "sh", making], { stdio: [...log.stdio] })
  renameSync(making, disk)
}

/** Where this machine has its own packages from. */
function mirror(): string {
  const lists = execFileSync("sh", ["-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true"])
  const found = /^(?:URIs:|deb(?: \[[^\]]*\])?) *(\S+\/debian\/?)(?:\s|$)/m.exec(String(lists))?.[1]
  if (found === undefined) throw new Error("the service tests need a Debian mirror in /etc/apt/sources.list")
  return found
}

function pack(): void {
  const [name = ""] = execFileSync("npm", ["pack", "--silent", "--pack-destination", cache], { encoding: "utf8" })
    .trim()
    .split("\n")
    .slice(-1)
  renameSync(join(cache, name), tarball)
  rmSync(installed, { recursive: true, force: true })
  const prefix = join(installed, "usr", "local")
  mkdirSync(prefix, { recursive: true })
  execFileSync("npm", ["install", "-g", "--silent", "--prefix", prefix, tarball], {
    stdio: ["ignore", "ignore", "inherit"],
  })
}
