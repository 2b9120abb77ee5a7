"""Files that changed while nobody looked: found, told apart, reconciled."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mplp_runtime.drift.check import DriftCheck, DriftReport
from mplp_runtime.drift.looks import drifted_files
from mplp_runtime.psg.files import FILE
from mplp_runtime.sources import system_clock
from mplp_runtime.vsl.interface import Node, ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from tests.runtime.samples import bus_of, graph_of

LATER = 4_000_000_000


class Scene:
    """A folder with a graph beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store: ValueStateLayer = MemoryStore()
        bus = bus_of(self.store)
        self.check = DriftCheck(root, self.store, bus, graph_of(self.store, bus), system_clock)

    def write(self, path: str, text: str, *, at: int | None = None) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if at is not None:
            os.utime(target, (at, at))

    def files(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]

    async def look(self) -> DriftReport:
        return await self.check.look(self.files)

    def node(self, path: str) -> Node:
        node = self.store.read(lambda reading: reading.read_node(FILE, path))
        assert node is not None
        return node

    def told(self) -> list[tuple[str, int]]:
        events = [stored.event for stored in self.store.read(lambda reading: reading.events())]
        return [(event["event_type"], event.get("node_delta", 0)) for event in events]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_the_first_look_learns_what_is_there_in_one_event_and_calls_nothing_drift(scene: Scene) -> None:
    scene.write("a.py", "a")
    scene.write("src/b.py", "b")
    report = await scene.look()
    assert (report.is_first, report.is_clean, report.added) == (True, True, ("a.py", "src/b.py"))
    assert scene.told() == [("files_found", 2)]
    assert (await scene.look()) == DriftReport()


async def test_a_file_that_changed_is_found_and_the_file_is_right(scene: Scene) -> None:
    scene.write("a.py", "a")
    await scene.look()
    scene.write("a.py", "another", at=LATER)
    report = await scene.look()
    assert (report.modified, report.is_clean) == (("a.py",), False)
    assert scene.told()[1:] == [("file_update", 0), ("file_reconciled", 0)]
    assert scene.node("a.py").data["size_bytes"] == 7
    assert (await scene.look()).is_clean


async def test_a_file_that_was_touched_and_holds_what_it_held_has_not_drifted(scene: Scene) -> None:
    scene.write("a.py", "a")
    await scene.look()
    scene.write("a.py", "b", at=LATER)
    await scene.look()
    scene.write("a.py", "b", at=LATER + 60)
    assert (await scene.look()).is_clean


async def test_a_file_that_is_gone_stays_in_the_graph_as_missing_and_is_told_once(scene: Scene) -> None:
    scene.write("a.py", "a")
    await scene.look()
    (scene.root / "a.py").unlink()
    assert (await scene.look()).deleted == ("a.py",)
    assert "missing_since" in scene.node("a.py").data
    assert (await scene.look()).is_clean
    scene.write("a.py", "a")
    assert (await scene.look()).modified == ("a.py",)
    assert "missing_since" not in scene.node("a.py").data


async def test_a_branch_switch_that_changes_very_many_files_is_one_event(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mplp_runtime.drift.check.MOST_EVENTS", 3)
    for number in range(5):
        scene.write(f"{number}.py", "a")
    await scene.look()
    for number in range(5):
        scene.write(f"{number}.py", "bb", at=LATER)
    assert len((await scene.look()).modified) == 5
    assert scene.told()[1:] == [("files_reconciled", 0)]
    assert (await scene.look()).is_clean


async def test_what_is_no_file_is_left_alone(scene: Scene) -> None:
    os.mkfifo(scene.root / "pipe")
    (scene.root / "link").symlink_to("/etc/passwd")
    report = await scene.check.look(lambda: ["pipe", "link", "nowhere.py", "bad\0name"])
    assert report == DriftReport(is_first=True)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are Unicode there")
async def test_a_file_whose_name_is_no_utf_8_does_not_hide_the_changes_of_others(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    (tmp_path / os.fsdecode(b"name-\xff.py")).write_text("x")
    scene.write("a.py", "a")
    assert (await scene.look()).added == ("a.py",)
    scene.write("a.py", "bb", at=LATER)
    assert (await scene.look()).modified == ("a.py",)


def test_a_file_of_a_year_that_no_date_can_say_is_one_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("a")
    values = list((tmp_path / "a.py").lstat())
    values[stat.ST_MTIME] = 300_000_000_000
    monkeypatch.setattr(Path, "lstat", lambda _: os.stat_result(values))
    [found] = drifted_files(tmp_path, ["a.py"], {})
    assert found.changed_at is not None
    assert found.changed_at.startswith("9999-12-31")
