"""The address of the state in mplp.toml: a file of SQLite inside the project."""

from __future__ import annotations

from pathlib import PurePosixPath

PREFIX = "sqlite:///"


def path_in_project(url: str) -> PurePosixPath | None:
    """The file, relative to the project; None for an address that does not name one inside it.

    Told by the words alone; links are refused where the file is opened.

    >>> path_in_project("sqlite:///.mplp/state.db")
    PurePosixPath('.mplp/state.db')
    >>> path_in_project("sqlite:////etc/passwd"), path_in_project("sqlite:///../other/state.db")
    (None, None)
    """
    path = PurePosixPath(url.removeprefix(PREFIX))
    is_inside = url.startswith(PREFIX) and not path.is_absolute() and ".." not in path.parts
    return path if is_inside and path.name and "\x00" not in url and "\\" not in url else None
