"""Snapshots and drift from the palette."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import MplpError, WorkspaceNotTrusted
from tests.cli.process import runs_python, write_project
from tests.commands.session import Session, played

GREET = runs_python('print("hello")')


def test_a_snapshot_brings_back_what_was_edited_since(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    before = plan.read_text(encoding="utf-8")

    async def story(session: Session) -> None:
        made = await session.run("createSnapshot", label="before the release")
        assert (made["label"], made["files"], made["left_out"]) == ("before the release", 3, [])
        plan.write_text("{}", encoding="utf-8")
        listed = await session.run("restoreSnapshot", list=True)
        assert [each["label"] for each in listed["snapshots"]] == ["before the release"]
        done = await session.run("restoreSnapshot", snapshot=made["snapshot_id"][:8])
        assert (done["written"], done["failed"]) == ([plan.name], [])
        assert plan.read_text(encoding="utf-8") == before
        assert session.looked_again == 1

    played(Session(tmp_path), story)


def test_without_a_name_the_newest_snapshots_are_offered(tmp_path: Path) -> None:
    write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        with pytest.raises(MplpError, match="no snapshots yet"):
            await session.run("restoreSnapshot")
        await session.run("createSnapshot", label="mine")
        answer = await session.run("restoreSnapshot")
        assert answer["restored"] is None, "nothing was chosen"
        assert session.asked[0].startswith("Which snapshot shall come back?")

    played(Session(tmp_path), story)


def test_an_editor_that_cannot_ask_is_told_to_name_the_snapshot(tmp_path: Path) -> None:
    write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        await session.run("createSnapshot")
        with pytest.raises(MplpError, match=r"takes \{snapshot\}"):
            await session.run("restoreSnapshot")
        with pytest.raises(MplpError, match="No snapshot of this project begins with nothing"):
            await session.run("restoreSnapshot", snapshot="nothing")

    played(Session(tmp_path, can_ask=False), story)


def test_nothing_is_written_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        with pytest.raises(WorkspaceNotTrusted):
            await session.run("createSnapshot")
        assert not (tmp_path / ".mplp").exists()

    played(Session(tmp_path, trusted=False), story)


def test_files_that_changed_while_nobody_looked_are_named(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        first = await session.run("checkDrift", uri=uri_of(plan))
        assert (first["is_first"], first["is_clean"], first["added"]) == (True, True, [])
        plan.write_text("{}", encoding="utf-8")
        os.utime(plan, (4_000_000_000, 4_000_000_000))
        (tmp_path / "new.txt").write_text("new", encoding="utf-8")
        found = await session.run("checkDrift", uri=uri_of(plan))
        assert (found["is_clean"], found["modified"], found["added"]) == (False, [plan.name], ["new.txt"])
        assert found["counts"] == {"added": 1, "modified": 1, "deleted": 0}

    played(Session(tmp_path), story)
