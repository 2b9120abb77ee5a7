"""Room in the write-ahead log: a commit seldom makes the file longer, and nothing is lost by that."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

from mplp_runtime.vsl.journal_room import JournalRoom
from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check

_ROOM_LIMIT = 4000 * 4096


def log_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def test_of_a_hundred_small_commits_few_make_the_log_longer(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, journal="wal")
    sizes = set()
    for number in range(100):
        store.transact_sync(lambda transaction, number=number: transaction.set(f"key {number}", "x" * 3_000))
        sizes.add(log_bytes(path))
    assert len(sizes) < 10
    store.close()
    assert integrity_check(path) == []


def test_the_room_ends_where_the_log_is_folded_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, journal="wal")
    for number in range(12):
        store.transact_sync(
            lambda transaction, number=number: transaction.set(f"key {number}", "x" * 2_000_000)
        )
    assert log_bytes(path) < 2 * _ROOM_LIMIT
    store.close()
    assert not Path(f"{path}-wal").exists()


def test_what_was_committed_before_a_kill_is_there_whatever_stands_behind_it_in_the_log(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from mplp_runtime.vsl.sqlite import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]), journal='wal')\n"
        "for number in range(30):\n"
        "    store.transact_sync(lambda transaction: transaction.set(f'key {number}', number))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = Path(f"{path}-wal").read_bytes()
    assert not any(left[-4096:]), "room was made that nobody has used"
    store = SqliteStore(path, journal="wal")
    assert [store.read(lambda reading, n=n: reading.get(f"key {n}")) for n in range(30)] == list(range(30))
    store.close()
    assert integrity_check(path) == []


def test_two_writers_of_one_state_make_room_in_turns_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    one, other = SqliteStore(path, journal="wal"), SqliteStore(path, journal="wal")
    for number in range(200):
        store = (one, other)[number % 2]
        store.transact_sync(lambda transaction, number=number: transaction.set(f"key {number}", "x" * 3_000))
    assert all(one.read(lambda reading, n=n: reading.get(f"key {n}")) for n in range(200))
    assert log_bytes(path) <= _ROOM_LIMIT
    one.close()
    other.close()
    assert integrity_check(path) == []


def test_where_another_process_has_made_room_already_there_is_enough(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    log = Path(f"{database}-wal")
    log.write_bytes(b"x" * 1000 + bytes(5000))
    JournalRoom(database, _ROOM_LIMIT).make()
    assert log.stat().st_size == 6000


def test_where_no_room_can_be_had_the_log_stays_as_it_was_and_commits_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path, journal="wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    store.transact_sync(lambda transaction: transaction.set("first", 1))
    before = log_bytes(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 100_000, hard))
    try:
        store.transact_sync(lambda transaction: transaction.set("second", 2))
        after = log_bytes(path)
        store.transact_sync(lambda transaction: transaction.set("third", 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert after < before + 100_000
    assert store.read(lambda reading: reading.get("third")) == 3
    store.close()
    assert integrity_check(path) == []


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    database = tmp_path / "state.db"
    Path(f"{database}-wal").symlink_to(elsewhere)
    JournalRoom(database, _ROOM_LIMIT).make()
    assert elsewhere.read_bytes() == b"mine"
