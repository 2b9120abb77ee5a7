"""What is shown comes from the latest look at a document, whichever worker is ready first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server import analyst, watching
from mplp_lsp.server.analyst import Analyst
from mplp_lsp.server.capabilities import Client, client_view
from mplp_lsp.server.publish import Publisher, Report
from mplp_lsp.server.turns import READ_AT_ONCE_CHARACTERS
from mplp_lsp.server.watching import TAKEN_AT_ONCE, Watching, stretch_of
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.documents import Setting
from tests.analysis.test_incremental import plan_text
from tests.project import expanded

PULLING: dict[str, object] = {"capabilities": {"textDocument": {"diagnostic": {}}}}


class SlowProcess:
    """Looks at once, and tells what it saw when it is let go."""

    is_warm = True

    def __init__(self) -> None:
        self.looks: list[asyncio.Event] = []

    def quiet_for_s(self) -> float:
        return 0.0

    async def work(self, task: Callable[[], Any]) -> Any:
        result = task()
        gate = asyncio.Event()
        self.looks.append(gate)
        await gate.wait()
        return result


class Around:
    """The project around the documents, which nobody waits for."""

    def is_held(self, uri: str, *, is_open: bool) -> bool:
        return False

    async def until_read(self, uri: str) -> None:
        """A client that is told to ask again does not wait."""


class Scene:
    """An analyst for a client that pulls, with one plan whose context nobody has."""

    def __init__(self, root: Path) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.process, self.around = SlowProcess(), Around()
        self.bench = Workbench(Client(pulls_diagnostics=True), client_view(PULLING), [root])
        self.bench.being_read.add(root)
        self.publisher = Publisher(None, pulls=True, ask_again=lambda: None)  # type: ignore[arg-type]
        self.analyst = Analyst(self.process, self.bench, self.publisher, self.spawn, self.around)  # type: ignore[arg-type]
        self.path = root / "a.plan.json"
        self.uri = self.path.as_uri()

    def spawn(self, work: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=what)
        self.tasks.append(task)
        return task

    def ask(self) -> asyncio.Task[Report | None]:
        return asyncio.create_task(self.analyst.up_to_date(self.uri))

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def let_go(self) -> None:
        for gate in self.process.looks:
            gate.set()


def codes(report: Report | None) -> set[str]:
    assert report is not None
    return {item["code"] for item in json.loads(report.encoded)}


async def test_a_look_from_before_all_was_read_does_not_replace_one_from_after(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.bench.workspace.open(scene.uri, "json", 1, plan_text(2))
    asked = scene.ask()
    await scene.turns()
    assert len(scene.process.looks) == 1
    scene.bench.being_read.clear()
    scene.analyst.release()
    await scene.turns()
    assert "plan-context-unknown" in codes(scene.publisher.report(scene.uri))
    scene.let_go()
    assert "plan-context-unknown" in codes(await asked)
    assert "plan-context-unknown" in codes(scene.analyst.ready(scene.uri))


async def test_a_look_at_a_file_that_changes_meanwhile_is_not_the_answer(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.bench.being_read.clear()
    scene.path.write_text(plan_text(2), encoding="utf-8")
    scene.bench.workspace.refresh([scene.path])
    asked = scene.ask()
    await scene.turns()
    context = expanded(
        '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "context_id": "<c1>"}'
    )
    updates = scene.bench.workspace.open((tmp_path / "a.context.json").as_uri(), "json", 1, context)
    scene.analyst.changed(updates)
    await scene.turns()
    scene.let_go()
    await scene.turns()
    scene.let_go()
    assert "plan-context-unknown" not in codes(await asked)


async def test_a_look_at_a_document_that_has_gone_leaves_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.bench.workspace.open(scene.uri, "json", 1, plan_text(2))
    asked = scene.ask()
    await scene.turns()
    scene.analyst.changed(scene.bench.workspace.close(scene.uri))
    scene.let_go()
    assert await asked is None
    assert scene.publisher.report(scene.uri) is None


async def test_a_bug_at_one_file_does_not_hide_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path)
    files = [tmp_path / f"{name}.plan.json" for name in "abc"]
    for file in files:
        file.write_text(plan_text(2))
    setting_for = scene.bench.workspace.store._setting_for

    def with_a_bug(path: Path | None) -> Setting:
        if path == files[1]:
            raise KeyError(path)
        return setting_for(path)

    monkeypatch.setattr(scene.bench.workspace.store, "_setting_for", with_a_bug)
    monkeypatch.setattr(watching, "READ_AT_ONCE_S", 3_600.0)
    found, is_done = stretch_of(scene.bench.workspace.look(files))
    assert is_done
    assert [read.path for read in found if read.after is not None] == [files[0], files[2]]
    assert f"A bug in reading {files[1]}." in caplog.text


class PromptProcess:
    """Looks when it is asked to."""

    async def work(self, task: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return task()


async def test_what_somebody_looks_at_comes_before_what_nobody_has_open(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.bench = Workbench(Client(), client_view({}), [tmp_path])
    told: list[str] = []

    class Shown(Publisher):
        def put(self, report: Report, *, because_of_itself: bool = True) -> None:
            told.append(report.uri)

    publisher = Shown(None, pulls=False, ask_again=lambda: None)  # type: ignore[arg-type]
    analyst = Analyst(PromptProcess(), scene.bench, publisher, scene.spawn, scene.around)  # type: ignore[arg-type]
    closed = [tmp_path / f"{number}.plan.json" for number in range(20)]
    for path in closed:
        path.write_text(plan_text(1))
    analyst.changed(scene.bench.workspace.refresh(closed))
    scene.bench.workspace.open(scene.uri, "json", 1, plan_text(2))
    analyst.look_later([scene.uri])
    await asyncio.gather(*scene.tasks)
    assert told[0] == scene.uri
    assert sorted(told[1:]) == sorted(path.as_uri() for path in closed)


def a_large_plan() -> str:
    return plan_text(2) + " " * READ_AT_ONCE_CHARACTERS


async def test_what_depends_on_an_opened_document_waits_until_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyst, "LONGEST_FIRST_S", 3_600.0)
    scene = Scene(tmp_path)
    scene.bench.being_read.clear()
    other = (tmp_path / "b.plan.json").as_uri()
    scene.bench.workspace.open(other, "json", 1, a_large_plan())
    scene.analyst.changed(scene.bench.workspace.open(scene.uri, "json", 1, a_large_plan()))
    scene.analyst.look_later([other])
    await scene.turns()
    assert len(scene.process.looks) == 1
    scene.let_go()
    await scene.turns()
    assert scene.analyst.ready(scene.uri) is not None
    assert len(scene.process.looks) == 2
    scene.let_go()
    await scene.turns()


async def test_a_document_is_shown_although_the_world_has_changed_and_then_looked_at_again(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    scene.analyst.changed(scene.bench.workspace.open(scene.uri, "json", 1, a_large_plan()))
    await scene.turns()
    assert len(scene.process.looks) == 1
    scene.analyst._look_in_worker(scene.uri)
    scene.let_go()
    await scene.turns()
    assert scene.publisher.report(scene.uri) is not None
    while len(scene.process.looks) < 2:
        await asyncio.sleep(0.01)
    scene.let_go()
    await asyncio.wait(scene.tasks[:1])


async def test_the_loop_does_not_wait_for_what_reads_settings_to_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyst, "is_imported", lambda _: False)
    scene = Scene(tmp_path)
    scene.bench.workspace.open((tmp_path / "mplp.toml").as_uri(), "toml", 1, "")
    scene.analyst.changed(scene.bench.workspace.open(scene.uri, "json", 1, plan_text(2)))
    await scene.turns()
    assert len(scene.process.looks) == 1
    scene.let_go()
    await scene.turns()
    assert scene.publisher.report(scene.uri) is not None


async def test_thousands_of_files_that_change_at_once_are_all_taken_a_few_at_a_time() -> None:
    taken: list[list[Path]] = []
    tasks: list[asyncio.Task[Any]] = []

    class Desk:
        is_closed = False

        @property
        def session(self) -> Desk:
            return self

        def spawn(self, work: Coroutine[Any, Any, Any], _what: str) -> None:
            tasks.append(asyncio.create_task(work))

    class Half(Watching):
        def _take(self, paths: list[Path]) -> None:
            taken.append(paths)

    files = [Path(f"/{number}.json") for number in range(2 * TAKEN_AT_ONCE + 1)]
    Half(Desk()).told(iter(files))  # type: ignore[arg-type]
    assert taken == [files[:TAKEN_AT_ONCE]]
    await asyncio.gather(*tasks)
    assert [path for some in taken for path in some] == files
    assert max(map(len, taken)) == TAKEN_AT_ONCE
