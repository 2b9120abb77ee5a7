"""A file event reaches the log, the file node and a graph_update together, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import pytest

from mplp_runtime.errors import EventRejected, PathOutsideProject
from mplp_runtime.events.families import event_core
from mplp_runtime.integration.files import FileIngest, file_update_event
from mplp_runtime.psg import mentions
from mplp_runtime.psg.files import file_nodes
from mplp_runtime.psg.impact import impact
from mplp_runtime.vsl.interface import Edge, Reading, ValueStateLayer
from tests.runtime.official import needs_official, official_errors
from tests.runtime.samples import bus_of, graph_of, stamper


class Taking:
    """A store that takes file events in."""

    def __init__(self, store: ValueStateLayer) -> None:
        self.store = store
        self.bus = bus_of(store)
        self.graph = graph_of(store, self.bus)
        self.files = FileIngest(store, self.bus, self.graph)

    async def event(self, path: str, change: Any = "modified", **members: Any) -> Any:
        envelope = file_update_event(
            self.bus.stamper, file_path=path, change_type=change, source="mplp-lsp", **members
        )
        return await self.files.ingest(envelope)

    def types(self) -> list[str]:
        return [
            stored.event["event_type"]
            for stored in self.store.read(lambda reading: reading.events("project"))
        ]


@needs_official
def test_the_event_is_valid_with_everything_that_may_be_known() -> None:
    event = file_update_event(
        stamper(),
        file_path="src/neu.py",
        change_type="renamed",
        source="mplp-lsp",
        changed_at=datetime(2025, 12, 6, tzinfo=UTC),
        workspace_root="/home/ada/project",
        previous_path="src/alt.py",
        change_summary="renamed",
        lines_added=3,
        lines_removed=0,
        encoding="utf-8",
        language="python",
        content_hash="sha256:00",
        size_bytes=12,
        editor_source="nvim",
    )
    assert official_errors("events/mplp-event-core.schema.json", event) == []
    assert official_errors("integration/mplp-file-update-event.schema.json", event["payload"]) == []
    assert (event["source"], event["content_hash"], event["size_bytes"]) == ("mplp-lsp", "sha256:00", 12)


async def test_a_first_sighting_adds_a_node_and_a_change_updates_it(store: ValueStateLayer) -> None:
    taking = Taking(store)
    first = await taking.event("a.py", "created", content_hash="sha256:1", size_bytes=5, language="python")
    second = await taking.event("a.py", content_hash="sha256:2")
    assert taking.types() == ["file_update", "file_created", "file_update", "file_reconciled"]
    assert (first.drift, first.lamports, second.drift, second.lamports) == (None, (1, 2), "content", (3, 4))
    node = taking.graph.read("File", "a.py")
    assert node is not None
    assert node.data["content_hash"] == "sha256:2"
    assert node.data["language"] == "python"
    assert "size_bytes" not in node.data, "the old size is no longer true"
    updates = [stored.event for stored in store.read(lambda r: r.events("project"))][1::2]
    assert [(event["update_kind"], event["node_delta"]) for event in updates] == [
        ("node_add", 1),
        ("node_update", 0),
    ]
    assert ["drift" in event["payload"] for event in updates] == [False, True]
    assert updates[1]["payload"]["drift"] == "content"


async def test_a_touch_without_a_change_is_no_drift(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await taking.event("a.py", content_hash="sha256:1")
    assert (await taking.event("a.py", content_hash="sha256:1")).drift is None
    assert (await taking.event("a.py")).drift == "time", "without a hash, time decides"


async def test_an_older_event_is_no_drift(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await taking.event("a.py", changed_at=datetime(2025, 12, 6, tzinfo=UTC))
    assert (await taking.event("a.py", changed_at=datetime(2025, 12, 5, tzinfo=UTC))).drift is None


async def test_a_deleted_file_stays_as_missing_and_a_renamed_one_has_its_new_place(
    store: ValueStateLayer,
) -> None:
    taking = Taking(store)
    await taking.event("a.py", "created")
    await taking.event("b.py", "created")
    await taking.event("a.py", "deleted")
    await taking.event("c.py", "renamed", previous_path="b.py")
    assert [node.id for node in store.read(file_nodes)] == ["a.py", "c.py"]
    missing = taking.graph.read("File", "a.py")
    assert missing is not None
    assert "missing_since" in missing.data
    assert taking.graph.read("File", "b.py", deleted=True) is not None
    count = len(taking.types())
    await taking.event("a.py", "deleted")
    assert taking.types()[count:] == ["file_update"], "that it is gone is told once"
    await taking.event("never seen.py", "deleted")
    assert taking.types()[-1] == "file_update", "nothing in the graph changed"


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "a/../../b", "C:\\Windows", "..\\up", "a\x00b"]
)
async def test_a_path_that_leaves_the_project_changes_nothing(store: ValueStateLayer, path: str) -> None:
    taking = Taking(store)
    with pytest.raises(PathOutsideProject):
        await taking.event(path)
    with pytest.raises(PathOutsideProject):
        await taking.event("fine.py", "renamed", previous_path=path)
    assert taking.types() == []
    assert store.read(file_nodes) == []


async def test_one_file_is_one_node_however_its_path_is_written(store: ValueStateLayer) -> None:
    taking = Taking(store)
    for path in ("src/12:30.log", "./src/12:30.log", "src//12:30.log"):
        await taking.event(path)
    await taking.event("a:b", "created")
    assert [node.id for node in store.read(file_nodes)] == ["src/12:30.log", "a:b"]


async def test_a_file_whose_name_is_no_utf_8_is_known_too(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await taking.event("src/odd\udcff.py", "created")
    await taking.event("src/odd\udcff.py")
    assert [node.id for node in store.read(file_nodes)] == ["src/odd\ufffd.py"]
    for stored in store.read(lambda reading: reading.events()):
        json.dumps(stored.event, ensure_ascii=False).encode("utf-8")


async def test_an_absolute_path_below_the_root_is_the_same_file(store: ValueStateLayer) -> None:
    taking = Taking(store)
    taking.files = FileIngest(store, taking.bus, taking.graph, root=PurePath("/home/ada/project"))
    await taking.event("src/a.py", "created")
    await taking.event("/home/ada/project/src/a.py")
    assert [node.id for node in store.read(file_nodes)] == ["src/a.py"]
    for outside in ("/home/ada/project/../secret", "/home/ada/project-2/a.py"):
        with pytest.raises(PathOutsideProject):
            await taking.event(outside)


async def test_other_events_are_refused(store: ValueStateLayer) -> None:
    taking = Taking(store)
    with pytest.raises(EventRejected, match="no file update"):
        await taking.files.ingest(event_core(stamper(), "x", "intent"))
    with pytest.raises(EventRejected, match="must be one of"):
        await taking.event("a.py", "touched")


async def test_a_run_under_way_gets_the_event_too(store: ValueStateLayer) -> None:
    taking = Taking(store)
    envelope = file_update_event(
        taking.bus.stamper, file_path="a.py", change_type="created", source="mplp-lsp"
    )
    await taking.files.ingest(envelope, streams=("project", "run"))
    [stored] = store.read(lambda reading: reading.events("run"))
    assert stored.event["event_id"] == envelope["event_id"]


def plan_with(*texts: str) -> dict[str, Any]:
    steps = [
        {"step_id": f"s{number}", "description": text, "status": "pending"}
        for number, text in enumerate(texts)
    ]
    return {"plan_id": "p", "title": "Release", "status": "approved", "steps": steps}


async def put_plan(taking: Taking, *texts: str) -> None:
    await taking.store.transact(lambda transaction: taking.graph.put_plan(transaction, plan_with(*texts)))


def steps_of(taking: Taking, path: str) -> list[str]:
    return [node.id for node in taking.graph.neighbours("File", path, kind="file", direction="in")]


async def test_a_change_of_a_file_reaches_the_steps_that_name_it(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await put_plan(taking, "Format src/a.py.", "Test everything", "Look at src/a.pyc and lib/src/a.py")
    await taking.event("src/a.py")
    assert steps_of(taking, "src/a.py") == ["s0"]
    assert [each.id for each in taking.graph.neighbours("Step", "s0", kind="file")] == ["src/a.py"]
    (update,) = [
        stored.event
        for stored in store.read(lambda reading: reading.events("project"))
        if stored.event["event_type"] == "file_created"
    ]
    assert (update["update_kind"], update["node_delta"], update["edge_delta"]) == ("bulk", 1, 1)
    await taking.event("src/a.py")
    assert taking.types().count("file_reconciled") == 1, "known edges are not added again"
    assert taking.graph.dangling() == []


async def test_a_file_called_build_does_not_touch_every_step_that_speaks_of_a_build(
    store: ValueStateLayer,
) -> None:
    taking = Taking(store)
    said = ("Wait for the build", "Run the script `build`", "Run ./build twice", "Update the Makefile")
    await put_plan(taking, *said, "Look at ./src/a.py")
    for path in ("build", "Makefile", "src/a.py"):
        await taking.event(path)
    assert steps_of(taking, "build") == ["s1", "s2"]
    assert (steps_of(taking, "Makefile"), steps_of(taking, "src/a.py")) == (["s3"], ["s4"])
    reached = store.read(lambda reading: impact(reading, "File", "build"))
    assert [each.node.id for each in reached if each.node.type == "Step"] == ["s1", "s2"]


async def test_a_step_that_no_longer_names_a_file_is_not_touched_by_it(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await put_plan(taking, "Format a.py", "Test a.py")
    await taking.event("a.py")
    await put_plan(taking, "Format b.py", "Test a.py")
    await taking.event("a.py")
    assert steps_of(taking, "a.py") == ["s1"]
    await taking.event("b.py", "renamed", previous_path="a.py")
    assert (steps_of(taking, "a.py"), steps_of(taking, "b.py")) == ([], ["s0"])


async def test_steps_that_another_process_changed_in_between_are_seen(store: ValueStateLayer) -> None:
    taking, other = Taking(store), Taking(store)
    await put_plan(taking, "Format a.py")
    await taking.event("a.py")
    await put_plan(other, "Format a.py", "Test a.py")
    await taking.event("a.py", content_hash="sha256:2")
    assert steps_of(taking, "a.py") == ["s0", "s1"]


async def test_steps_are_not_read_again_between_events_of_files(
    store: ValueStateLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = Taking(store)
    await put_plan(taking, "Format a.py", "Test b.py")
    reads: list[Reading] = []
    step_texts = mentions.step_texts

    def counted(reading: Reading) -> dict[str, str]:
        reads.append(reading)
        return step_texts(reading)

    monkeypatch.setattr(mentions, "step_texts", counted)
    for path in ("a.py", "b.py", "a.py", "c.py"):
        await taking.event(path)
    assert len(reads) == 1
    await put_plan(taking, "Format a.py", "Test c.py")
    await taking.event("c.py", content_hash="sha256:2")
    assert (len(reads), steps_of(taking, "c.py")) == (2, ["s1"])


async def test_work_that_was_undone_leaves_no_wrong_memory_of_steps(store: ValueStateLayer) -> None:
    taking = Taking(store)
    await put_plan(taking, "Format a.py")

    def undone(transaction: Any) -> None:
        envelope = file_update_event(
            taking.bus.stamper, file_path="a.py", change_type="modified", source="mplp-lsp"
        )
        taking.files.ingest_in(transaction, envelope)
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await store.transact(undone)
    # As many events as were undone: the clock stands where it would have stood.
    await put_plan(taking, "Format a.py", "Test a.py")
    await put_plan(taking, "Format a.py", "Test a.py", "Read a.py")
    await taking.event("a.py")
    assert steps_of(taking, "a.py") == ["s0", "s1", "s2"]


async def test_of_very_many_steps_the_texts_are_read_now_and_then(store: ValueStateLayer) -> None:
    taking, now_s = Taking(store), 0.0
    texts = mentions.StepTexts(exact_up_to=1, pause_s=5.0, monotonic=lambda: now_s)
    taking.files = FileIngest(store, taking.bus, taking.graph, steps=texts)
    await put_plan(taking, "Format a.py", "Test b.py")
    await taking.event("a.py", content_hash="sha256:1")
    await put_plan(taking, "Format a.py", "Test a.py")
    await taking.event("a.py", content_hash="sha256:2")
    assert steps_of(taking, "a.py") == ["s0"]
    await put_plan(taking, "Format a.py", "Test a.py!")
    now_s = 5.0
    await taking.event("a.py", content_hash="sha256:3")
    assert steps_of(taking, "a.py") == ["s0", "s1"]


async def test_steps_that_are_written_between_two_files_of_one_transaction_are_found(
    store: ValueStateLayer,
) -> None:
    taking = Taking(store)
    await put_plan(taking, "Format a.py")

    def told(transaction: Any, path: str) -> None:
        envelope = file_update_event(
            taking.bus.stamper, file_path=path, change_type="modified", source="mplp-lsp"
        )
        taking.files.ingest_in(transaction, envelope)

    def both(transaction: Any) -> None:
        told(transaction, "a.py")
        taking.graph.put(transaction, "Step", "s9", {"description": "Test b.py"}, stream="project")
        told(transaction, "b.py")

    await store.transact(both)
    assert steps_of(taking, "b.py") == ["s9"]


async def test_a_file_that_very_many_steps_name_costs_no_more_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch, store: ValueStateLayer
) -> None:
    taking, count = Taking(store), 300
    await put_plan(taking, *("Format a.py" for _ in range(count)))
    await taking.event("a.py", content_hash="sha256:1")
    hashes, hash_of = 0, Edge.__hash__

    def counted(edge: Edge) -> int:
        nonlocal hashes
        hashes += 1
        return hash_of(edge)

    monkeypatch.setattr(Edge, "__hash__", counted)
    await taking.event("a.py", content_hash="sha256:2")
    assert len(steps_of(taking, "a.py")) == count
    assert hashes < 20 * count
