"""A timeline that is written beside the commits: in their order, whole, and none of them waits for it."""

from __future__ import annotations

import json
import logging
import threading
import weakref
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mplp_runtime.events import later_sink
from mplp_runtime.events.families import event_core
from mplp_runtime.events.later_sink import LaterSink, joined
from mplp_runtime.events.sinks import NdjsonSink
from mplp_runtime.events.whole_stream import WholeStream
from mplp_runtime.vsl.interface import StoredEvent, ValueStateLayer
from mplp_runtime.vsl.ready import WrittenEvents
from tests.runtime.samples import bus_of

LIMIT_S = 20


def lines(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stored(store: ValueStateLayer) -> list[object]:
    return [event.event for event in store.read(lambda reading: reading.events("run"))]


class SlowSink:
    """Takes nothing before it may, and tells when it was asked for the first time."""

    def __init__(self, sink: NdjsonSink) -> None:
        self._sink = sink
        self.asked = threading.Event()
        self.may_write = threading.Event()
        self.told: list[int] = []

    def append(self, events: Sequence[StoredEvent], *, is_whole: bool = True) -> None:
        self.asked.set()
        assert self.may_write.wait(LIMIT_S)
        self.told.append(len(events))
        self._sink.append(events, is_whole=is_whole)


class Noting:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def append(self, events: Sequence[StoredEvent], *, is_whole: bool = True) -> None:
        assert is_whole
        self.seen.extend(each.lamport for each in events)


def emit_to_a_slow_file(store: ValueStateLayer, path: Path, count: int) -> list[int]:
    """Emits so many events while nothing gets into the file; returns the pieces in which they came to it."""
    bus, sink = bus_of(store), NdjsonSink(path, store, "run")
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    # A file that is not known is compared with the store in any case.
    assert sink.catch_up() == 1
    slow = SlowSink(sink)
    later = LaterSink(slow)
    stream = WholeStream("run", store, after=1)

    def take(events: Sequence[StoredEvent]) -> None:
        if ours := stream.with_others(events):
            later.take(ours)

    bus.follow(take)
    for number in range(count):
        bus.emit_sync("run", event_core(bus.stamper, "x", "intent", payload={"number": number}))
        assert slow.asked.wait(LIMIT_S)
        bus.emit_sync("other", event_core(bus.stamper, "x", "intent"))
    assert len(lines(path)) == 1, "all of them were acknowledged before"
    slow.may_write.set()
    later.close()
    sink.close()
    return slow.told


def test_no_commit_waits_for_the_file_and_it_is_whole_in_the_end(
    store: ValueStateLayer, tmp_path: Path
) -> None:
    path = tmp_path / "run.events.ndjson"
    assert sum(emit_to_a_slow_file(store, path, 10)) == 10
    assert lines(path) == stored(store)
    assert len(lines(path)) == 11


def test_of_more_than_can_wait_the_file_gets_the_rest_from_the_store(
    store: ValueStateLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later_sink, "_MOST_WAITING", 3)
    path = tmp_path / "run.events.ndjson"
    assert sum(emit_to_a_slow_file(store, path, 10)) < 10
    assert lines(path) == stored(store)
    assert len(lines(path)) == 11


def test_a_file_that_could_not_be_written_is_whole_once_it_can_be(
    store: ValueStateLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.events.ndjson"
    bus, sink = bus_of(store), NdjsonSink(path, store, "run")

    def emit() -> Sequence[StoredEvent]:
        lamport = bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
        return store.read(lambda reading: list(reading.events("run", after=lamport - 1)))

    sink.append(emit())
    sink.close()
    path.rename(tmp_path / "away")
    path.mkdir()
    sink.append(emit())
    assert sink.is_failing
    path.rmdir()
    (tmp_path / "away").rename(path)
    sink.append(emit())
    assert lines(path) == stored(store)
    assert len(lines(path)) == 3
    assert "cannot be written" in caplog.text
    sink.close()


@pytest.mark.parametrize("bugs", [1, 2, 3])
def test_a_bug_in_the_file_is_logged_and_leaves_no_hole_in_it(
    store: ValueStateLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture, bugs: int
) -> None:
    path = tmp_path / "run.events.ndjson"
    bus, sink = bus_of(store), NdjsonSink(path, store, "run")
    asked: list[bool] = []

    class Buggy:
        def append(self, events: Sequence[StoredEvent], *, is_whole: bool = True) -> None:
            asked.append(is_whole)
            assert len(asked) > bugs, "a bug"
            sink.append(events, is_whole=is_whole)

    later = LaterSink(Buggy())
    with caplog.at_level(logging.ERROR):
        for number in range(1, 6):
            bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
            later.take(store.read(lambda reading, n=number: list(reading.events("run", after=n - 1))))
        later.close()
    assert lines(path) == stored(store)
    assert len(lines(path)) == 5
    assert "could not be written to a timeline" in caplog.text
    sink.close()


def test_what_comes_after_the_end_is_not_taken() -> None:
    sink = Noting()
    later = LaterSink(sink)
    later.take([StoredEvent(2, "run", {})])
    later.close()
    later.take([StoredEvent(3, "run", {})])
    later.close()
    assert sink.seen == [2]


class Piece(list[StoredEvent]):
    """Something that somebody can hold."""


def test_what_was_handed_over_is_not_held_until_the_next_comes() -> None:
    let_go = threading.Event()
    piece = Piece([StoredEvent(2, "run", {})])
    weakref.finalize(piece, let_go.set)
    later = LaterSink(Noting())
    later.take(piece)
    del piece
    assert let_go.wait(LIMIT_S)
    later.close()


pieces = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["run", "other"]), st.integers(1, 3), st.booleans()),
    max_size=8,
)


@given(pieces)
def test_joined_pieces_have_the_same_events_in_the_same_order(
    kinds: list[tuple[int, str, int, bool]],
) -> None:
    made: list[Sequence[StoredEvent]] = []
    lamport = 1
    for gap, stream, count, is_written in kinds:
        lamport += gap
        if is_written:
            made.append(WrittenEvents(lamport, stream, [f'{{"at":{lamport + n}}}' for n in range(count)]))
        else:
            made.append([StoredEvent(lamport + n, stream, {"at": lamport + n}) for n in range(count)])
        lamport += count

    def told(sequences: Sequence[Sequence[StoredEvent]]) -> list[tuple[int, str, object]]:
        return [(each.lamport, each.stream, each.event) for piece in sequences for each in piece]

    after = list(joined(made))
    assert told(after) == told(made)
    for first, second in pairwise(after):
        if isinstance(first, WrittenEvents) and isinstance(second, WrittenEvents):
            follows = second.first == first.first + len(first) and second.stream == first.stream
            assert not follows, "these belong together"
