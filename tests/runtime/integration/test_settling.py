"""Events that were offered are taken in without anybody waiting for it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.ingest import ingest_changes
from mplp_lsp.workspace.changes import FileChange
from mplp_runtime.errors import StoreLocked
from mplp_runtime.integration import settling
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import Json


def project(tmp_path: Path) -> Runtime:
    (tmp_path / "mplp.toml").write_text("")
    return Runtime.open(tmp_path)


async def told(runtime: Runtime, *names: str) -> None:
    """The editor's word that these files were made."""
    changes = [FileChange(runtime.root / name, "created", "editor") for name in names]
    await ingest_changes(runtime, runtime.root, changes, editor="vi", is_trusted=True)


def updates(runtime: Runtime) -> list[dict[str, Json]]:
    return [dict(event) for event in runtime.timeline() if event["event_type"] == "file_update"]


async def test_many_changes_of_few_files_in_the_editor_are_few_events(tmp_path: Path) -> None:
    async with project(tmp_path) as runtime:
        await told(runtime, *(f"{number % 3}.txt" for number in range(1_500)))
        await runtime.settling.until_settled()
        found = updates(runtime)
        assert [event["payload"]["file_path"] for event in found] == ["0.txt", "1.txt", "2.txt"]
        assert [event["coalesced"] for event in found] == [500] * 3
        assert {event["editor_source"] for event in found} == {"vi"}


async def test_changes_in_the_editor_while_the_state_is_locked_are_there_afterwards(tmp_path: Path) -> None:
    async with project(tmp_path) as runtime:
        other = sqlite3.connect(runtime.vsl.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await told(runtime, "a.txt")
        assert updates(runtime) == []
        other.execute("ROLLBACK")
        other.close()
        await runtime.settling.until_settled()
        assert len(updates(runtime)) == 1


async def test_a_state_that_stays_locked_for_long_is_tried_until_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with project(tmp_path) as runtime:
        transact, attempts = runtime.vsl.transact, 0

        async def locked_for_long(work: Any) -> Any:
            nonlocal attempts
            attempts += 1
            if attempts <= 20:
                raise StoreLocked("The state is locked.")
            return await transact(work)

        monkeypatch.setattr(runtime.vsl, "transact", locked_for_long)
        monkeypatch.setattr(runtime.intake, "pause", lambda _seconds: asyncio.sleep(0))
        with caplog.at_level(logging.WARNING, settling.__name__):
            await told(runtime, "a.txt")
            await runtime.settling.until_settled()
        assert len(updates(runtime)) == 1
        assert [record.getMessage() for record in caplog.records] == [
            "1 events from outside wait: The state is locked."
        ]


async def test_what_still_waits_for_its_turn_at_the_end_is_taken_in_at_once(tmp_path: Path) -> None:
    async with project(tmp_path) as runtime:
        # A source passes a hundred events a second.
        await told(runtime, *(f"{number}.txt" for number in range(250)))
    async with Runtime.open(tmp_path) as again:
        assert len(updates(again)) == 250


async def test_an_end_with_a_locked_state_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = project(tmp_path)

    async def locked(_work: object) -> None:
        raise StoreLocked("The state is locked.")

    monkeypatch.setattr(runtime.vsl, "transact", locked)
    await told(runtime, "a.txt")
    with caplog.at_level(logging.WARNING, settling.__name__):
        await runtime.settling.close()
    assert [record.getMessage() for record in caplog.records] == ["1 events from outside were not taken in."]
    monkeypatch.undo()
    await runtime.close()


async def test_a_file_that_was_edited_and_then_deleted_by_somebody_else_is_gone_in_the_graph(
    tmp_path: Path,
) -> None:
    async with project(tmp_path) as runtime:
        # More than the editor may bring in a second; the watcher has its own rate.
        edits = [FileChange(tmp_path / f"{number:03}.txt", "modified", "editor") for number in range(120)]
        deleted = FileChange(tmp_path / "119.txt", "deleted", "file_watcher")
        await ingest_changes(runtime, tmp_path, [*edits, deleted], editor="vi", is_trusted=True)
        await runtime.settling.until_settled()
        found = [event for event in updates(runtime) if event["payload"]["file_path"] == "119.txt"]
        assert [event["payload"]["change_type"] for event in found] == ["modified", "deleted"]
        node = runtime.graph.read("File", "119.txt")
        assert node is not None
        assert "missing_since" in node.data


class Heart:
    """How long a loop was kept from everything else, at worst."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - before)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def test_while_the_state_of_one_project_is_locked_the_loop_answers_about_others_and_its_end_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LONGEST_CLOSE_S", 0.2)
    (tmp_path / "mplp.toml").write_text("")
    runtime = Runtime.open(tmp_path, follow_interval_s=0.01)
    runtime.runs.subscribe(lambda _view: None)
    looks = asyncio.Semaphore(0)
    data_version = runtime.vsl.data_version

    def looked() -> int:
        looks.release()
        return data_version()

    monkeypatch.setattr(runtime.vsl, "data_version", looked)
    other = sqlite3.connect(runtime.vsl.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    heart = Heart()
    await told(runtime, "a.txt")
    for _ in range(5):
        await looks.acquire()
    started = time.monotonic()
    await runtime.close()
    took_s = time.monotonic() - started
    await heart.stop()
    other.execute("ROLLBACK")
    other.close()
    # A commit waits ten seconds for a lock.
    assert heart.longest_s < 5
    assert took_s < 5
