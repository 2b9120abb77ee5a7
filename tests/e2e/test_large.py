"""Large documents: the loop stays free, order within a document holds, and others are not kept waiting."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.garbage import AWAY_S, QUIET_S, collect_only_young_objects, collect_when_quiet
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.session import Session
from tests.e2e.documents import META, codes, plan, project, replacing, text, written
from tests.protocol.client import PLAIN, ServerUnderTest, environment

LONGEST_STALL_S = 0.1


def large_plan(count: int = 10_000) -> str:
    steps = [
        {
            "step_id": f"33333333-3333-4333-8333-{number:012d}",
            "description": f"Step {number}",
            "status": "pending",
            "dependencies": [f"33333333-3333-4333-8333-{number - 1:012d}"] if number else [],
        }
        for number in range(count)
    ]
    return text({**plan(), "meta": META, "steps": steps})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    env = environment(tmp_path / "home", MPLP_LSP_DEBUG="1")
    with ServerUnderTest(env=env, capabilities=PLAIN) as running:
        yield running


def test_what_is_typed_while_a_large_document_is_read_comes_after_it(
    server: ServerUnderTest, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    plan_uri, _ = project(folder)
    client = server.client
    client.initialize(folder)
    content = large_plan()
    client.open(plan_uri, content)
    client.change(plan_uri, 2, replacing(content, '"draft"', '"drat"'))
    content = content.replace('"draft"', '"drat"')
    client.change(plan_uri, 3, replacing(content, '"A plan"', '"Another plan"'))
    content = content.replace('"A plan"', '"Another plan"')
    lens = client.begin("textDocument/codeLens", {"textDocument": {"uri": plan_uri}})
    held = client.request(
        "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": plan_uri}]}
    )
    assert held == content
    assert client.answer(lens)["result"]
    client.wait_for_findings(plan_uri, lambda found: "value-not-allowed" in codes(found))


def test_a_large_document_may_be_closed_before_it_is_read(server: ServerUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    uri = (folder / "big.plan.json").as_uri()
    client = server.client
    client.initialize(folder)
    for _ in range(3):
        client.open(uri, large_plan(3_000))
        client.close(uri)
    client.open(uri, "{}")
    assert client.diagnostics(uri, 1)
    client.take_all(0.5)
    told = [note["params"] for note in client.notifications if "uri" in (note.get("params") or {})]
    assert all(note["uri"] != uri or note["diagnostics"] for note in told), "the newest was cleared"


def test_another_document_does_not_wait_for_a_large_one(server: ServerUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    small_uri, _ = project(folder)
    client = server.client
    client.initialize(folder)
    client.open(small_uri, text(plan()))
    client.diagnostics(small_uri, 1)
    big_uri = (folder / "big.plan.json").as_uri()
    client.open(big_uri, large_plan(20_000 - 8_000))
    client.change(small_uri, 2, replacing(text(plan()), '"draft"', '"drat"'))
    client.diagnostics(small_uri, 2)
    assert not any(
        note["params"].get("uri") == big_uri
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics"
    ), "the small document came last"
    client.diagnostics(big_uri, 1)


def test_text_of_many_megabytes_is_refused_politely(server: ServerUnderTest, tmp_path: Path) -> None:
    client = server.client
    client.initialize(tmp_path)
    uri = (tmp_path / "huge.plan.json").as_uri()
    client.open(uri, '{"plan_id": "' + "x" * 20_000_000 + '"}')
    assert codes(client.diagnostics(uri, 1, limit_s=10)) == {"document-too-large"}
    small = (tmp_path / "a.plan.json").as_uri()
    client.open(small, "{")
    started = time.monotonic()
    client.diagnostics(small, 1)
    assert time.monotonic() - started < 2


class Stalls:
    """The longest work of the loop's own thread in one go; a busy machine does not count."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now


class Silent:
    """A client that takes everything and answers nothing."""

    def write(self, data: bytes) -> None:
        self.last = data

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool:
        return False


def notification(method: str, params: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


async def begun(session: Session, folder: Path) -> None:
    from mplp_lsp.server.outbox import Outbox

    session.attach(Outbox(Silent()), lambda: None)
    folders = [{"uri": folder.as_uri(), "name": "work"}]
    params = {"capabilities": PLAIN, "workspaceFolders": folders}
    session.protocol.receive(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    )
    session.protocol.receive(notification("initialized", {}))


@pytest.fixture
def tuned_collector() -> Iterator[None]:
    """As in a server process."""
    before = gc.get_threshold()
    gc.collect()
    collect_only_young_objects()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("tuned_collector")
async def test_the_loop_is_never_held_up_by_large_documents(tmp_path: Path) -> None:
    """Open, type in, replace, close a plan of 10,000 steps beside another one on disk: no stall."""
    folder = tmp_path / "work"
    uri, _ = project(folder)
    content = large_plan()
    written(folder, "on-disk.plan.json", content.replace("-3333-", "-4333-"))
    process = ServerProcess()
    session = process.session()
    await begun(session, folder)
    # Importing the analysis happens once, before anybody has typed anything.
    session.protocol.receive(
        notification(
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "json", "version": 1, "text": "{}"}},
        )
    )
    await settled(session)
    other = content.replace("Step 1", "Another step 1")
    item = {"uri": uri, "languageId": "json", "version": 1, "text": content}
    document = {"uri": uri, "version": 2}
    bodies = [
        notification(method, params)
        for method, params in (
            ("textDocument/didOpen", {"textDocument": item}),
            (
                "textDocument/didChange",
                {"textDocument": document, "contentChanges": [replacing(content, '"draft"', '"drat"')]},
            ),
            (
                "textDocument/didChange",
                {"textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"text": other}]},
            ),
            ("textDocument/didSave", {"textDocument": {"uri": uri}}),
            ("textDocument/didClose", {"textDocument": {"uri": uri}}),
        )
    ]
    stalls = Stalls()
    watch = asyncio.create_task(stalls.watch())
    for body in bodies:
        session.protocol.receive(body)
        await settled(session)
    watch.cancel()
    session.close()
    await session.ended_with
    await process.close()
    assert stalls.longest_s < LONGEST_STALL_S, f"{stalls.longest_s:.3f} s"


async def settled(session: Session) -> None:
    """Until nothing is being read or looked at."""
    deadline = time.monotonic() + 30
    quiet = 0
    while quiet < 5:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
        names = {task.get_name() for task in session._tasks}
        quiet = 0 if any(name.startswith(("reading", "looking", "scanning")) for name in names) else quiet + 1


async def test_garbage_is_collected_when_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mplp_lsp.server.garbage.LOOK_EVERY_S", 0.01)
    collected = asyncio.Event()
    quiet_s = 0.0

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            collected.set()

    before = gc.get_threshold()
    collect_only_young_objects()
    gc.callbacks.append(watch)
    task = asyncio.create_task(collect_when_quiet(lambda: quiet_s))
    try:
        gc.collect(1)
        await asyncio.sleep(0.05)
        assert not collected.is_set(), "collected while somebody types"
        quiet_s = 10.0
        await asyncio.wait_for(collected.wait(), 10)
    finally:
        task.cancel()
        gc.callbacks.remove(watch)
        gc.set_threshold(*before)
        gc.unfreeze()


class Circle:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.own = self


async def test_what_survived_a_pause_is_looked_at_again_when_the_author_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mplp_lsp.server.garbage.LOOK_EVERY_S", 0.01)
    quiet_s = QUIET_S
    before = gc.get_threshold()
    collect_only_young_objects()
    circle = Circle()
    gone = asyncio.Event()
    weakref.finalize(circle, gone.set)
    gc.collect(1)
    task = asyncio.create_task(collect_when_quiet(lambda: quiet_s))
    try:

        async def set_aside() -> None:
            while not gc.get_freeze_count():
                gc.collect(1)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(set_aside(), 20)
        del circle
        assert not gone.is_set()
        quiet_s = AWAY_S
        await asyncio.wait_for(gone.wait(), 20)
    finally:
        task.cancel()
        gc.set_threshold(*before)
        gc.unfreeze()
