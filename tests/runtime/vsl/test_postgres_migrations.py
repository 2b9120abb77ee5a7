"""States in PostgreSQL of every version there was; what they were stays beside them, in another schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from mplp_runtime.errors import StoreError, StoreTooNew
from mplp_runtime.vsl import postgres_schema
from mplp_runtime.vsl.postgres import PostgresStore
from mplp_runtime.vsl.postgres_schema import FIRST_VERSION, backup_schema
from mplp_runtime.vsl.schema import VERSION
from tests.runtime.vsl.postgres_server import Server
from tests.runtime.vsl.test_migrations import EXPECTED, contents_of

STORED = Path(__file__).parent / "stored"
VERSIONS = range(FIRST_VERSION, VERSION + 1)
NEXT = "ALTER TABLE entries ADD COLUMN note TEXT; ALTER TABLE snapshot_entries ADD COLUMN note TEXT"
OLD = FIRST_VERSION
NEW = VERSION + 1


@pytest.fixture
def admin(address: Callable[[], str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def a_newer_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """This code as it is after one more migration."""
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*postgres_schema.MIGRATIONS, NEXT))
    monkeypatch.setattr(postgres_schema, "VERSION", NEW)


def load(admin: psycopg.Connection, version: int) -> str:
    """Brings the state that is kept of a version into a fresh schema; returns its name."""
    schema = f"t_{uuid4().hex}"
    text = (STORED / f"postgres-version-{version}.sql").read_text(encoding="utf-8")
    admin.execute(text.replace("stored.", f"{schema}.").replace("SCHEMA stored", f"SCHEMA {schema}").encode())
    return schema


def version_of(admin: psycopg.Connection, schema: str) -> int:
    [version] = admin.execute(f'SELECT schema_version FROM "{schema}".clock').fetchone() or (0,)  # noqa: S608
    return int(version)


def columns(admin: psycopg.Connection, schema: str) -> list[tuple[object, ...]]:
    """The tables of a schema: names, types, collations, defaults and keys."""
    found = admin.execute(
        "SELECT table_name, column_name, data_type, is_nullable, collation_name,"
        " replace(column_default, %s, '') FROM information_schema.columns WHERE table_schema = %s"
        " UNION ALL SELECT tablename, replace(indexdef, %s, ''), '', '', '', '' FROM pg_indexes"
        " WHERE schemaname = %s",
        (f"{schema}.", schema, f"{schema}.", schema),
    )
    return sorted(found.fetchall(), key=str)


def rows(admin: psycopg.Connection, schema: str) -> dict[str, list[tuple[object, ...]]]:
    tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
    return {
        str(table): sorted(admin.execute(f'SELECT * FROM "{schema}".{table}').fetchall(), key=str)  # noqa: S608
        for (table,) in tables
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_state_of_each_version_opens_with_all_that_is_in_it(
    postgres: Server, admin: psycopg.Connection, version: int
) -> None:
    schema = load(admin, version)
    assert version_of(admin, schema) == version
    store = PostgresStore(postgres.address, schema)
    assert contents_of(store) == EXPECTED
    assert [each.label for each in store.read(lambda reading: reading.snapshots())] == ["before"]
    store.transact_sync(lambda transaction: transaction.create_node("Step", "d", {"step_id": "d"}))
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step"))] == ["a", "b", "d"]
    store.close()
    assert version_of(admin, schema) == VERSION


@pytest.mark.usefixtures("a_newer_build")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_state_that_is_brought_up_stays_beside_itself_and_the_older_build_can_open_it(
    postgres: Server, admin: psycopg.Connection, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = load(admin, version)
    before = rows(admin, schema)
    PostgresStore(postgres.address, schema).close()
    assert version_of(admin, schema) == NEW
    kept = backup_schema(schema, version)
    assert rows(admin, kept) == before
    monkeypatch.undo()
    store = PostgresStore(postgres.address, kept)
    assert contents_of(store) == EXPECTED
    store.transact_sync(lambda transaction: transaction.create_node("Step", "d", {"step_id": "d"}))
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step"))] == ["a", "b", "d"]
    store.close()
    PostgresStore(postgres.address, fresh := f"t_{uuid4().hex}").close()
    assert columns(admin, kept) == columns(admin, fresh)


@pytest.mark.usefixtures("a_newer_build")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_state_that_was_brought_up_has_the_tables_of_a_new_one(
    postgres: Server, admin: psycopg.Connection, version: int
) -> None:
    schema = load(admin, version)
    PostgresStore(postgres.address, schema).close()
    PostgresStore(postgres.address, fresh := f"t_{uuid4().hex}").close()
    assert columns(admin, schema) == columns(admin, fresh)
    assert ("entries", "note") in [(table, column) for table, column, *_ in columns(admin, schema)]


def test_a_migration_that_fails_leaves_everything_as_it_was(
    postgres: Server, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = load(admin, OLD)
    before = rows(admin, schema), columns(admin, schema)
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (NEXT + "; DROP TABLE no_such_table",))
    monkeypatch.setattr(postgres_schema, "VERSION", OLD + 1)
    with pytest.raises(StoreError, match="no_such_table"):
        PostgresStore(postgres.address, schema)
    assert (rows(admin, schema), columns(admin, schema)) == before
    assert rows(admin, backup_schema(schema, OLD)) == {}


@pytest.mark.usefixtures("a_newer_build")
def test_without_a_place_for_the_copy_nothing_is_changed(postgres: Server, admin: psycopg.Connection) -> None:
    schema = load(admin, OLD)
    before = rows(admin, schema), columns(admin, schema)
    admin.execute(f'CREATE SCHEMA "{backup_schema(schema, OLD)}"')
    with pytest.raises(StoreError, match=r"cannot be copied .* already exists\. It was left as it is"):
        PostgresStore(postgres.address, schema)
    assert (rows(admin, schema), columns(admin, schema)) == before


@pytest.mark.usefixtures("a_newer_build")
def test_several_may_bring_a_state_up_at_the_same_time(postgres: Server, admin: psycopg.Connection) -> None:
    schema = load(admin, OLD)
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: PostgresStore(postgres.address, schema), range(4)))
    assert version_of(admin, schema) == NEW
    assert contents_of(stores[0]) == EXPECTED
    for store in stores:
        store.close()


def test_a_state_of_a_newer_version_is_refused_untouched(postgres: Server, admin: psycopg.Connection) -> None:
    schema = load(admin, OLD)
    admin.execute(f'UPDATE "{schema}".clock SET schema_version = {NEW}')  # noqa: S608
    before = rows(admin, schema), columns(admin, schema)
    with pytest.raises(StoreTooNew, match=f"version {NEW}; known: {VERSION}"):
        PostgresStore(postgres.address, schema)
    assert (rows(admin, schema), columns(admin, schema)) == before


def test_the_name_of_a_copy_fits_into_what_postgresql_takes() -> None:
    assert len(backup_schema("s" * 63, 12).encode()) == 63
