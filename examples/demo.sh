#!/usr/bin/env bash
# The main job at work: find what is wrong in a broken plan, then run a real one and show its trace.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH="$here/../.venv/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/broken" "$here/greeter" "$work/"

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }

say '1. A plan with mistakes: mplp-lsp check broken'
cd "$work"
status=0
mplp-lsp check broken || status=$?
[ "$status" = 1 ] || { echo "expected findings (exit 1), got exit $status" >&2; exit 1; }

say '2. A plan without: mplp-lsp check greeter'
mplp-lsp check greeter

say '3. Run it: five steps that really format, lint, test, package and import (--yes proposes and approves the draft)'
mplp-lsp run greeter/release.plan.json --yes --trust

say '4. What is left behind: mplp-lsp trace'
mplp-lsp trace --root greeter
ls -1 greeter/dist
