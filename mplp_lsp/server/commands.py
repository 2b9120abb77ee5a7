"""`workspace/executeCommand`: one JSON object in, JSON out (architecture 6)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.names import COMMAND_NAMES
from mplp_lsp.server import messages
from mplp_lsp.server.messages import RequestError

if TYPE_CHECKING:
    from mplp_lsp.commands.services import Services

DEBUG_TEXT = "mplp.debug.text"


@cache
def _table() -> Mapping[str, Any]:
    if importlib.util.find_spec("mplp_lsp.commands.table") is None:
        return {}
    from mplp_lsp.commands.table import COMMANDS

    return COMMANDS


def is_debugging() -> bool:
    """Whether this process was started by a test that wants to look inside."""
    return os.environ.get("MPLP_LSP_DEBUG") == "1"


def command_names() -> list[str]:
    """What `executeCommandProvider` announces. The commands themselves are imported when one is called."""
    return [*COMMAND_NAMES, *([DEBUG_TEXT] if is_debugging() else [])]


def invocation(params: Any) -> tuple[str, dict[str, Any]]:
    """The command's name and its one argument.

    Raises RequestError -32602 unless the params name a command and hold at most one argument, a JSON object.
    """
    name = params.get("command") if isinstance(params, Mapping) else None
    if not isinstance(name, str):
        raise RequestError(messages.INVALID_PARAMS, "executeCommand needs the name of a command.")
    if name not in command_names():
        raise RequestError(messages.INVALID_PARAMS, f"There is no command {name}.")
    arguments = params.get("arguments")
    if arguments is None or arguments == []:
        return name, {}
    if not isinstance(arguments, list) or len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise RequestError(messages.INVALID_PARAMS, f"{name} takes one argument, a JSON object.")
    return name, arguments[0]


async def run_command(services: Services, name: str, arguments: dict[str, Any]) -> object:
    """What the command answers."""
    if name == DEBUG_TEXT:
        uri = arguments.get("uri")
        if not isinstance(uri, str):
            raise RequestError(messages.INVALID_PARAMS, f"{name} needs the URI of a document.")
        return services.text_of(uri)
    command = _table()[name]
    problem = command.problem(arguments)
    if problem is not None:
        raise RequestError(messages.INVALID_PARAMS, problem)
    return await command.run(services, arguments)
