"""Paths that a document or mplp.toml names: always inside the project, symbolic links followed first."""

from __future__ import annotations

from pathlib import Path

from mplp_runtime.errors import PathOutsideProject


def inside_project(root: Path, named: str, *, follow: bool = True) -> Path:
    """The real path of `named`, which is relative to the project root.

    Without `follow` the last part may be a link, which then stands for itself, as for `rm` and `mv`.

    Raises PathOutsideProject where the path, or a link on the way, leads out of the root, and for a NUL
    character.
    """
    if "\0" in named:
        raise PathOutsideProject("A path has a NUL character.")
    base = root.resolve()
    try:
        path = (base / named).resolve() if follow else _unfollowed(base / named)
    except (OSError, RuntimeError) as problem:
        raise PathOutsideProject(f"`{named}` cannot be resolved: {problem}.") from problem
    if path != base and base not in path.parents:
        raise PathOutsideProject(f"`{named}` leads out of the project {base}.")
    return path


def _unfollowed(path: Path) -> Path:
    return path.resolve() if path.name in {"", ".", ".."} else path.parent.resolve() / path.name
