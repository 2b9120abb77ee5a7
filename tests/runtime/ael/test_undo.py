"""File operations can be taken back, and what somebody else did since stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.ael.action import ActionResult
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.undo import KEPT_RUNS, take_back, undo_notes
from mplp_runtime.rules.check import own_findings
from tests.runtime.ael.told import RUN_ID, Told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".mplp").mkdir()
    return tmp_path


async def files(root: Path, operation: str, told: Told | None = None, **members: Any) -> ActionResult:
    more = {name: members.pop(name) for name in ("run_id", "attempt") if name in members}
    action = (told or Told()).action(root, "file_operation", {"operation": operation, **members}, **more)
    return await ActionExecutionLayer().execute(action)


def seen(root: Path) -> dict[str, str]:
    """Everything in the project but the state: folders, links, contents and permissions."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] == ".mplp":
            continue
        if path.is_symlink():
            found[name] = f"link {path.readlink()}"
            continue
        mode = f"{path.stat().st_mode & 0o777:o}"
        found[name] = f"{mode} folder" if path.is_dir() else f"{mode} {path.read_text()}"
    return found


def filled(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a").chmod(0o750)
    (root / "a/one").write_text("1")
    (root / "a/tool").write_text("#!")
    (root / "a/tool").chmod(0o750)
    (root / "b").mkdir()
    (root / "b/one").write_text("old")
    (root / "link").symlink_to("a")


OPERATIONS = [
    {"operation": "write", "target": "b/one", "content": "new"},
    {"operation": "write", "target": "deep/er/file", "content": "new"},
    {"operation": "copy", "source": "a/one", "target": "b/one"},
    {"operation": "copy", "source": "a/tool", "target": "b"},
    {"operation": "copy", "source": "a", "target": "b"},
    {"operation": "copy", "source": "a", "target": "c/d"},
    {"operation": "move", "source": "a/tool", "target": "b/one"},
    {"operation": "move", "source": "a", "target": "b"},
    {"operation": "move", "source": "a", "target": "x/y"},
    {"operation": "move", "source": "link", "target": "other"},
    {"operation": "delete", "target": "a/tool"},
    {"operation": "delete", "target": "a"},
    {"operation": "delete", "target": "link"},
]


@pytest.mark.parametrize("settings", OPERATIONS, ids=lambda each: " ".join(each.values()).replace("/", "-"))
async def test_an_operation_is_taken_back_to_the_byte(root: Path, settings: dict[str, str]) -> None:
    filled(root)
    before = seen(root)
    told = Told()
    assert (await files(root, told=told, **settings)).success
    assert seen(root) != before
    (note,) = undo_notes(root, RUN_ID)
    assert note.is_done
    (event,) = told.events
    assert (event["event_family"], event["event_type"]) == ("compensation_plan", "compensation_recorded")
    assert (root / event["payload"]["undo"]).is_file()
    assert own_findings("event", event) == []
    undone = take_back(root, note)
    assert undone.left == ()
    assert seen(root) == before
    take_back(root, note)
    assert seen(root) == before, "once is enough, and twice does no harm"


async def test_a_folder_that_is_copied_into_keeps_its_permissions_and_a_new_one_gets_those_of_its_source(
    root: Path,
) -> None:
    filled(root)
    (root / "a/locked").mkdir()
    (root / "a/locked/one").write_text("1")
    (root / "a/locked").chmod(0o550)
    (root / "b").chmod(0o755)
    assert (await files(root, "copy", source="a", target="b")).success
    modes = {name: (root / name).stat().st_mode & 0o777 for name in ("b", "b/locked")}
    assert modes == {"b": 0o755, "b/locked": 0o550}
    assert (root / "b/locked/one").read_text() == "1"


async def test_what_somebody_changed_since_is_left_alone(root: Path) -> None:
    filled(root)
    await files(root, "write", target="b/one", content="new")
    (root / "b/one").write_text("mine")
    assert take_back(root, undo_notes(root, RUN_ID)[0]).left == ("b/one",)
    assert (root / "b/one").read_text() == "mine"
    await files(root, "delete", target="a", attempt=2)
    (root / "a").mkdir()
    (root / "a/new").write_text("mine")
    assert take_back(root, undo_notes(root, RUN_ID)[0]).left == ("a",)
    assert (root / "a/new").read_text() == "mine"


async def test_a_read_and_a_failure_need_no_taking_back(root: Path) -> None:
    filled(root)
    told = Told()
    await files(root, "read", told, source="a/one")
    await files(root, "copy", told, source="nothing", target="x")
    await files(root, "move", told, source="nothing", target="x")
    await files(root, "delete", told, target="nothing")
    assert undo_notes(root, RUN_ID) == []
    assert told.events == []


async def test_a_file_with_two_names_is_kept_as_it_was(root: Path) -> None:
    (root / "one").write_text("old")
    os.link(root / "one", root / "two")
    await files(root, "write", target="one", content="new")
    (root / "two").write_text("changed in place")
    take_back(root, undo_notes(root, RUN_ID)[0])
    assert (root / "one").read_text() == "old"


async def test_without_a_state_folder_nothing_is_written_beside_the_operation(tmp_path: Path) -> None:
    assert (await files(tmp_path, "write", target="one", content="x")).success
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


async def test_notes_of_old_runs_are_removed(root: Path) -> None:
    for number in range(KEPT_RUNS + 3):
        await files(root, "write", target="one", content=str(number), run_id=f"run-{number}")
    assert len(list((root / ".mplp/undo").iterdir())) == KEPT_RUNS
    assert undo_notes(root, f"run-{KEPT_RUNS + 2}") != []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen=st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=5))
def test_a_whole_run_is_taken_back_newest_first(
    chosen: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import asyncio

    root = tmp_path_factory.mktemp("project")
    (root / ".mplp").mkdir()
    filled(root)
    before = seen(root)

    async def run() -> None:
        for attempt, each in enumerate(chosen, 1):
            await files(root, attempt=attempt, **each)

    asyncio.run(run())
    for note in undo_notes(root, RUN_ID):
        take_back(root, note)
    assert seen(root) == before
