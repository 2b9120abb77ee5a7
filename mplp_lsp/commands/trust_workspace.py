"""`mplp.trustWorkspace`: a person's word that plans of this folder may start processes (D25)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.services import Services
from mplp_runtime.errors import WorkspaceNotTrusted

_TRUST = "Trust this folder"
_MOST_NAMED = 8
_LONGEST_NAMED = 120


async def trust_workspace(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Asks first and names what could then be run; where the editor cannot ask, it refuses."""
    uri = arguments.get("uri")
    root = services.project_root(uri)
    if root is None:
        raise WorkspaceNotTrusted("No folder is open, so there is nothing to trust.")
    if services.is_trusted(root):
        return {"trusted": True, "root": str(root)}
    if not services.can_ask:
        raise WorkspaceNotTrusted(
            f"This editor cannot ask you; trust the folder in a terminal: mplp-lsp trust {root}"
        )
    named = what_could_run(services, uri)
    chosen = await services.ask(
        f"Trust {root}? Plans that you run here may then start: {named}.", [_TRUST, "Cancel"]
    )
    if chosen == _TRUST:
        await services.trust(root)
        services.refresh()
    return {"trusted": services.is_trusted(root), "root": str(root)}


def what_could_run(services: Services, uri: str | None) -> str:
    """What mplp.toml binds, as a person reads it; the file's author cannot put words into our question."""
    settings = services.snapshot(uri).settings
    found: dict[str, None] = {}
    if settings is not None:
        for binding in (*settings.roles.values(), *settings.steps.values()):
            shown = _shown(binding)
            if shown:
                found[shown] = None
    if not found:
        return "nothing yet (mplp.toml binds no command), and whatever it binds later"
    commands = list(found)
    more = len(commands) - _MOST_NAMED
    named = "; ".join(commands[:_MOST_NAMED])
    return f"{named}{f' and {more} more' if more > 0 else ''}, and whatever mplp.toml binds later"


def _shown(binding: object) -> str:
    """A command as a shell would quote it, a handler, or a file operation with its files; "" for the rest."""
    argv = getattr(binding, "command", None) or getattr(binding, "server", None)
    operation = getattr(binding, "operation", None)
    if argv:
        text = shlex.join(argv)
    elif operation:
        files = [getattr(binding, name) for name in ("source", "target") if getattr(binding, name, None)]
        text = " ".join([f"{operation} file", *map(shlex.quote, files)])
    else:
        text = getattr(binding, "handler", None) or ""
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return text if len(text) <= _LONGEST_NAMED else text[: _LONGEST_NAMED - 1] + "…"


TRUST_WORKSPACE = Command(
    "mplp.trustWorkspace",
    "Trust this workspace",
    "Allows plans of this folder to start the commands bound in mplp.toml, after asking.",
    trust_workspace,
    {"uri": Parameter(str, required=False, about="a document of the folder (default: the first folder)")},
)
