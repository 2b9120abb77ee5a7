"""A state that is only looked at: what is read is what was committed, and nothing on disk changes."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mplp_runtime.errors import StoreError, StoreKeyWrong, StoreTooNew
from mplp_runtime.runtime import Runtime
from mplp_runtime.settings.model import State
from mplp_runtime.state_opening import open_state, open_state_to_read
from mplp_runtime.vsl import read_only
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer
from mplp_runtime.vsl.read_only import read_only_store
from mplp_runtime.vsl.schema import VERSION
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.vsl.test_migrations import EXPECTED, contents_of, copy_of, user_version

WRITES_AND_DIES = """
import os, sys
from pathlib import Path
from mplp_runtime.vsl.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.transact_sync(lambda transaction: transaction.set("answer", 42))
os._exit(9)
"""

LEAVES_A_JOURNAL = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
for number in range(200):
    connection.execute("INSERT INTO entries VALUES (?, ?, NULL)", (str(number), "1" * 4000))
os._exit(9)
"""


def on_disk(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with what is in it, and when it was written."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def answer(store: ValueStateLayer) -> object:
    return store.read(lambda reading: reading.get("answer"))


def written(path: Path, value: object) -> None:
    store = SqliteStore(path)
    store.transact_sync(lambda transaction: transaction.set("answer", value))
    store.close()


def left_by_a_killed_process(path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITES_AND_DIES, str(path)], check=False, timeout=60)
    assert Path(f"{path}-wal").stat().st_size > 0


def closed(path: Path) -> None:
    written(path, 42)


def killed(path: Path) -> None:
    left_by_a_killed_process(path)


def killed_without_its_index(path: Path) -> None:
    """As after a power cut, or in a copy of the folder that somebody made."""
    left_by_a_killed_process(path)
    Path(f"{path}-shm").unlink()


def killed_with_an_empty_log(path: Path) -> None:
    written(path, 42)
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").touch()


def kept_without_a_log(path: Path) -> None:
    store = SqliteStore(path, journal="delete")
    store.transact_sync(lambda transaction: transaction.set("answer", 42))
    store.close()


@pytest.mark.parametrize(
    "left", [closed, killed, killed_without_its_index, killed_with_an_empty_log, kept_without_a_log]
)
def test_a_state_is_read_and_stays_as_it_was_left(tmp_path: Path, left: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    left(path)
    before = on_disk(tmp_path)
    store = read_only_store(path)
    try:
        assert answer(store) == 42
        assert store.data_version() >= 0
        with pytest.raises(StoreError, match="only looked at, so nothing is kept in it"):
            store.transact_sync(lambda transaction: transaction.set("answer", 43))
    finally:
        store.close()
    assert on_disk(tmp_path) == before


def test_whoever_follows_a_state_that_is_only_looked_at_is_told_when_another_process_has_committed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    written(path, 1)
    looking = read_only_store(path)
    seen = [looking.data_version()]
    for value in (2, 3):
        written(path, value)
        seen.append(looking.data_version())
    looking.close()
    assert len(set(seen)) == 3, seen


READS: dict[str, Callable[[Reading], object]] = {
    "events": lambda reading: reading.events(),
    "nodes": lambda reading: [node.data for node in reading.nodes("Step")],
    "node": lambda reading: [found.data for found in [reading.read_node("Step", "s")] if found is not None],
    "time": lambda reading: reading.lamport(),
}


@pytest.mark.parametrize(
    ("damage", "damaged"),
    [
        ("UPDATE events SET count = 'many'", {"events"}),
        ("UPDATE events SET count = 2", {"events"}),
        ("UPDATE events SET event = x'00ff'", {"events"}),
        ("UPDATE events SET event = '[1]', count = 1", {"events"}),
        ("UPDATE nodes SET data = '[1]'", {"nodes", "node"}),
        ("UPDATE nodes SET data = x'00'", {"nodes", "node"}),
        ("DELETE FROM clock", {"time"}),
        ("UPDATE clock SET lamport = 'late'", {"time"}),
    ],
)
def test_what_no_store_has_written_is_told_as_damage_whoever_reads_it(
    tmp_path: Path, damage: str, damaged: set[str]
) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)

    def work(transaction: Transaction) -> None:
        transaction.create_node("Step", "s", {})
        for _ in range(3):
            transaction.append_event("project", {"event_family": "intent"})

    store.transact_sync(work)
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    looking = read_only_store(path)
    told = {}
    for name, read in READS.items():
        try:
            looking.read(read)
        except StoreError as error:
            told[name] = str(error)
    looking.close()
    assert told.keys() == damaged
    assert all("The state is damaged" in text for text in told.values())


def test_what_another_process_commits_meanwhile_is_seen_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    written(path, 1)
    looking = read_only_store(path)
    assert answer(looking) == 1
    writing = SqliteStore(path)
    try:
        for value in (2, 3):
            writing.transact_sync(lambda transaction, value=value: transaction.set("answer", value))
            assert answer(looking) == value
    finally:
        writing.close()
        assert answer(looking) == 3
        looking.close()


def test_a_look_during_which_the_state_was_written_is_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    written(path, 1)
    looking = read_only_store(path)
    values = iter([2])

    def work(reading: Reading) -> tuple[object, object]:
        first = reading.get("answer")
        for value in values:
            written(path, value)
        return first, looking.read(lambda inner: inner.get("answer"))

    try:
        assert looking.read(work) == (2, 2)
    finally:
        looking.close()


class Meanwhile:
    """The module `sqlite3`; something happens right before the state is first opened with its log."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens: Callable[[], None] | None = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, database: str, **options: Any) -> sqlite3.Connection:
        happens = self._happens
        if happens is not None and "readonly_shm" in str(database):
            self._happens = None
            happens()
        return sqlite3.connect(database, **options)


def test_a_look_while_a_writer_closes_the_state_is_taken_again_and_asks_for_no_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    writing = SqliteStore(path)
    writing.transact_sync(lambda transaction: transaction.set("answer", 42))
    monkeypatch.setattr(read_only, "sqlite3", Meanwhile(writing.close))
    looking = read_only_store(path)
    try:
        assert answer(looking) == 42
        assert not Path(f"{path}-shm").exists(), "the writer has gone in between"
    finally:
        looking.close()


def test_a_log_that_its_writer_takes_away_while_it_is_copied_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    killed_without_its_index(path)

    def copied(source: Path, target: Path) -> None:
        if source == path:
            SqliteStore(path).close()
        shutil.copyfile(source, target)

    monkeypatch.setattr(read_only, "shutil", SimpleNamespace(copyfile=copied))
    looking = read_only_store(path)
    try:
        assert answer(looking) == 42
    finally:
        looking.close()


def test_a_state_that_stays_half_way_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept_without_a_log(path)
    subprocess.run([sys.executable, "-c", LEAVES_A_JOURNAL, str(path)], check=False, timeout=60)
    before = on_disk(tmp_path)
    assert any(name.endswith("-journal") for name in before), "the journal is left"
    with pytest.raises(StoreError, match="was left half-way by a process"):
        read_only_store(path)
    assert on_disk(tmp_path) == before


@pytest.mark.parametrize("version", range(1, VERSION))
def test_the_state_of_an_older_version_is_read_as_it_would_be_after_its_migration(
    tmp_path: Path, version: int
) -> None:
    path = copy_of(version, tmp_path)
    before = on_disk(tmp_path)
    store = read_only_store(path)
    try:
        assert contents_of(store) == EXPECTED
    finally:
        store.close()
    assert user_version(path) == version
    assert on_disk(tmp_path) == before


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    written(path, 1)
    text = bytearray(path.read_bytes())
    text[60:64] = (VERSION + 1).to_bytes(4, "big")
    path.write_bytes(text)
    before = on_disk(tmp_path)
    with pytest.raises(StoreTooNew, match=f"by a newer mplp-lsp .version {VERSION + 1}"):
        read_only_store(path)
    assert on_disk(tmp_path) == before


def test_what_is_no_state_is_refused_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="is not a database"):
        read_only_store(tmp_path / "text.db")
    written(tmp_path / "elsewhere.db", 1)
    (tmp_path / "state.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError, match="is a symbolic link"):
        read_only_store(tmp_path / "state.db")
    with pytest.raises(StoreError, match="is not a regular file"):
        read_only_store(tmp_path)


def test_an_encrypted_state_is_read_with_an_older_key_and_not_encrypted_anew(tmp_path: Path) -> None:
    old, new, other = (character * 64 for character in "abc")
    settings = State(encryption_key_env="KEYS")
    store, _ = open_state(tmp_path, settings, {"KEYS": old})
    store.transact_sync(lambda transaction: transaction.set("answer", 42))
    store.close()
    before = on_disk(tmp_path)
    looking, _ = open_state_to_read(tmp_path, settings, {"KEYS": f"{new},{old}"})
    assert answer(looking) == 42
    looking.close()
    with pytest.raises(StoreKeyWrong, match="is encrypted with the key"):
        open_state_to_read(tmp_path, settings, {"KEYS": other})
    with pytest.raises(StoreKeyWrong, match="name that key"):
        open_state_to_read(tmp_path, State(), {})
    assert on_disk(tmp_path) == before


async def test_a_runtime_that_only_looks_makes_no_state_and_changes_none(tmp_path: Path) -> None:
    (tmp_path / "mplp.toml").write_text("", encoding="utf-8")
    async with Runtime.open(tmp_path, read_only=True) as nothing_there:
        assert list(nothing_there.runs.all()) == []
        with pytest.raises(StoreError, match="only looked at"):
            await nothing_there.take_snapshot()
    assert not (tmp_path / ".mplp").exists()
    async with Runtime.open(tmp_path) as runtime:
        kept = await runtime.take_snapshot("before")
    shutil.rmtree(tmp_path / ".mplp" / "traces", ignore_errors=True)
    before = on_disk(tmp_path)
    async with Runtime.open(tmp_path, read_only=True) as looking:
        assert [each.label for each in looking.snapshots.all()] == ["before"]
        with pytest.raises(StoreError, match="only looked at"):
            await looking.restore_snapshot(kept.snapshot_id)
    assert on_disk(tmp_path) == before
