"""The tables of a state in PostgreSQL, in a schema of the project's own."""

from __future__ import annotations

import psycopg
from psycopg import sql

from mplp_runtime.errors import StoreError, StoreTooNew
from mplp_runtime.vsl.schema import VERSION
from mplp_runtime.vsl.sql_edges import IN_THE_PLACE_OF_EDGES, INTO_LINKS

FIRST_VERSION = 2
"""States in PostgreSQL began with what a state in SQLite is after its second migration."""

_CREATE = """
CREATE TABLE entries (key TEXT COLLATE "C" NOT NULL PRIMARY KEY, value TEXT NOT NULL, key_id TEXT);
CREATE TABLE nodes (
    place BIGSERIAL PRIMARY KEY,
    type TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    data TEXT NOT NULL,
    version BIGINT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    key_id TEXT,
    UNIQUE (type, id)
);
CREATE TABLE edges (
    place BIGSERIAL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    source_type TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL,
    target_id TEXT COLLATE "C" NOT NULL,
    UNIQUE (source_type, source_id, kind, target_type, target_id)
);
CREATE INDEX edges_by_target ON edges (target_type, target_id, kind);
CREATE TABLE events (
    lamport BIGINT PRIMARY KEY,
    stream TEXT COLLATE "C" NOT NULL,
    event TEXT NOT NULL,
    key_id TEXT
);
CREATE INDEX events_by_stream ON events (stream, lamport);
CREATE TABLE snapshots (
    place BIGSERIAL PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    lamport BIGINT NOT NULL,
    label TEXT NOT NULL
);
CREATE TABLE snapshot_entries (
    snapshot TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    key_id TEXT,
    PRIMARY KEY (snapshot, key)
);
CREATE TABLE snapshot_nodes (
    snapshot TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    data TEXT NOT NULL,
    version BIGINT NOT NULL,
    deleted INTEGER NOT NULL,
    key_id TEXT,
    PRIMARY KEY (snapshot, type, id)
);
CREATE TABLE snapshot_edges (
    snapshot TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    source_type TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL,
    target_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (snapshot, place)
);
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    lamport BIGINT NOT NULL,
    key_id TEXT,
    commits BIGINT NOT NULL,
    schema_version INTEGER NOT NULL
);
INSERT INTO clock VALUES (1, 0, NULL, 0, 2)
"""

_STRETCHES_AND_LINKS = f"""
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
CREATE TABLE links (
    place BIGSERIAL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    source BIGINT NOT NULL,
    target BIGINT NOT NULL,
    UNIQUE (source, kind, target)
);
{INTO_LINKS};
SELECT setval('links_place_seq', max(place)) FROM links;
{IN_THE_PLACE_OF_EDGES}
"""  # noqa: S608

MIGRATIONS: tuple[str, ...] = (_STRETCHES_AND_LINKS,)
"""Scripts in order: the one at index n takes a state of version FIRST_VERSION + n one further."""

_LONGEST_NAME = 63
"""PostgreSQL cuts longer names."""


def use_schema(connection: psycopg.Connection, schema: str) -> None:
    """Has all names mean those of the project's schema."""
    connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))


def prepare(connection: psycopg.Connection, schema: str, name: str) -> None:
    """Makes the schema, or brings it to VERSION, in one transaction; several processes may try at once.

    An older one is copied to a schema beside it first, which the older mplp-lsp can open. Raises StoreTooNew,
    with nothing changed, for one that a newer version wrote, and StoreError where it cannot be copied.
    """
    with connection.transaction():
        # Held until the transaction ends; CREATE SCHEMA IF NOT EXISTS alone fails when two do it at once.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('mplp-lsp'), hashtext(%s))", (schema,))
        found = connection.execute("SELECT to_regclass(%s)", (f'"{schema}".clock',)).fetchone()
        if found is None or found[0] is None:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
            use_schema(connection, schema)
            _build(connection, VERSION)
        use_schema(connection, schema)
        [version] = connection.execute("SELECT schema_version FROM clock").fetchone() or (0,)
        if version > VERSION:
            raise StoreTooNew(
                f"{name} was written by a newer mplp-lsp (version {version}; known: {VERSION}); "
                "it is left as it is. Use the newer mplp-lsp."
            )
        if version < VERSION:
            # Nobody writes until this is over.
            connection.execute("SELECT 1 FROM clock FOR UPDATE")
            _back_up(connection, schema, version, name)
            use_schema(connection, schema)
            for script in MIGRATIONS[version - FIRST_VERSION :]:
                connection.execute(script.encode())
        # Also where nothing changes: who may not write is told now.
        connection.execute(
            "UPDATE clock SET schema_version = %s WHERE schema_version <> %s", (VERSION, VERSION)
        )


def backup_schema(schema: str, version: int) -> str:
    """Where the state of an older version is kept when it becomes one of this version.

    >>> backup_schema("mplp_web_shop_913beb33", 2)
    'mplp_web_shop_913beb33_version_2_backup'
    """
    ending = f"_version_{version}_backup"
    return f"{schema[: _LONGEST_NAME - len(ending)]}{ending}"


def _build(connection: psycopg.Connection, version: int) -> None:
    """Makes the tables of a version, empty, where names lead now."""
    for script in (_CREATE, *MIGRATIONS[: version - FIRST_VERSION]):
        connection.execute(script.encode())
    connection.execute("UPDATE clock SET schema_version = %s", (version,))


def _back_up(connection: psycopg.Connection, schema: str, version: int, name: str) -> None:
    target = backup_schema(schema, version)
    here, there = sql.Identifier(schema), sql.Identifier(target)
    try:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(there))
        use_schema(connection, target)
        _build(connection, version)
        connection.execute("DELETE FROM clock")
        for table, serial in _tables(connection, target):
            one = sql.Identifier(table)
            copy = sql.SQL("INSERT INTO {there}.{table} SELECT * FROM {here}.{table}")
            connection.execute(copy.format(there=there, here=here, table=one))
            if serial is not None:
                rise = sql.SQL("SELECT setval({serial}, max({column})) FROM {there}.{table}").format(
                    serial=sql.Literal(serial), column=sql.Identifier("place"), there=there, table=one
                )
                connection.execute(rise)
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise StoreError(
            f"{name} is of version {version}, and cannot be copied to the schema {target} before it becomes "
            f"one of version {VERSION}: {reason}. It was left as it is."
        ) from error


def _tables(connection: psycopg.Connection, schema: str) -> list[tuple[str, str | None]]:
    """Each table, and the sequence that counts its rows where it has one."""
    rows = connection.execute(
        "SELECT tablename, (SELECT pg_get_serial_sequence("
        " format('%%I.%%I', schemaname, tablename), column_name) FROM information_schema.columns"
        " WHERE table_schema = schemaname AND table_name = tablename AND column_name = 'place')"
        " FROM pg_tables WHERE schemaname = %s ORDER BY tablename",
        (schema,),
    )
    return [(str(table), serial) for table, serial in rows.fetchall()]
