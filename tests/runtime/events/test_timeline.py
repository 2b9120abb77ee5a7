"""The timeline file is always a beginning of its stream, whatever happened to the process or the file."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
from pathlib import Path

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import event_core, sa_event
from mplp_runtime.events.sinks import NdjsonSink, lamport_of, repair
from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.samples import bus_of, counting_ids, ticking_clock, uuid


def emit(store: ValueStateLayer, count: int, stream: str = "run") -> None:
    bus = bus_of(store)
    for number in range(count):
        bus.emit_sync(stream, event_core(bus.stamper, "x", "intent", payload={"number": number}))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stored(store: ValueStateLayer, stream: str = "run") -> list[object]:
    return [event.event for event in store.read(lambda reading: reading.events(stream))]


def test_each_event_is_a_line_before_its_caller_goes_on(store: ValueStateLayer, tmp_path: Path) -> None:
    path = tmp_path / "traces" / "run.events.ndjson"
    bus = bus_of(store)
    sink = NdjsonSink(path, store, "run")
    bus.subscribe("*", sink)
    assert not path.exists()
    bus.emit_sync("other", event_core(bus.stamper, "x", "intent"))
    assert not path.exists(), "nothing of this stream has happened yet"
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent", payload={"text": "a\nb\u2028\ud800"}))
    assert len(lines(path)) == 1
    bus.emit_sync("run", sa_event(bus.stamper, "SAInitialized", sa_id=uuid(1)))
    assert lines(path) == stored(store)
    assert [lamport_of(line) for line in lines(path)] == [2, 3]
    assert path.read_bytes().endswith(b"\n")
    sink.close()


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_cut_last_line_is_repaired(store: ValueStateLayer, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "run.ndjson"
    emit(store, 3)
    assert repair(path, store, "run") == 3
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert repair(path, store, "run") == 1
    assert path.read_bytes() == whole


def test_lines_that_were_never_written_are_added(store: ValueStateLayer, tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    emit(store, 2)
    repair(path, store, "run")
    emit(store, 1500)
    emit(store, 3, "other")
    assert repair(path, store, "run") == 1500
    assert repair(path, store, "run") == 0
    assert lines(path) == stored(store)


def test_a_last_line_of_garbage_is_cut_off(store: ValueStateLayer, tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    emit(store, 2)
    repair(path, store, "run")
    with path.open("ab") as stream:
        stream.write(b"\x00" * 100_000)
    assert repair(path, store, "run") == 0
    assert lines(path) == stored(store)


def test_an_empty_stream_makes_no_file(store: ValueStateLayer, tmp_path: Path) -> None:
    assert repair(tmp_path / "run.ndjson", store, "run") == 0
    assert not (tmp_path / "run.ndjson").exists()


def test_very_long_lines_are_found_from_the_end(store: ValueStateLayer, tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    bus = bus_of(store)
    for letter in "ab":
        bus.emit_sync("run", event_core(bus.stamper, "x", "intent", payload={"output": letter * 200_000}))
    repair(path, store, "run")
    path.write_bytes(path.read_bytes()[:-10])
    assert repair(path, store, "run") == 1
    assert lines(path) == stored(store)


def test_a_timeline_that_was_removed_is_written_anew(store: ValueStateLayer, tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    bus = bus_of(store)
    sink = NdjsonSink(path, store, "run")
    bus.subscribe("*", sink)
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    path.unlink()
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    assert lines(path) == stored(store)
    sink.close()


def test_two_processes_follow_one_stream_without_gaps_or_doubles(tmp_path: Path) -> None:
    path = tmp_path / "project.ndjson"
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(2)]
    sinks = [NdjsonSink(path, store, "run") for store in stores]
    buses = [bus_of(store) for store in stores]
    for number in range(40):
        bus = buses[number % 2]
        bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
        if number % 5 == 0:
            sinks[number % 2].catch_up()
    for sink in sinks:
        sink.catch_up()
    assert lines(path) == stored(stores[0])
    for sink in sinks:
        sink.close()
    for store in stores:
        store.close()


def test_a_timeline_that_cannot_be_written_is_said_once_and_caught_up_on(
    store: ValueStateLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "traces"
    folder.write_text("in the way")
    bus = bus_of(store)
    sink = NdjsonSink(folder / "run.ndjson", store, "run")
    bus.subscribe("*", sink)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text
    with pytest.raises(StoreError):
        sink.catch_up()
    folder.unlink()
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    assert lines(folder / "run.ndjson") == stored(store)
    sink.close()


def test_a_timeline_of_a_state_that_was_moved_away_is_kept_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "timeline.events.ndjson"
    before = SqliteStore(tmp_path / "before.db")
    emit(before, 5)
    repair(path, before, "run")
    old = path.read_bytes()
    before.close()
    now = SqliteStore(tmp_path / "now.db")
    bus = EventBus(now, clock=ticking_clock(), new_id=counting_ids(1_000))
    sink = NdjsonSink(path, now, "run")
    bus.subscribe("*", sink)
    for _ in range(7):
        bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    assert lines(path) == stored(now), "no event is lost because another state had got further"
    assert (tmp_path / "older-1.timeline.events.ndjson").read_bytes() == old
    assert caplog.text.count("another state") == 1
    sink.close()
    now.close()


def test_a_timeline_never_leads_out_of_the_project(store: ValueStateLayer, tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "run.ndjson"
    elsewhere.write_text("notes of a person\n")
    path.symlink_to(elsewhere)
    emit(store, 1)
    with pytest.raises(StoreError, match="cannot be written"):
        repair(path, store, "run")
    assert elsewhere.read_text() == "notes of a person\n"


def test_a_pipe_in_the_place_of_the_timeline_is_not_waited_for(
    store: ValueStateLayer, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "run.ndjson")
    emit(store, 1)
    with pytest.raises(StoreError, match="not a regular file"):
        repair(tmp_path / "run.ndjson", store, "run")


def test_who_may_read_a_timeline_is_decided_by_the_umask(store: ValueStateLayer, tmp_path: Path) -> None:
    emit(store, 1)
    for mask in (0o027, 0o002):
        path = tmp_path / f"{mask:o}.ndjson"
        before = os.umask(mask)
        try:
            repair(path, store, "run")
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_stopped_process_that_keeps_the_timeline_stops_no_commit(
    store: ValueStateLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.ndjson"
    bus = bus_of(store)
    sink = NdjsonSink(path, store, "run")
    bus.subscribe("*", sink)
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for _ in range(200):
            bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
        assert len(lines(path)) == 1
        with pytest.raises(StoreError, match="another process"):
            sink.catch_up(lock_limit_s=0)
    assert caplog.text.count("another process keeps it locked") == 1, "said once, waited for once"
    sink.close()
    assert lines(path) == stored(store)


def test_events_of_another_process_in_between_are_in_the_file_and_in_their_place(tmp_path: Path) -> None:
    store, other = SqliteStore(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    path = tmp_path / "run.events.ndjson"
    bus = bus_of(store)
    sink = NdjsonSink(path, store, "run")
    sink.catch_up()
    bus.follow(sink.take)
    for number in range(6):
        # Each of them in turn, and in another stream too.
        emit(other if number % 3 == 1 else store, 1)
        bus.emit_sync("run", event_core(bus.stamper, "y", "intent", payload={"number": number}))
        bus.emit_sync("elsewhere", event_core(bus.stamper, "y", "intent"))
    assert lines(path) == stored(store)
    assert len(lines(path)) == 12
    sink.close()
    store.close()
    other.close()
