#!/usr/bin/env bash
# Our server beside VS Code's JSON server, in one run. The peer comes from npm into a cache of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${MPLP_BENCH_HOME:-$HOME/.cache/mplp-lsp-bench}
peer="$cache/node_modules/vscode-langservers-extracted/bin/vscode-json-language-server"
if [ ! -e "$peer" ]; then
  mkdir -p "$cache"
  (cd "$cache" && npm install --no-audit --no-fund --silent --prefix . vscode-langservers-extracted@4.10.0)
fi
exec .venv/bin/python -m tests.perf.lsp_bench --peer "node $peer --stdio" \
  --peer-name "vscode-json-language-server 4.10.0" \
  --schemas schemas/mplp_schemas/data --output docs/benchmarks.md "$@"
