"""What an editor waits for when it starts us: the answer to `initialize`, and nothing it does not need."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from mplp_lsp.commands.names import COMMAND_NAMES
from mplp_lsp.commands.table import COMMANDS
from mplp_lsp.server.warming import answering_modules

ROOT = Path(__file__).parents[2]
NEVER = ("hypothesis",)
PROTOCOL = ("lsprotocol", "pygls", "attr", "attrs", "cattrs")
LATER = ("pydantic", "jsonschema", "referencing", "tree_sitter", "tree_sitter_toml", "watchfiles", "sqlite3")
HEAVY = (*NEVER, *PROTOCOL, *LATER, "jsonschema_rs", "importlib.metadata", "email", "tempfile")

ANSWER = """
import sys
from mplp_lsp.cli.main import main
from mplp_lsp.server.capabilities import client_of
from mplp_lsp.server.greeting import initialize_result
initialize_result(client_of({"capabilities": {}}))
print(*sys.modules)
"""

FIRST_FINDINGS = """
import asyncio, sys
import mplp_lsp.features.diagnostics, mplp_lsp.server.desk, mplp_lsp.server.process, mplp_lsp.server.session
from mplp_lsp.server.written import written
from tests.project import project
seen = project('{"plan_id": 1, "steps": [{"step_id": "x"}]}')
assert b"schema" in written(seen.snapshot, seen.uri)
print(*sys.modules)
"""


def imported_by(script: str) -> set[str]:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_answer_to_initialize_imports_none_of_the_large_libraries():
    imported = imported_by(ANSWER)
    assert imported.isdisjoint(HEAVY)
    assert "mplp_lsp.analysis" not in imported


def test_the_first_findings_of_a_document_need_none_of_the_large_libraries():
    assert imported_by(FIRST_FINDINGS).isdisjoint((*NEVER, *LATER))


def test_what_answers_requests_needs_lsp_types_only():
    script = f"import sys, {', '.join(answering_modules())}\nprint(*sys.modules)"
    assert imported_by(script).isdisjoint((*NEVER, "pygls", "cattrs", "jsonschema", "referencing"))


def test_the_commands_that_are_announced_are_those_that_exist():
    assert tuple(COMMANDS) == COMMAND_NAMES


def test_everything_that_answers_requests_can_be_imported_ahead():
    names = answering_modules()
    assert len(names) == len(set(names)) > 10
    assert all(importlib.import_module(name) for name in names)
