"""Which folders the user has trusted to run things. Kept per user, never inside a workspace (D9, D25)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mplp_runtime.errors import MplpError

try:
    import fcntl
except ImportError:  # Windows, where the list is changed without a lock.
    fcntl = None  # type: ignore[assignment]


def trust_path(environment: Mapping[str, str] | None = None, home: Path | None = None) -> Path:
    """Where the user's list lies: `$XDG_CONFIG_HOME/mplp-lsp/trusted.json`, else under `~/.config`.

    >>> trust_path({"XDG_CONFIG_HOME": "/home/ada/.settings"}).as_posix()
    '/home/ada/.settings/mplp-lsp/trusted.json'
    """
    values = os.environ if environment is None else environment
    configured = values.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored.
    base = Path(configured) if Path(configured).is_absolute() else (home or _home()) / ".config"
    return base / "mplp-lsp" / "trusted.json"


def _home() -> Path:
    """The user's home; `/` for a user who has none, as in many containers: no list is there, none is made.

    Never a relative path: that would make a file of the workspace the list.
    """
    try:
        home = Path.home()
    except RuntimeError:
        return Path("/")
    return home if home.is_absolute() else Path("/")


class Trust:
    """The list of trusted folders in one JSON file of mode 0600.

    A folder is trusted if it is listed itself or lies below a listed one. Symbolic links are resolved
    first, so that a link out of a trusted folder leads nowhere. A list that cannot be read trusts nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or trust_path()

    def folders(self) -> list[Path]:
        """The trusted folders, in the order they were trusted; [] if there is no sound list."""
        try:
            value = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return []
        listed = value.get("folders") if isinstance(value, dict) else None
        if not isinstance(listed, list):
            return []
        return [Path(entry) for entry in listed if isinstance(entry, str) and Path(entry).is_absolute()]

    def is_trusted(self, root: Path) -> bool:
        resolved = _resolved(root)
        return any(resolved.is_relative_to(folder) for folder in self.folders())

    def trust(self, root: Path) -> None:
        """Adds a folder. Raises MplpError if the list cannot be written."""
        resolved = _resolved(root)
        with self._changing() as folders:
            if resolved not in folders:
                self._write([*folders, resolved])

    def untrust(self, root: Path) -> None:
        """Takes a folder, and all below it, off the list; a listed folder above it goes as well.

        Otherwise "untrust this" would leave it trusted through its parent.
        """
        resolved = _resolved(root)
        with self._changing() as folders:
            kept = [
                folder
                for folder in folders
                if not (resolved.is_relative_to(folder) or folder.is_relative_to(resolved))
            ]
            if kept != folders:
                self._write(kept)

    @contextmanager
    def _changing(self) -> Iterator[list[Path]]:
        """The list as it is, while no other process changes it: none may bring back what was taken off."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock: int | None = None
            try:
                if fcntl is not None:
                    lock = os.open(self.path.parent, os.O_RDONLY)
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield self.folders()
            finally:
                if lock is not None:
                    os.close(lock)
        except OSError as error:
            raise MplpError(
                f"The list of trusted folders {self.path} cannot be written: {error.strerror}."
            ) from error

    def _write(self, folders: list[Path]) -> None:
        text = json.dumps({"folders": [str(folder) for folder in folders]}, indent=2)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".trusted-")
        try:
            # mkstemp makes the file 0600.
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(text + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _resolved(root: Path) -> Path:
    return Path(os.path.realpath(root))
