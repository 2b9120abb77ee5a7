"""`.mplp/` of a project: where it is, whether it may be written, and what it begins with."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from mplp_runtime.errors import StoreError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.orchestrator.live import TRACES
from mplp_runtime.state_opening import state_file, state_settings
from mplp_runtime.trace.files import write_atomically

logger = logging.getLogger(__name__)

STATE_FILE = "state.db"


def expected_state_file(root: Path) -> Path:
    """The SQLite file that mplp.toml means, or the default one while that cannot be told."""
    try:
        return state_file(root, state_settings(root))
    except StoreError:
        return root / STATE_FOLDER / STATE_FILE


def is_known_where(root: Path) -> bool:
    """False while mplp.toml is broken: whoever needs what is kept is told so when it is opened."""
    try:
        state_settings(root)
    except StoreError as error:
        logger.warning("%s", error)
        return False
    return True


def is_writable(root: Path) -> bool:
    """Whether state can be kept in the project; nothing is made to find out."""
    folder = root / STATE_FOLDER
    return os.access(folder if folder.exists() else root, os.W_OK | os.X_OK)


def prepare_folder(folder: Path) -> None:
    """Makes the state folder ready. Raises StoreError where it, or what lies in it, leads elsewhere."""
    for name in ("", TRACES, "snapshots", "snapshots/objects", "learning"):
        if (folder / name).is_symlink():
            raise StoreError(f"{folder / name} is a symbolic link; state is only kept inside the project.")
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, ["*\n"])
