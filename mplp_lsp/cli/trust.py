"""`mplp-lsp trust DIR`: a person's word that plans of a folder may start processes (D25)."""

from __future__ import annotations

from pathlib import Path

from mplp_lsp.workspace.projects import root_of
from mplp_runtime.errors import MplpError
from mplp_runtime.trust import Trust


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
