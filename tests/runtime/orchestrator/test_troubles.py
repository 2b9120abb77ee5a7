"""A store that stops working, folders that cannot be written, and examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mplp_runtime
from mplp_runtime.errors import StoreError
from mplp_runtime.lazy_store import LazyStore
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.vsl.interface import Edge, Transaction
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, step_id

OWN = ("ael", "orchestrator", "trace", "approvals", "approval_scope", "lazy_store", "runtime", "version")


def own_modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(mplp_runtime.__path__, "mplp_runtime.")]
    return [name for name in found if name.split(".")[1] in OWN]


@pytest.mark.parametrize("name", own_modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


async def test_a_step_is_not_shown_as_done_when_the_state_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(
        tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), role("worker", "print('ok')")
    )
    seen: list[RunView] = []
    async with project.runtime() as runtime:
        transact = runtime.vsl.transact

        async def full(work: Callable[[Transaction], Any]) -> Any:
            if statuses(seen[-1])["a"] == "completed":
                raise StoreError("The disk is full.")
            return await transact(work)

        runtime.runs.subscribe(seen.append)
        view = await runtime.runs.start(project.request())
        monkeypatch.setattr(runtime.vsl, "transact", full)
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.error) == ("interrupted", "The disk is full.")
        assert statuses(final)["a"] == "completed"
        assert {statuses(each)["b"] for each in seen} <= {"pending", "in_progress"}
        monkeypatch.undo()
        await runtime.runs.resume(view.run_id, repeat=True, trusted=True)
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_a_bug_in_the_loop_leaves_the_run_interrupted_and_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    async with project.runtime() as runtime:
        monkeypatch.setattr("mplp_runtime.orchestrator.run.Bound.of", lambda *_: 1 / 0)
        view = await runtime.runs.start(project.request())
        final = await runtime.runs.wait(view.run_id)
        assert final.status == "interrupted"
        assert "internal error" in str(final.error)
        assert "ZeroDivisionError" in caplog.text


async def test_in_a_read_only_folder_a_simulation_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"))
    # Tests may run as root, for whom no folder is read-only.
    monkeypatch.setattr("mplp_runtime.state_folder.os.access", lambda *_: False)
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request(simulate=True))
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.trace_path) == ("completed", None)
    assert project.names() == ["release.plan.json", "shop.context.json"]


@pytest.mark.parametrize("name", [".mplp", ".mplp/traces"])
async def test_a_state_folder_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path / "project", plan(step("a"), status="draft"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "project" / name).symlink_to(tmp_path / "elsewhere")
    async with project.runtime() as runtime:
        with pytest.raises(StoreError, match="symbolic link"):
            await runtime.runs.start(project.request(simulate=True))


def test_what_was_kept_in_memory_moves_into_the_file(tmp_path: Path) -> None:
    store = LazyStore(tmp_path / ".mplp/state.db")

    def fill(transaction: Transaction) -> None:
        transaction.create_node("File", "a", {"n": 1})
        transaction.write_node("File", "a", {"n": 2}, expected_version=1)
        transaction.create_node("File", "b", {})
        transaction.add_edge(Edge("near", "File", "a", "File", "b"))
        transaction.delete_node("File", "b")
        transaction.set("key", "value")

    store.transact_sync(fill)
    with pytest.raises(ValueError, match="undone"):
        store.transact_sync(_fail)
    assert not store.is_durable
    assert not (tmp_path / ".mplp").exists()
    store.persist()
    assert store.is_durable
    assert not store.persist()
    node = store.read(lambda reading: reading.read_node("File", "a"))
    assert node is not None
    assert node.data == {"n": 2}
    assert store.read(lambda reading: reading.read_node("File", "b")) is None
    assert store.read(lambda reading: list(reading.edges())) == []
    assert store.read(lambda reading: (reading.get("key"), reading.get("undone"))) == ("value", None)
    store.close()


def test_a_file_that_another_process_made_meanwhile_keeps_what_it_has(tmp_path: Path) -> None:
    ours, theirs = (LazyStore(tmp_path / "state.db") for _ in range(2))
    for store, name in ((ours, "ours"), (theirs, "theirs")):
        store.transact_sync(lambda transaction, name=name: transaction.set("graph_id", name))
        store.transact_sync(lambda transaction, name=name: transaction.set(name, name))
    theirs.persist()
    ours.persist()
    for store in (ours, theirs):
        assert store.read(lambda reading: reading.get("graph_id")) == "theirs"
        assert store.read(lambda reading: (reading.get("ours"), reading.get("theirs"))) == ("ours", "theirs")
        store.close()


def _fail(transaction: Transaction) -> None:
    transaction.set("undone", 1)
    raise ValueError("undone")


async def test_events_before_the_first_run_come_along(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"))
    async with project.runtime() as runtime:
        await runtime.vsl.transact(
            lambda transaction: runtime.graph.put(transaction, "File", "x", {"hash": "1"})
        )
        graph_id = runtime.graph.graph_id
        view = await runtime.runs.start(project.request(simulate=True))
        await runtime.runs.wait(view.run_id)
        node = runtime.graph.read("File", "x")
        assert node is not None
        assert runtime.graph.graph_id == graph_id
        assert "file_created" in (tmp_path / ".mplp/timeline.events.ndjson").read_text()
        assert runtime.runs.view(view.run_id).steps[step_id("a")].status == "completed"
