"""Files that cannot be opened or written: one sentence for the user, and nothing acknowledged."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Literal

import pytest

from mplp_runtime.errors import StoreError, StoreLocked, StoreTooNew
from mplp_runtime.vsl.filesystems import supports_write_ahead_log
from mplp_runtime.vsl.schema import VERSION
from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check
from mplp_runtime.vsl.values import StoreLimits


def make_newer(path: Path, *, only_in_journal: bool) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    if only_in_journal:
        # A copy taken while the writer lives is what a killed writer leaves behind.
        files = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
        connection.close()
        for name, content in files.items():
            Path(f"{path}{name}").write_bytes(content)
    else:
        connection.close()


@pytest.mark.parametrize("only_in_journal", [False, True])
def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    tmp_path: Path, only_in_journal: bool
) -> None:
    path = tmp_path / "state.db"
    make_newer(path, only_in_journal=only_in_journal)
    before = path.read_bytes()
    assert int.from_bytes(before[60:64], "big") == VERSION + (not only_in_journal)
    with pytest.raises(StoreTooNew, match="newer mplp-lsp"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"notes of a person\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"notes")


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        SqliteStore(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".mplp").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        SqliteStore(tmp_path / ".mplp" / "state.db")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path, elsewhere = tmp_path / "state.db", tmp_path / "elsewhere.db"
    if kind == "link":
        path.symlink_to(elsewhere)
    else:
        os.mkfifo(path)
    with pytest.raises(StoreError, match="not a regular file"):
        SqliteStore(path)
    assert not elsewhere.exists(), "a link out of the project is not followed"


def test_a_damaged_file_beside_a_journal_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\0" * 84 + b"x" * 4000)
    (tmp_path / "state.db-wal").write_bytes(b"left behind")
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)


def test_a_relative_path_means_the_folder_it_was_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = SqliteStore(Path("state.db"))
    first.transact_sync(lambda transaction: transaction.set("key", 1))
    second = SqliteStore(Path("state.db"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for store in (first, second):
        assert store.read(lambda reading: reading.get("key")) == 1
        store.close()
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize("name", ["50 %?#", "ключ", "\udcff"])
def test_odd_folder_names_do_no_harm(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "state.db"
    store = SqliteStore(path)
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    assert store.read(lambda reading: reading.get("key")) == 1
    store.close()
    assert path.exists()
    assert integrity_check(path) == []


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_once_the_file_was_taken_away(
    tmp_path: Path, journal: Literal["wal", "delete"], replaced: bool
) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, journal=journal)
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(StoreError, match="cannot be opened"):
        store.read(lambda reading: reading.get("key"))
    assert not path.exists(), "reading makes no file"
    if replaced:
        SqliteStore(path, journal=journal).close()
    if journal == "wal" or not replaced:
        with pytest.raises(StoreError, match="replaced" if replaced else "removed"):
            store.transact_sync(lambda transaction: transaction.set("key", 2))
    store.close()


def test_a_store_held_by_another_writer_is_reported_as_locked(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, busy_timeout_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="another process"):
        store.transact_sync(lambda transaction: transaction.set("key", 1))
    other.execute("ROLLBACK")
    store.transact_sync(lambda transaction: transaction.set("key", 2))
    assert store.read(lambda reading: reading.get("key")) == 2
    other.close()
    store.close()


async def test_a_full_disk_acknowledges_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, limits=StoreLimits(file_bytes=256 * 1024))
    acknowledged: list[int] = []

    async def write(number: int) -> None:
        await store.set(f"key/{number:04}", "x" * 4000)
        acknowledged.append(number)

    results = await asyncio.gather(*[write(number) for number in range(200)], return_exceptions=True)
    for number in range(200, 210):
        results += await asyncio.gather(write(number), return_exceptions=True)
    errors = [result for result in results if result is not None]
    assert errors
    assert all(isinstance(error, StoreError) and "full" in str(error) for error in errors)
    store.close()
    assert integrity_check(path) == []
    again = SqliteStore(path)
    assert again.read(lambda reading: reading.keys()) == [
        f"key/{number:04}" for number in sorted(acknowledged)
    ]
    again.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a place where not even root may write")
def test_a_folder_where_nobody_may_write_is_reported() -> None:
    with pytest.raises(StoreError, match="cannot be made"):
        SqliteStore(Path("/proc/project/.mplp/state.db"))


def test_a_file_that_became_read_only_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    # What SQLite reports on a read-only file system, also when the tests run as root.
    store._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only"):
        store.transact_sync(lambda transaction: transaction.set("key", 2))
    assert store.read(lambda reading: reading.get("key")) == 1
    store.close()


def test_a_value_over_the_limit_is_refused_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db", limits=StoreLimits(value_bytes=100))
    store.transact_sync(lambda transaction: transaction.set("small", 1))
    with pytest.raises(StoreError, match="limit is 100"):
        store.transact_sync(lambda transaction: transaction.set("large", "x" * 101))
    assert store.read(lambda reading: reading.keys()) == ["small"]
    store.close()


async def test_more_callers_than_fit_into_the_queue_are_all_served(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db", limits=StoreLimits(pending=4, batch=2))
    await asyncio.gather(*[store.set(f"{number}", number) for number in range(60)])
    assert len(store.read(lambda reading: reading.keys())) == 60
    store.close()


async def test_a_caller_that_gave_up_before_its_turn_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db", busy_timeout_s=5)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = asyncio.create_task(store.set("first", 1))
    await asyncio.sleep(0)
    while store._thread._waiting.qsize():
        await asyncio.sleep(0.001)
    given_up = asyncio.create_task(store.set("given up", 1))
    await asyncio.sleep(0)
    given_up.cancel()
    other.execute("ROLLBACK")
    await first
    await store.set("last", 1)
    assert store.read(lambda reading: reading.keys()) == ["first", "last"]
    other.close()
    store.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_question_for_changes_of_others_does_not_wait_behind_a_writer_that_waits_for_a_lock(
    tmp_path: Path, journal: Literal["wal", "delete"]
) -> None:
    store = SqliteStore(tmp_path / "state.db", busy_timeout_s=600, journal=journal)
    before = store.data_version()
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writing = asyncio.create_task(store.set("key", 1))
    await asyncio.sleep(0)
    while store._thread._waiting.qsize():
        await asyncio.sleep(0.001)
    # With SQLite's own wait each of these would take the ten minutes.
    assert {store.data_version() for _ in range(100)} == {before}
    other.execute("ROLLBACK")
    await writing
    other.execute("UPDATE clock SET lamport = lamport + 1")
    assert store.data_version() != before
    other.close()
    store.close()


async def test_a_write_that_waits_for_a_lock_does_not_fail_because_somebody_asks_for_changes_meanwhile(
    tmp_path: Path,
) -> None:
    """Seen as "no more rows available", and as a full disk: the outcome of the question was told instead."""
    store = SqliteStore(tmp_path / "state.db", busy_timeout_s=600)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    for number in range(40):
        other.execute("BEGIN EXCLUSIVE")
        writing = asyncio.create_task(store.set(f"key {number}", number))
        await asyncio.sleep(0)
        for _ in range(300):
            store.data_version()
        other.execute("ROLLBACK")
        while not writing.done():
            store.data_version()
            await asyncio.sleep(0)
        await writing
    assert store.read(lambda reading: [reading.get(f"key {n}") for n in range(40)]) == list(range(40))
    other.close()
    store.close()


async def test_a_state_that_stays_locked_closes_at_once_when_nobody_waits_for_it_any_more(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "state.db", busy_timeout_s=600)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.set("key", 1))
    await asyncio.sleep(0)
    while store._thread._waiting.qsize():
        await asyncio.sleep(0.001)
    writing.cancel()
    await asyncio.wait({writing})
    store.close()
    other.execute("ROLLBACK")
    assert other.execute("SELECT count(*) FROM entries").fetchone() == (0,)
    other.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_commit_waits_until_whoever_reads_has_read(
    tmp_path: Path, journal: Literal["wal", "delete"]
) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, busy_timeout_s=600, journal=journal)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN")
    other.execute("SELECT * FROM clock").fetchone()
    reading = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    reading.start()
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    reading.join()
    assert store.read(lambda reading: reading.get("key")) == 1
    other.close()
    store.close()


def test_closing_writes_what_is_waiting(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    async def write_and_close() -> None:
        store = SqliteStore(path)
        tasks = [asyncio.create_task(store.set(f"{number}", number)) for number in range(100)]
        await asyncio.sleep(0)
        await asyncio.to_thread(store.close)
        await asyncio.gather(*tasks)

    asyncio.run(write_and_close())
    store = SqliteStore(path)
    assert len(store.read(lambda reading: reading.keys())) == 100
    store.close()


def test_an_unfinished_read_sees_one_moment(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.transact_sync(lambda transaction: transaction.set("key", "before"))

    def read_twice(reading: object) -> tuple[object, object]:
        first = reading.get("key")  # type: ignore[attr-defined]
        writer = threading.Thread(
            target=lambda: store.transact_sync(lambda transaction: transaction.set("key", "after"))
        )
        writer.start()
        writer.join()
        return first, reading.get("key")  # type: ignore[attr-defined]

    assert store.read(read_twice) == ("before", "before")
    assert store.read(lambda reading: reading.get("key")) == "after"
    store.close()


def test_a_name_that_no_file_can_hold_is_refused_in_words(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    with pytest.raises(StoreError, match="half of a surrogate pair"):
        store.transact_sync(lambda transaction: transaction.set("odd\udcff", 1))
    with pytest.raises(StoreError, match="half of a surrogate pair"):
        store.read(lambda reading: reading.get("odd\udcff"))
    store.transact_sync(lambda transaction: transaction.set("even", 2))
    assert store.read(lambda reading: reading.keys()) == ["even"]
    store.close()


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    for number in range(50):
        store.transact_sync(lambda tx, number=number: tx.write_node("Step", str(number), {"x": "y" * 500}))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 3 + 400] = b"\xff" * 400
    path.write_bytes(content)
    try:
        problems = integrity_check(path)
    except StoreError as error:
        problems = [str(error)]
    assert problems


def test_network_folders_are_known_by_their_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "21 20 0:30 / /mnt/my\\040share rw - nfs4 server:/export rw\n"
        "22 21 8:2 / /mnt/my\\040share/disk rw - xfs /dev/sdb1 rw\n"
        "a line that is cut\n"
    )
    assert supports_write_ahead_log(Path("/srv/project"), mounts)
    assert not supports_write_ahead_log(Path("/mnt/my share/project/.mplp"), mounts)
    assert supports_write_ahead_log(Path("/mnt/my share/disk/project"), mounts)
    assert supports_write_ahead_log(Path("/mnt/my share/x"), tmp_path / "no such file")


def test_many_may_open_a_new_store_at_the_same_moment(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for attempt in range(5):
        path = tmp_path / str(attempt) / "state.db"
        with ThreadPoolExecutor(8) as pool:
            stores = list(pool.map(lambda _, path=path: SqliteStore(path), range(8)))
            list(pool.map(lambda store: store.transact_sync(lambda tx: tx.append_event("s", {})), stores))
        assert stores[0].read(lambda reading: reading.lamport()) == 8
        for store in stores:
            store.close()


def test_a_store_whose_tables_are_gone_answers_its_callers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    other = sqlite3.connect(tmp_path / "state.db")
    other.execute("DELETE FROM clock")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="The state is damaged"):
        store.transact_sync(lambda transaction: transaction.set("key", 1))
    store.close()


def test_the_journal_is_the_one_asked_for(tmp_path: Path) -> None:
    for journal in ("wal", "delete"):
        store = SqliteStore(tmp_path / f"{journal}.db", journal=journal)  # type: ignore[arg-type]
        assert store._writer.execute("PRAGMA journal_mode").fetchone()[0] == journal
        level = store._writer.execute("PRAGMA synchronous").fetchone()[0]
        assert level == (2 if journal == "wal" else 3), "a commit survives power loss"
        assert store._writer.execute("PRAGMA fullfsync").fetchone()[0] == 1
        store.close()
