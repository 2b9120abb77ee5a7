"""`mplp-lsp trust DIR`: a person's word that plans of a folder may start processes (D25)."""

from __future__ import annotations

import sys
from pathlib import Path

from mplp_lsp.cli.complaints import complain
from mplp_lsp.workspace.projects import root_of
from mplp_runtime.errors import MplpError, WorkspaceNotTrusted
from mplp_runtime.trust import Trust

_TRUST_IT = "Trust the folder for this call with --trust, for good with `mplp-lsp trust DIR`."


def trust_command(folder: str, *, remove: bool) -> int:
    """Writes or takes back the trust, kept per user outside the folder, and says what it means."""
    root = Path(folder)
    if not root.is_dir():
        raise MplpError(f"{folder} is no folder.")
    root = root.resolve()
    trust = Trust()
    if remove:
        trust.untrust(root)
        print(f"{root} is no longer trusted: its plans can be checked and simulated only.")
        return 0
    trust.trust(root)
    print(f"{root} is trusted: its plans may start the commands bound in its mplp.toml when you run them.")
    project = root_of(root)
    if not trust.is_trusted(project):
        print(f"It is part of the project {project}, which is not trusted by that.")
    return 0


def complain_of_trust(error: WorkspaceNotTrusted) -> None:
    """Says what was refused, and what to type next, where the command has `--trust`."""
    complain(str(error))
    print(f"  {_TRUST_IT}", file=sys.stderr)


def refuse_address(project: Path) -> None:
    """Where a folder says from which variable the address of its state comes, it needs trust to open that.

    For what is looked at without trust otherwise. Raises WorkspaceNotTrusted, and StoreError where mplp.toml
    does not say where the state is.
    """
    from mplp_runtime.state_opening import state_settings

    variable = state_settings(project).url_env
    if variable is not None and not Trust().is_trusted(project):
        raise WorkspaceNotTrusted(
            f"This folder is not trusted, so the address of its state, in the variable {variable}, "
            "is not opened. Trust the folder: mplp-lsp trust DIR"
        )
