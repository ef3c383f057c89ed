#!/bin/sh
# Becomes the daemon, as a service manager starts it: inside every wall that this node can put up. Chosen at each start,
# because node is upgraded under our feet, and a flag that it does not know would end it.
# usage: launch.sh NODE
set -eu
umask 077

# Whatever the service manager's environment holds, nothing opens a debugger, loads foreign code or trusts foreign roots.
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_V8_COVERAGE LD_PRELOAD LD_AUDIT \
  DYLD_INSERT_LIBRARIES

node=$1
package=$(cd "${0%/*}/.." && pwd -P)

# Packages beside ours: npm may put what we need there.
code=${package%%/node_modules/*}
[ "$code" = "$package" ] || code=$code/node_modules
# pnpm keeps each in a folder of its own, and node follows its links; so does a checkout's that is a link.
case $code in
*/.pnpm/*) code=${code%%/.pnpm/*}/.pnpm ;;
esac
linked=$(cd "$package/node_modules" 2>/dev/null && pwd -P) || linked=

# As daemon/paths.ts has them.
case $(uname) in
Darwin)
  settings="$HOME/Library/Application Support/credd"
  state=$settings
  runtime=$settings
  ;;
*)
  settings=${XDG_CONFIG_HOME:-$HOME/.config}/credd
  state=${XDG_STATE_HOME:-$HOME/.local/state}/credd
  runtime=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/credd}
  runtime=${runtime:-$state}
  ;;
esac
if [ -n "${CREDD_HOME:-}" ]; then
  settings=$CREDD_HOME state=$CREDD_HOME runtime=$CREDD_HOME
fi
mkdir -p "$state" "$runtime"
passphrase=$(sed -n "s/^[[:space:]]*passphrase_file[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" \
  "$settings/config.toml" 2>/dev/null || true)

version=$("$node" --version)
version=${version#v}
major=${version%%.*}
minor=${version#*.}
minor=${minor%%.*}
number=$((major * 100 + minor))

# One flag a path, folders end with a slash. Only the topmost: Node 20 ends at a path that it is given twice, and later
# ones lose a folder that they are given after its contents.
walls() {
  flag=$1
  shift
  printf '%s\n' "$@" | LC_ALL=C sort -u | {
    above=//
    while IFS= read -r path; do
      case $path in
      '' | "$above"*) ;;
      */)
        above=$path
        path=${path%/}
        # The star is for a folder that is not there yet.
        [ -d "$path" ] || path=$path/\*
        echo "$flag=$path"
        ;;
      *) echo "$flag=$path" ;;
      esac
    done
  }
}
IFS='
'
set -f
# shellcheck disable=SC2046 # one word a line is what is wanted
set -- --disable-warning=ExperimentalWarning --disable-warning=SecurityWarning --allow-worker --allow-child-process \
  $(walls --allow-fs-write "$state/" "$runtime/") \
  $(walls --allow-fs-read "$code/" "${linked:+$linked/}" "$state/" "$runtime/" "$settings/" "$HOME/.aws/" /proc/ "${AWS_CONFIG_FILE:-}" \
    "${AWS_SHARED_CREDENTIALS_FILE:-}" "${AWS_CA_BUNDLE:-}" "${CREDENTIALS_DIRECTORY:+$CREDENTIALS_DIRECTORY/}" \
    "${CREDD_PASSPHRASE_FILE:-$passphrase}")
if [ "$number" -ge 2500 ]; then set -- --allow-net "$@"; fi
if [ "$number" -ge 2214 ] && { [ "$major" -ne 23 ] || [ "$number" -ge 2307 ]; }; then
  set -- --permission --disable-sigusr1 "$@"
else
  set -- --experimental-permission "$@"
fi

exec "$node" "$@" "$package/dist/client/main.js" daemon --supervised
