"""How commands open the runtime of a project: those that decide something, and those that only look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.cli.trust import refuse_address
from mplp_runtime.errors import WorkspaceNotTrusted
from mplp_runtime.trust import Trust

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime


def opened(project: Path, *, in_memory: bool = False) -> Runtime:
    """The runtime of a project, for a command that writes, if only in memory. Raises StoreError."""
    from mplp_lsp.workspace.scan import project_files
    from mplp_runtime.runtime import Runtime

    return Runtime.open(project, in_memory=in_memory, list_files=lambda folder: project_files(folder).files)


def opened_with_trust(project: Path, *, trust: bool, refusal: str) -> Runtime:
    """The same for what needs trust: by the flag of the call, or by the user's own list.

    Also where only a decision is written: `[state]` of a folder that nobody trusts may name any address.
    Raises WorkspaceNotTrusted with the sentence `refusal`, and StoreError.
    """
    if not (trust or Trust().is_trusted(project)):
        raise WorkspaceNotTrusted(refusal)
    return opened(project)


def opened_to_look(project: Path) -> Runtime:
    """The runtime of a project, for a command that writes nothing; a folder without trust stays as it is.

    A trusted one is brought up to date first: runs whose process is gone become interrupted, and their files
    are finished. Raises StoreError, and WorkspaceNotTrusted as `refuse_address`.
    """
    from mplp_runtime.runtime import Runtime

    if Trust().is_trusted(project):
        return opened(project)
    refuse_address(project)
    return Runtime.open(project, read_only=True)
