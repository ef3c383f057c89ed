#!/usr/bin/env bash
# Builds the Debian package of this checkout into dist-deb/: `npm run package:deb`. Needs dpkg-dev, and npm for the packages
# that credd is made with, in the versions of package-lock.json.
set -euo pipefail
cd "$(dirname "$0")/../.."

upstream=$(node -p 'require("./package.json").version')
version=$upstream-1
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-credd maintainers} <${DEBEMAIL:-maintainers@credd.invalid}>"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
lib=$root/usr/lib/credd
doc=$root/usr/share/doc/credd
man=$root/usr/share/man/man1
umask 022

npm pack --silent --pack-destination "$work" >/dev/null
mkdir -p "$lib" "$doc" "$man" "$root/usr/bin" "$root/usr/lib/systemd/user" "$root/DEBIAN"
tar -xzf "$work/credd-$upstream.tgz" -C "$lib" --strip-components=1
cp package-lock.json "$lib/"
(cd "$lib" && npm ci --silent --omit=dev --omit=peer --ignore-scripts)

# What only people who work on a package, or on other systems, have a use for.
rm -rf "$lib/package-lock.json" "$lib/node_modules/.package-lock.json" "$lib/node_modules/.bin" "$lib/launchd"
find "$lib/node_modules" \( -name '*.ts' -o -name '*.md' -o -iname 'license*' \) -delete
find "$lib" -type f ! -path "$lib/dist/client/main.js" ! -path "$lib/daemon/launch.sh" -exec chmod 644 {} +
find "$lib" -name '*.node' -exec strip --strip-unneeded {} +

ln -s ../lib/credd/dist/client/main.js "$root/usr/bin/credd"
mv "$lib"/systemd/credd.service "$lib"/systemd/*.socket "$root/usr/lib/systemd/user/"
# `credd service install` compares them with what it would write.
ln -s ../../systemd/user/credd.service ../../systemd/user/credd.socket ../../systemd/user/credd-peers.socket "$lib/systemd/"
mv "$lib"/dist/man/*.1 "$man/"
rmdir "$lib/dist/man"
gzip -9n "$man"/*.1
mv "$lib/README.md" "$lib/SECURITY.md" "$lib/dist/THIRD-PARTY-LICENSES" "$doc/"
cp docs/service.md "$doc/"
rm -f "$lib/LICENSE" "$lib/CHANGELOG.md"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
{
  printf 'credd (%s) unstable; urgency=medium\n\n  * Release %s: see changelog.gz.\n\n' "$version" "$upstream"
  printf ' -- %s  %s\n' "$maintainer" "$(git log -1 --format=%cD 2>/dev/null || date -R)"
} | gzip -9nc >"$doc/changelog.Debian.gz"
{
  echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
  echo "Upstream-Name: credd"
  echo
  echo "Files: *"
  echo "Copyright: 2026 the credd authors"
  echo "License: Apache-2.0"
  echo " On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0."
  echo "Comment: dist/ holds code of other packages too; THIRD-PARTY-LICENSES, beside this file, has their licences."
} >"$doc/copyright"

size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: credd
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $size
Depends: nodejs (>= 20.19), libc6 (>= 2.17), libgcc-s1 (>= 3.0)
Recommends: gnome-keyring | libsecret-1-0, libnotify-bin
Section: utils
Priority: optional
Description: local broker of temporary AWS credentials
 Log in with MFA once a day; every AWS SDK on this machine then gets fresh
 temporary credentials from a small daemon, and no access key lies in a file.
 .
 Each user starts it as a service with: credd service install
CONTROL
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)

mkdir -p dist-deb
out=dist-deb/credd_${version}_${architecture}.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$out" >/dev/null
echo "$out"
