#!/usr/bin/env bash
# Installs what the tests start, from the system's packages: PostgreSQL, and bubblewrap for hardened steps. A second
# run takes no time. The tests start it themselves, on loopback and a free port; no service of the system is used or left running.
set -euo pipefail

say() { printf 'services: %s\n' "$*"; }
fail() {
  printf 'services: %s\n' "$*" >&2
  exit 1
}

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v bwrap >/dev/null || missing+=(bubblewrap)
if [ ${#missing[@]} = 0 ]; then
  say "all is here"
  exit 0
fi
command -v apt-get >/dev/null || fail "please install ${missing[*]}: this system has no apt-get to do it."
sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || fail "please install ${missing[*]} as root: there is no sudo here."
  sudo=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A fresh machine often updates itself in the background; apt waits for dpkg, but gives up at once on its own lists.
apt_get() {
  local attempt
  for attempt in $(seq 30); do
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null &&
      return
    grep -q 'Could not get lock' "$log" || break
    say "waiting for another apt (attempt $attempt of 30)"
    sleep 10
  done
  tail -20 "$log" >&2
  fail "apt-get $1 failed."
}

say "apt-get install ${missing[*]}"
apt_get update -qq
apt_get install -y -qq --no-install-recommends "${missing[@]}"
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
  fail "PostgreSQL was installed, but initdb is not where Debian has it."
say "ready"
