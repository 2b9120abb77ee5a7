"""Stores of every version there was open, with all that is in them; what they were stays beside them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import Edge, ValueStateLayer
from mplp_runtime.vsl.schema import VERSION, backup_of
from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check

STORED = Path(__file__).parent / "stored"
VERSIONS = range(1, VERSION + 1)


def copy_of(version: int, folder: Path) -> Path:
    path = folder / "state.db"
    shutil.copyfile(STORED / f"version-{version}.db", path)
    return path


def user_version(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[60:64], "big")


def contents(path: Path) -> object:
    store = SqliteStore(path)
    try:
        return contents_of(store)
    finally:
        store.close()


def contents_of(store: ValueStateLayer) -> object:
    """All that the kept states have, in the form of EXPECTED."""
    return store.read(
        lambda reading: (
            {key: reading.get(key) for key in reading.keys()},  # noqa: SIM118 - no mapping
            [
                (node.id, dict(node.data), node.version, node.deleted)
                for node in reading.nodes("Step", deleted=True)
            ],
            [(node.id, dict(node.data), node.version) for node in reading.nodes("Plan")],
            reading.edges(),
            [(row.lamport, row.stream, dict(row.event)) for row in reading.events()],
            reading.lamport(),
        )
    )


EXPECTED = (
    {"run_generation/p": 2, "text": "ä\U0001f600 cut \ud83d here"},
    [
        ("a", {"step_id": "a", "status": "pending"}, 1, False),
        ("b", {"step_id": "b", "status": "completed"}, 2, False),
        ("c", {"step_id": "c", "status": "pending"}, 2, True),
    ],
    [("p", {"plan_id": "p", "status": "approved"}, 1)],
    [Edge("dependency", "Step", "b", "Step", "a"), Edge("plan", "Step", "a", "Plan", "p")],
    [
        (
            1,
            "project",
            {
                "event_id": "e1",
                "event_type": "plan_created",
                "event_family": "graph_update",
                "lamport_timestamp": 1,
            },
        ),
        (
            2,
            "run",
            {
                "event_id": "e2",
                "event_type": "SAInitialized",
                "sa_id": "s",
                "payload": {"lamport_timestamp": 2},
            },
        ),
    ],
    2,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_each_version_is_kept_and_says_which_it_is(version: int) -> None:
    assert user_version(STORED / f"version-{version}.db") == version


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_each_version_opens_with_all_that_is_in_it(tmp_path: Path, version: int) -> None:
    path = copy_of(version, tmp_path)
    assert contents(path) == EXPECTED
    assert user_version(path) == VERSION
    assert integrity_check(path) == []


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_store_that_is_brought_up_stays_beside_itself_as_it_was(tmp_path: Path, version: int) -> None:
    path = copy_of(version, tmp_path)
    path.chmod(0o600)
    contents(path)
    backup = backup_of(path, version)
    assert user_version(backup) == version
    assert backup.stat().st_mode & 0o777 == 0o600, "the backup is open to nobody the state was not open to"
    tables = "SELECT name FROM sqlite_master ORDER BY name"
    for query in (tables, "SELECT * FROM entries", "SELECT * FROM nodes", "SELECT * FROM events"):
        kept, was = (sqlite3.connect(file) for file in (backup, STORED / f"version-{version}.db"))
        assert kept.execute(query).fetchall() == was.execute(query).fetchall()
        kept.close()
        was.close()
    assert {file.name for file in tmp_path.iterdir()} <= {
        path.name,
        f"{path.name}-wal",
        f"{path.name}-shm",
        backup.name,
    }


def test_a_store_of_this_version_needs_no_backup(tmp_path: Path) -> None:
    path = copy_of(VERSION, tmp_path)
    contents(path)
    assert not list(tmp_path.glob("*.backup"))


def test_without_a_backup_nothing_is_changed(tmp_path: Path) -> None:
    path = copy_of(1, tmp_path)
    backup_of(path, 1).mkdir()
    (backup_of(path, 1) / "file").write_text("")
    with pytest.raises(StoreError, match="backup"):
        SqliteStore(path)
    assert user_version(path) == 1
    connection = sqlite3.connect(path)
    assert "key_id" not in [row[1] for row in connection.execute("PRAGMA table_info(entries)")]
    connection.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mplp_runtime.vsl import schema

    path = copy_of(1, tmp_path)
    before = contents_of_all_tables(path)
    broken = (schema.MIGRATIONS[0], f"{schema.MIGRATIONS[1]};\nINSERT INTO no_such_table VALUES (1)")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(StoreError):
        SqliteStore(path)
    assert user_version(path) == 1
    assert contents_of_all_tables(path) == before


def contents_of_all_tables(path: Path) -> dict[str, list[object]]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608
    connection.close()
    return found


def test_several_processes_may_bring_a_store_up_at_the_same_time(tmp_path: Path) -> None:
    path = copy_of(1, tmp_path)
    code = (
        "import sys; from pathlib import Path; from mplp_runtime.vsl.sqlite import SqliteStore; "
        "store = SqliteStore(Path(sys.argv[1])); "
        "store.transact_sync(lambda tx: tx.set('count', (tx.get('count') or 0) + 1)); store.close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert user_version(path) == VERSION
    store = SqliteStore(path)
    assert store.read(lambda reading: (reading.get("count"), reading.lamport())) == (3, 2)
    store.close()
    assert user_version(backup_of(path, 1)) == 1


async def test_the_version_of_what_is_stored_is_answered_as_the_seed_asks(tmp_path: Path) -> None:
    store = SqliteStore(copy_of(1, tmp_path))
    assert await store.get("psg_schema_version") == "1.1.0"
    with pytest.raises(StoreError, match="only a migration"):
        await store.set("psg_schema_version", "9.9.9")
    assert await store.get("psg_schema_version") == "1.1.0"
    store.close()
