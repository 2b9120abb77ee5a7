"""`mplp.trustWorkspace`: a person's word that plans of this folder may start processes (D25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.services import Services
from mplp_runtime.errors import WorkspaceNotTrusted

_TRUST = "Trust this folder"
_MOST_NAMED = 8


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
    """The commands that mplp.toml binds, as a person reads them."""
    settings = services.snapshot(uri).settings
    commands: list[str] = []
    if settings is not None:
        for binding in (*settings.roles.values(), *settings.steps.values()):
            argv = getattr(binding, "command", None) or getattr(binding, "server", None)
            shown = " ".join(argv) if argv else getattr(binding, "handler", None)
            if shown and shown not in commands:
                commands.append(shown)
    if not commands:
        return "nothing yet (mplp.toml binds no command), and whatever it binds later"
    more = len(commands) - _MOST_NAMED
    named = "; ".join(command[:120] for command in commands[:_MOST_NAMED])
    return f"{named}{f' and {more} more' if more > 0 else ''}, and whatever mplp.toml binds later"


TRUST_WORKSPACE = Command(
    "mplp.trustWorkspace",
    "Trust this workspace",
    "Allows plans of this folder to start the commands bound in mplp.toml, after asking.",
    trust_workspace,
    {"uri": Parameter(str, required=False, about="a document of the folder (default: the first folder)")},
)
