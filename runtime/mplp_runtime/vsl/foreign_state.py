"""What lies where a state would and was not made by mplp-lsp; a look at it could wait or go on for ever."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from mplp_runtime.errors import StoreError, StoreTooNew
from mplp_runtime.vsl.schema import COMPANIONS, MIGRATIONS, VERSION

_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_OF_THE_PLANNER = frozenset({("table", "sqlite_stat1"), ("table", "sqlite_stat4")})
"""Tables that ANALYZE leaves, whoever ran it."""

_Name = tuple[str, str, str]


def refuse_special_files(path: Path) -> None:
    """Raises StoreError where the state, or a file that SQLite opens with it, is there and no regular file.

    Opening a named pipe waits for a process at its other end, which never comes.
    """
    for companion in COMPANIONS:
        each = Path(f"{path}{companion}")
        try:
            mode = each.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"The state {each} cannot be read: {error.strerror}.") from error
        if stat.S_ISLNK(mode):
            raise StoreError(f"The state {each} is a symbolic link; it is not followed.")
        if not stat.S_ISREG(mode):
            raise StoreError(f"The state {each} is not a regular file.")


def version_of_ours(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a state that has the tables of that version and nothing else.

    Raises StoreTooNew, and StoreError for tables, views or triggers of another maker: a view in the place of
    a table may have rows without end. `path` is what is named in the error. Raises sqlite3.Error.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StoreTooNew(
            f"The state {path} was written by a newer mplp-lsp (version {version}; "
            f"known: {VERSION}); look at it with the newer one."
        )
    ours = _objects_of(version) if version >= 0 else {}
    found = {name: text for name, text in _objects(connection).items() if name[:2] not in _OF_THE_PLANNER}
    if found != ours:
        strange = sorted({name[:60] for _, name, _ in dict(found.items() ^ ours.items())})
        raise StoreError(
            f"The state {path} is not one that mplp-lsp made ({', '.join(strange[:3])!r}), so it is not read "
            "without trust. Move it away, or trust the folder (mplp-lsp trust DIR)."
        )
    return version


@cache
def _objects_of(version: int) -> Mapping[_Name, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> Mapping[_Name, str]:
    """What the database is made of, by kind, name and table, with the text that made it."""
    return {
        (kind, name, table): " ".join(str(text).split())
        for kind, name, table, text in connection.execute(_OBJECTS)
    }
