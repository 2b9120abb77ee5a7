"""What only reads changes nothing in a folder that nobody trusts: no state is repaired or migrated there."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mplp_runtime.orchestrator.live import shown_trace
from mplp_runtime.orchestrator.records import RUN
from mplp_runtime.orchestrator.state import load_state
from mplp_runtime.trace.recorder import TraceRecorder
from mplp_runtime.vsl.interface import StoredEvent
from mplp_runtime.vsl.read_only import read_only_store
from mplp_runtime.vsl.schema import VERSION
from tests.cli.process import HANDOFF, mplp, runs_python, started, until, write_project
from tests.runtime.test_read_only_state import on_disk, written
from tests.runtime.vsl.test_migrations import copy_of

PASS = {"worker": runs_python("pass")}
WAITS = {
    "worker": runs_python(
        'import os, time; open("begun", "a").close(); '
        '[time.sleep(0.02) for _ in iter(lambda: os.path.exists("go"), True)]'
    )
}
READING = [
    ["trace"],
    ["trace", "--list"],
    ["trace", "--json"],
    ["trace", "--evidence", "evidence"],
    ["snapshot", "--list"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_in_a_folder_that_nobody_trusts_changes_nothing_there(
    tmp_path: Path, words: list[str]
) -> None:
    plan = write_project(tmp_path / "p", PASS)
    assert mplp(tmp_path, "snapshot", "--root", "p", "--trust", "--label", "early").code == 0
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    before = on_disk(tmp_path / "p")
    read = mplp(tmp_path, *words, "--root", "p")
    assert read.code == 0, read.err
    assert on_disk(tmp_path / "p") == before
    assert mplp(tmp_path, "trust", "p").code == 0
    assert mplp(tmp_path, *words, "--root", "p").out == read.out


def test_a_run_whose_process_was_killed_is_shown_as_interrupted_and_left_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, WAITS)
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    try:
        until((root / "begun").exists, "the step begins")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = on_disk(root)
        assert any(name.endswith("-wal") for name in before), "the state is left half-way"
        read = mplp(tmp_path, "trace", "--root", "p")
        assert "  interrupted  " in read.out
        assert "its outcome is not known" in read.out
        assert mplp(tmp_path, "trace", "--root", "p", "--json").code == 0
        assert on_disk(root) == before
    finally:
        (root / "go").touch()
    mplp(tmp_path, "trust", "p")
    assert "  interrupted  " in mplp(tmp_path, "trace", "--root", "p").out
    assert on_disk(root) != before, "with trust it is put right"


def test_a_state_of_an_older_version_is_read_and_not_migrated(tmp_path: Path) -> None:
    (tmp_path / "p" / ".mplp").mkdir(parents=True)
    copy_of(VERSION - 1, tmp_path / "p" / ".mplp")
    before = on_disk(tmp_path / "p")
    assert "No plan has run in" in mplp(tmp_path, "trace", "--root", "p").err
    assert mplp(tmp_path, "snapshot", "--list", "--root", "p").code == 0
    assert on_disk(tmp_path / "p") == before


def test_a_run_is_not_gone_on_with_where_nobody_trusts_the_folder(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF})
    assert "waiting for a person" in mplp(tmp_path, "run", plan, "--yes", "--trust").out
    before = on_disk(tmp_path / "p")
    refused = mplp(tmp_path, "run", plan, "--resume")
    assert (refused.code, "This folder is not trusted" in refused.err) == (3, True)
    assert on_disk(tmp_path / "p") == before


def test_a_trace_tells_each_event_once_although_the_state_was_written_during_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = write_project(tmp_path / "p", PASS)
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    before = json.loads(mplp(tmp_path, "trace", "--root", "p", "--json").out)
    path = tmp_path / "p" / ".mplp" / "state.db"
    store = read_only_store(path)
    values = iter(["written meanwhile"])
    told = TraceRecorder.events

    def told_while_somebody_writes(recorder: TraceRecorder, events: Sequence[StoredEvent]) -> None:
        told(recorder, events)
        for value in values:
            written(path, value)

    monkeypatch.setattr(TraceRecorder, "events", told_while_somebody_writes)
    try:
        state = store.read(lambda reading: load_state(reading, reading.nodes(RUN)[0].id))
        assert state is not None
        shown = json.loads(shown_trace(state, store, lambda: datetime.now(UTC)))
    finally:
        store.close()
    assert list(values) == [], "nobody wrote during the look"
    assert shown["events"] == before["events"]
    assert shown["segments"] == before["segments"]


@pytest.mark.parametrize("damage", ["{bad", "5", "[" * 100_000], ids=["cut", "number", "deep"])
@pytest.mark.parametrize("trust", [False, True], ids=["untrusted", "trusted"])
def test_a_state_whose_texts_are_damaged_is_told_as_damaged_and_not_as_a_bug_of_ours(
    tmp_path: Path, damage: str, trust: bool
) -> None:
    plan = write_project(tmp_path / "p", PASS)
    assert mplp(tmp_path, "run", plan, "--simulate", "--trust").code == 0
    if trust:
        assert mplp(tmp_path, "trust", "p").code == 0
    with closing(sqlite3.connect(tmp_path / "p" / ".mplp" / "state.db")) as connection, connection:
        connection.execute("UPDATE nodes SET data = ?", (damage,))
    shown = mplp(tmp_path, "trace", "--root", "p")
    assert shown.code not in {0, 70}
    assert "The state is damaged" in shown.err


SHAPES = {
    "an attempt without its status": ("nodes", "StepAttempt", {"step_status": None}),
    "a run without a title": ("nodes", "Run", {"title": None}),
    "a run that began at no time": ("nodes", "Run", {"started_at": 5}),
    "a plan that is a list": ("nodes", "RunPlan", {"text": "[]"}),
    "a plan without steps": ("nodes", "RunPlan", {"text": "{}"}),
    "an event without a type": ("events", "", {"event_type": None}),
    "an event that is no object": ("events", "", None),
}


QUERIES = {
    "nodes": (
        "SELECT rowid, data FROM nodes WHERE type LIKE ?",
        "UPDATE nodes SET data = ? WHERE rowid = ?",
    ),
    "events": (
        "SELECT rowid, event FROM events WHERE stream LIKE ? AND stream <> 'project'",
        "UPDATE events SET event = ? WHERE rowid = ?",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("trust", [False, True], ids=["untrusted", "trusted"])
def test_a_state_of_another_shape_is_told_as_damaged_and_not_as_a_bug_of_ours(
    tmp_path: Path, shape: str, trust: bool
) -> None:
    plan = write_project(tmp_path / "p", PASS)
    assert mplp(tmp_path, "run", plan, "--simulate", "--trust").code == 0
    if trust:
        assert mplp(tmp_path, "trust", "p").code == 0
    state = tmp_path / "p" / ".mplp"
    shutil.rmtree(state / "traces")
    table, kind, members = SHAPES[shape]
    texts, change = QUERIES[table]
    with closing(sqlite3.connect(state / "state.db")) as connection, connection:
        for row, text in connection.execute(texts, (f"{kind}%",)).fetchall():
            values = [
                None if members is None else {**json.loads(each), **members} for each in text.split("\n")
            ]
            connection.execute(change, ("\n".join(map(json.dumps, values)), row))
    shown = mplp(tmp_path, "trace", "--json", "--root", "p")
    assert (shown.code, shown.out) == (2, "")
    assert "The state is damaged" in shown.err
    assert mplp(tmp_path, "snapshot", "--list", "--root", "p").code == 0
