"""Floods of changed files from our own watcher: each is told once, and scans do not pile up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.process import ServerProcess
from mplp_lsp.workspace.watch import Batch
from tests.protocol.in_process import Editor

LIMIT_S = 60.0


async def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    (tmp_path / "work").mkdir()
    for number in range(10):
        (tmp_path / "work" / f"old-{number}.md").write_text("one\n")
    process = ServerProcess()
    client = Editor(process, tmp_path / "work")
    await client.session.desk.watching.all_read()
    yield client
    client.send("exit", None)
    await process.close()


async def test_each_file_of_a_flood_is_told_as_what_happened_to_it(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, list[str]] = {}

    async def ingest(root: Path, changes: list[Any]) -> None:
        for change in changes:
            told.setdefault(Path(change.path).name, []).append(change.change_type)

    desk = editor.session.desk
    monkeypatch.setattr(desk.file_events, "_ingest", ingest)
    expected: dict[str, list[str]] = {}
    for number in range(10):
        (editor.root / f"old-{number}.md").write_text("two\n")
        expected[f"old-{number}.md"] = ["modified"]
    (editor.root / "old-3.md").unlink()
    expected["old-3.md"] = ["deleted"]
    for number in range(700):
        (editor.root / f"new-{number}.txt").write_text("new\n")
        expected[f"new-{number}.txt"] = ["created"]
    (editor.root / "late.context.json").write_text(json.dumps({"context_id": "x"}))
    expected["late.context.json"] = ["created"]
    batch = Batch(editor.root, frozenset(editor.root / name for name in expected), must_rescan=True)
    desk.watching._seen(editor.root, batch)
    await until(lambda: set(told) == set(expected), "all files are told")
    late = (editor.root / "late.context.json").as_uri()
    await until(lambda: desk.bench.document(late) is not None, "the new document is known")
    # What comes twice is told once: nothing happened to the files meanwhile.
    desk.watching._seen(editor.root, batch)
    await until(lambda: not desk.watching._rescans and not desk.file_events._arrived, "all is looked at")
    await desk.file_events.close()
    assert told == expected


async def test_however_often_a_scan_is_asked_for_one_more_follows_the_one_under_way(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = editor.session.desk.watching
    begun = 0
    may_end = asyncio.Event()

    async def scan(root: Path, only_folder: Path | None = None) -> None:
        nonlocal begun
        begun += 1
        await may_end.wait()

    monkeypatch.setattr(watching, "scan", scan)
    for _ in range(2):
        for _ in range(20):
            watching._seen(editor.root, Batch(editor.root, must_rescan=True))
        await until(lambda: begun == 1, "the first scan is under way")
    await until(lambda: watching._rescans == {editor.root: True}, "one more is to come")
    may_end.set()
    await until(lambda: not watching._rescans, "no scan is to come")
    assert begun == 2
