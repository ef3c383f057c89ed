#!/bin/sh
# Becomes the daemon, as a service manager starts it: inside every wall that this node can put up. Chosen at each start,
# because node is upgraded under our feet, and a flag that it does not know would end it. Callers wait meanwhile: what the
# shell can do itself it does, since each program that it starts costs a twentieth of the daemon's own start.
# usage: launch.sh NODE
set -euf
umask 077

# Whatever the service manager's environment holds, nothing opens a debugger, loads foreign code or trusts foreign roots.
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_V8_COVERAGE LD_PRELOAD LD_AUDIT \
  LD_LIBRARY_PATH OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH

# An arena for each thread is what glibc gives: with bursts of calls to AWS each keeps what it once had.
export MALLOC_ARENA_MAX=1

node=$1
package=$(cd "${0%/*}/.." && pwd -P)

# As daemon/paths.ts has them.
if [ -d /System/Library ]; then
  settings="$HOME/Library/Application Support/credd"
  state=$settings
  runtime=$settings
else
  settings=${XDG_CONFIG_HOME:-$HOME/.config}/credd
  state=${XDG_STATE_HOME:-$HOME/.local/state}/credd
  runtime=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/credd}
  runtime=${runtime:-$state}
fi
if [ -n "${CREDD_HOME:-}" ]; then
  settings=$CREDD_HOME state=$CREDD_HOME runtime=$CREDD_HOME
fi
[ -d "$state" ] && [ -d "$runtime" ] || mkdir -p "$state" "$runtime"
passphrase=
if [ -f "$settings/config.toml" ]; then
  passphrase=$(sed -n "s/^[[:space:]]*passphrase_file[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" \
    "$settings/config.toml" || true)
fi

# A service manager would try again at once, and again.
version=$("$node" --version) || {
  echo "credd: error: cannot run $node" >&2
  echo "credd: hint: run: credd service install" >&2
  sleep 10
  exit 1
}
version=${version#v}
major=${version%%.*}
minor=${version#*.}
minor=${minor%%.*}
number=$((major * 100 + minor))

# One flag a path, folders end with a slash. Only the topmost, and each once: Node 20 ends at a path that it is given
# twice, and later ones lose a folder that they are given after its contents.
walls() {
  flag=$1
  shift
  for path in "$@"; do
    shift
    case $path in
    '') continue ;;
    */) within=$path ;;
    *) within=$path/ ;;
    esac
    above=
    for other in "$@"; do
      case $other in
      "$path") above=twin ;;
      */) case $within in "$other"*) above=folder ;; esac ;;
      esac
    done
    [ -z "$above" ] || continue
    # What was looked at stands behind what was not yet.
    set -- "$@" "$path"
    case $path in
    */)
      path=${path%/}
      # The star is for a folder that is not there yet.
      [ -d "$path" ] || path=$path/\*
      ;;
    esac
    echo "$flag=$path"
  done
}

IFS='
'
# shellcheck disable=SC2046 # one word a line is what is wanted
set -- --disable-warning=ExperimentalWarning --disable-warning=SecurityWarning --allow-worker --allow-child-process \
  $(walls --allow-fs-write "$state/" "$runtime/") \
  $(walls --allow-fs-read "$package/" "$state/" "$runtime/" "$settings/" "$HOME/.aws/" /proc/ "${AWS_CONFIG_FILE:-}" \
    "${AWS_SHARED_CREDENTIALS_FILE:-}" "${AWS_CA_BUNDLE:-}" "${CREDENTIALS_DIRECTORY:+$CREDENTIALS_DIRECTORY/}" \
    "${CREDD_PASSPHRASE_FILE:-$passphrase}")
if [ "$number" -ge 2500 ]; then set -- --allow-net "$@"; fi
if [ "$number" -ge 2214 ] && { [ "$major" -ne 23 ] || [ "$number" -ge 2307 ]; }; then
  set -- --permission --disable-sigusr1 "$@"
else
  set -- --experimental-permission "$@"
fi

exec "$node" "$@" "$package/dist/client/main.js" daemon --supervised
