"""Several processes on one file, and processes that are killed in the middle of a commit."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.vsl.sqlite import SqliteStore, integrity_check
from tests.runtime.killing import lines_until_killed

WRITER = Path(__file__).parent / "writer_process.py"


def start(path: Path, name: str, count: int, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WRITER), str(path), name, str(count), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def acknowledged(output: bytes) -> dict[int, int]:
    """Number -> Lamport time of every whole line."""
    lines = output.decode().split("\n")[:-1]
    return {int(line.split()[0]): int(line.split()[1]) for line in lines}


def test_two_processes_write_at_once_and_share_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [start(path, name, 300) for name in ("left", "right")]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    times = sorted(time for output in outputs for time in acknowledged(output).values())
    assert times == list(range(1, 601)), "each event has a time of its own"
    store = SqliteStore(path)
    assert store.read(lambda reading: reading.get("count")) == 600
    assert [event.lamport for event in store.read(lambda reading: reading.events())] == times
    store.close()
    assert integrity_check(path) == []


def test_a_commit_of_another_process_changes_the_data_version(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    before = store.data_version()
    start(path, "other", 1).communicate(timeout=60)
    assert store.data_version() != before
    assert store.read(lambda reading: reading.get("count")) == 1
    store.close()


def kill_while_writing(path: Path, killed_after: int, *options: str) -> dict[int, int]:
    """What a process that was killed after that many acknowledgements had acknowledged."""
    process = start(path, "victim", 1_000_000, *options)
    return acknowledged(lines_until_killed(process, killed_after))


def stored_in(store: SqliteStore) -> dict[int, int]:
    events = store.read(lambda reading: reading.events("victim"))
    return {event.event["number"]: event.lamport for event in events}


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "state.db"
    killed_after = random.Random(seed).randrange(1, 400)
    known = kill_while_writing(path, killed_after)
    assert integrity_check(path) == []
    store = SqliteStore(path)
    stored = stored_in(store)
    assert len(known) >= killed_after
    assert {number: stored.get(number) for number in known} == known
    count = store.read(lambda reading: reading.get("count"))
    nodes = store.read(lambda reading: reading.nodes("Step"))
    assert count == len(nodes) == len(stored) == store.read(lambda reading: reading.lamport()), (
        "all or nothing"
    )
    following = store.transact_sync(lambda transaction: transaction.append_event("r", {"event_family": "x"}))
    assert following == count + 1
    store.close()


def test_a_store_that_acknowledges_too_early_would_be_found_out(tmp_path: Path) -> None:
    for attempt in range(40):
        path = tmp_path / str(attempt) / "state.db"
        known = kill_while_writing(path, 5 + attempt, "early")
        store = SqliteStore(path)
        stored = stored_in(store)
        store.close()
        if not known.items() <= stored.items():
            return
    pytest.fail("the kills never fell between an acknowledgement and its commit")
