"""A stream that several processes write is whole for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mplp_runtime.errors import StoreLocked
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.whole_stream import WholeStream
from mplp_runtime.integration.files import file_update_event
from mplp_runtime.vsl.interface import StoredEvent
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.samples import bus_of


def emitted(bus: EventBus, stream: str) -> int:
    event = file_update_event(bus.stamper, file_path="a.txt", change_type="created", source="test")
    return bus.emit_sync(stream, event)


class Scene:
    """A store that two processes write; of one of them all deliveries are heard."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "state.db")
        self.bus = bus_of(self.store)
        self.told: list[int] = []
        self.stream = WholeStream("run", self.store, after=0)
        self.bus.follow(self._take)

    def _take(self, events: Sequence[StoredEvent]) -> None:
        self.told += [each.lamport for each in self.stream.with_others(events)]

    def ours(self, stream: str = "run") -> int:
        return emitted(self.bus, stream)

    def theirs(self, stream: str = "run") -> int:
        return emitted(bus_of(self.store), stream)

    def expected(self) -> list[int]:
        return [each.lamport for each in self.store.read(lambda reading: reading.events("run"))]


def test_what_others_write_comes_in_its_place_and_nothing_twice(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.theirs()
    scene.ours()
    scene.ours("project")
    scene.theirs("project")
    scene.theirs()
    scene.ours("project")
    assert scene.told == scene.expected() == [1, 2, 5]
    scene.ours()
    scene.theirs()
    assert [each.lamport for each in scene.stream.rest()] == [8]
    assert list(scene.stream.rest()) == []
    assert [*scene.told, 8] == scene.expected()
    scene.store.close()


def test_the_store_is_not_asked_while_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path)
    scene.ours()
    monkeypatch.setattr(scene.stream, "_stored", pytest.fail)
    for stream in ("run", "project", "run"):
        scene.ours(stream)
    assert scene.told == [1, 2, 4]
    scene.store.close()


def test_a_state_that_cannot_be_read_for_a_moment_leaves_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path)

    def locked(_until: object) -> None:
        raise StoreLocked("The state is locked.")

    with monkeypatch.context() as patch:
        patch.setattr(scene.stream, "_stored", locked)
        scene.ours()
        scene.ours()
    assert scene.told == []
    scene.ours()
    assert scene.told == [1, 2, 3]
    scene.store.close()
