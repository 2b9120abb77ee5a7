"""The tables of the SQLite store and how an older file becomes a current one."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from mplp_runtime.errors import StoreError, StoreTooNew
from mplp_runtime.vsl.sql_edges import IN_THE_PLACE_OF_EDGES, INTO_LINKS
from mplp_runtime.vsl.sqlite_errors import store_error

_CREATE = """
CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE nodes (
    place INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    version INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (type, id)
);
CREATE TABLE edges (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    UNIQUE (source_type, source_id, kind, target_type, target_id)
);
CREATE INDEX edges_by_target ON edges (target_type, target_id, kind);
CREATE TABLE events (lamport INTEGER PRIMARY KEY, stream TEXT NOT NULL, event TEXT NOT NULL);
CREATE INDEX events_by_stream ON events (stream, lamport);
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), lamport INTEGER NOT NULL);
INSERT INTO clock VALUES (1, 0);
"""

_SEALED_AND_SNAPSHOTS = """
ALTER TABLE entries ADD COLUMN key_id TEXT;
ALTER TABLE nodes ADD COLUMN key_id TEXT;
ALTER TABLE events ADD COLUMN key_id TEXT;
ALTER TABLE clock ADD COLUMN key_id TEXT;
CREATE TABLE snapshots (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lamport INTEGER NOT NULL,
    label TEXT NOT NULL
);
CREATE TABLE snapshot_entries (
    snapshot TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    key_id TEXT,
    PRIMARY KEY (snapshot, key)
) WITHOUT ROWID;
CREATE TABLE snapshot_nodes (
    snapshot TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    version INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    key_id TEXT,
    PRIMARY KEY (snapshot, type, id)
) WITHOUT ROWID;
CREATE TABLE snapshot_edges (
    snapshot TEXT NOT NULL,
    place INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    PRIMARY KEY (snapshot, place)
) WITHOUT ROWID;
"""

_STRETCHES_AND_LINKS = f"""
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
CREATE TABLE links (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    UNIQUE (source, kind, target)
);
{INTO_LINKS};
{IN_THE_PLACE_OF_EDGES}
"""

MIGRATIONS: tuple[str, ...] = (_CREATE, _SEALED_AND_SNAPSHOTS, _STRETCHES_AND_LINKS)
"""Scripts in order: the script at index n takes a store of version n to version n + 1."""

VERSION = len(MIGRATIONS)
"""What this build writes, kept in `PRAGMA user_version`."""

APPLICATION_ID = 0x4D504C50
"""`MPLP` in ASCII, so that `file` and we know the file for ours."""


COMPANIONS = ("", "-wal", "-shm", "-journal")
"""The files that SQLite opens for one database."""


def database_uri(path: Path, mode: Literal["ro", "rw", "rwc"]) -> str:
    """How SQLite wants the name of a file with a mode; `rwc` alone makes a file that is not there.

    >>> database_uri(Path("/work/50 %?/state.db"), "rw")
    'file:///work/50%20%25%3F/state.db?mode=rw'
    """
    name = path.absolute().as_posix()
    # Not `as_uri`: a share of Windows would become an authority, which SQLite does not take.
    return f"file://{'' if name.startswith('/') else '/'}{quote(os.fsencode(name), safe='/:')}?mode={mode}"


def refuse_newer(path: Path) -> None:
    """Raises StoreTooNew for a store of a later version without touching the file or its journal.

    The header is read as bytes first: opening a database through SQLite may already fold its journal into it.
    `path` is absolute. Raises StoreError for what is no database, and for a symbolic link: a project must not
    lead us to write elsewhere.
    """
    try:
        for companion in COMPANIONS:
            each = Path(f"{path}{companion}")
            # One look, because a journal comes and goes beside others. SQLite would wait for whoever writes
            # into a named pipe.
            with suppress(FileNotFoundError):
                if not stat.S_ISREG(each.lstat().st_mode):
                    raise StoreError(
                        f"The state {each} is not a regular file; move it away, and a new one is made."
                    )
        with path.open("rb") as stream:
            header = stream.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"The state {path} cannot be read: {error.strerror}.") from error
    if header and not header.startswith(b"SQLite format 3\x00"):
        raise StoreError(f"The state {path} is not a database; move it away, and a new one is made.")
    _compare(path, int.from_bytes(header[60:64], "big"))
    if Path(f"{path}-wal").exists():
        _compare(path, _version_with_journal(path))


def _back_up(path: Path, target: Path) -> None:
    """Copies what is committed, from a connection of its own, while the caller keeps all writers out."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        # Made here with the mode of the original: SQLite would make it readable for more people.
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IMODE(path.stat().st_mode)))
        with closing(sqlite3.connect(database_uri(path, "rw"), uri=True)) as source:
            source.execute("PRAGMA query_only = ON")
            with closing(sqlite3.connect(database_uri(beside, "rw"), uri=True)) as copy:
                source.backup(copy)
        beside.replace(target)
    except OSError as error:
        raise StoreError(
            f"The backup {target} cannot be made: {error.strerror}. The state was left as it is."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _version_with_journal(path: Path) -> int:
    try:
        connection = sqlite3.connect(database_uri(path, "ro"), uri=True)
        try:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise store_error(error, path) from error


def _compare(path: Path, version: int) -> None:
    if version > VERSION:
        raise StoreTooNew(
            f"The state {path} was written by a newer mplp-lsp (version {version}; known: {VERSION}); "
            "it is left as it is. Use the newer mplp-lsp, or move the file away."
        )


def backup_of(path: Path, version: int) -> Path:
    """Where the store of an older version is kept when it becomes one of this version.

    >>> backup_of(Path("/p/.mplp/state.db"), 1).as_posix()
    '/p/.mplp/state.db.version-1.backup'
    """
    return path.with_name(f"{path.name}.version-{version}.backup")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings the store to VERSION in one transaction; several processes may try at the same time.

    An older store is copied beside itself first. Raises StoreError, with nothing changed, where that fails.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        _compare(path, version)
        if 0 < version < VERSION:
            _back_up(path, backup_of(path, version))
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
