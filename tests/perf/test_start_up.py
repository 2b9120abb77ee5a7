"""What an editor waits for when it starts us: the answer to `initialize`, and nothing it does not need."""

from __future__ import annotations

import importlib
import subprocess
import sys

from mplp_lsp.commands.names import COMMAND_NAMES
from mplp_lsp.commands.table import COMMANDS
from mplp_lsp.server.warming import answering_modules

HEAVY = ("lsprotocol", "pygls", "attrs", "pydantic", "jsonschema_rs", "jsonschema", "tree_sitter")

ANSWER = """
import sys
from mplp_lsp.cli.main import main
from mplp_lsp.server.capabilities import client_of
from mplp_lsp.server.greeting import initialize_result
initialize_result(client_of({"capabilities": {}}))
print(*sys.modules)
"""


def test_the_answer_to_initialize_imports_none_of_the_large_libraries():
    done = subprocess.run([sys.executable, "-c", ANSWER], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported.isdisjoint(HEAVY)
    assert "mplp_lsp.analysis" not in done.stdout.split()


def test_the_commands_that_are_announced_are_those_that_exist():
    assert tuple(COMMANDS) == COMMAND_NAMES


def test_everything_that_answers_requests_can_be_imported_ahead():
    names = answering_modules()
    assert len(names) == len(set(names)) > 10
    assert all(importlib.import_module(name) for name in names)
