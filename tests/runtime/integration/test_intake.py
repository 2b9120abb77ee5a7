"""Events from outside, from the door to the graph."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from mplp_runtime.drift.check import DriftCheck
from mplp_runtime.errors import NodeMissing, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.integration.error_log import ERROR_LOG, ErrorLog
from mplp_runtime.integration.files import FileIngest
from mplp_runtime.integration.intake import LARGEST_EVENT_BYTES, Intake
from mplp_runtime.integration.knowledge import CI_RUN, failing_pipelines, failing_tools
from mplp_runtime.integration.rates import RateLimit
from mplp_runtime.orchestrator.records import live_runs
from mplp_runtime.psg.files import FILE, file_nodes
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.file_protection import Redacting
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from tests.runtime.samples import bus_of, graph_of, plan_of, uuid

FILE_EVENT = {"file_path": "src/a.py", "change_type": "modified", "timestamp": "2026-01-01T00:00:00Z"}
GIT_EVENT = {
    "repo_url": "git@host:r.git",
    "commit_id": "1a2b",
    "ref_name": "refs/heads/main",
    "event_kind": "merge",
    "timestamp": "2026-01-01T00:00:00Z",
}
TOOL_EVENT = {
    "tool_id": "ruff",
    "tool_kind": "linter",
    "invocation_id": "550e8400-e29b-41d4-a716-446655440000",
    " status": "failed",
    "output": "E501",
}


def ci_event(status: str, run: str = "42") -> dict[str, Any]:
    return {"ci_provider": "jenkins", "pipeline_id": "build", "run_id": run, "status": status}


class Clockwork:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def intake_of(store: ValueStateLayer, **more: Any) -> Intake:
    bus = EventBus(store, clock=system_clock, new_id=new_uuid)
    graph = Graph(store, bus, clock=system_clock, new_id=new_uuid)
    return Intake(PurePosixPath("/project"), store, bus, graph, clock=system_clock, **more)


def types(store: ValueStateLayer, stream: str = "project") -> list[str]:
    return [stored.event["event_type"] for stored in store.read(lambda reading: reading.events(stream))]


async def test_all_four_kinds_are_taken_in_and_the_graph_knows_of_them(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    for value in (FILE_EVENT, GIT_EVENT, ci_event("failed"), TOOL_EVENT):
        assert intake.offer(value, source="test").outcome == "waiting"
    await intake.settle()
    assert types(store) == [
        "ci_pipeline",
        "ci_run_created",
        "git_operation",
        "commit_created",
        "file_update",
        "file_created",
        "tool_execution",
        "tool_invocation_created",
    ]
    assert intake.counts.taken_in == 4
    assert store.read(lambda reading: reading.read_node(FILE, "src/a.py")) is not None


async def test_an_event_in_the_form_of_the_seeds_is_understood_and_what_was_renamed_is_said(
    store: ValueStateLayer,
) -> None:
    intake = intake_of(store)
    receipt = intake.offer({**ci_event("failed"), "commit_sha": "1a2b"}, source="hook")
    await intake.settle()
    assert receipt.notes == ("`commit_sha` is called `commit_id` in the frozen event; it was copied there.",)
    node = store.read(lambda reading: reading.read_node(CI_RUN, "jenkins/build/42"))
    assert node is not None
    assert (node.data["commit_id"], node.data["source"]) == ("1a2b", "hook")


async def test_the_same_delivery_has_one_effect_however_often_and_wherever_it_comes(
    store: ValueStateLayer,
) -> None:
    first, second = intake_of(store), intake_of(store)
    first.offer(GIT_EVENT, source="hook")
    second.offer(GIT_EVENT, source="hook")
    await first.settle()
    await second.settle()
    assert second.offer(GIT_EVENT, source="hook").outcome == "known"
    assert types(store).count("git_operation") == 1
    assert (second.counts.taken_in, second.counts.known) == (0, 2)


async def test_an_event_that_names_its_id_is_known_by_it(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    envelope = {
        "event_id": new_uuid(),
        "event_type": "git_operation",
        "event_family": "external_integration",
        "timestamp": "2026-01-01T00:00:00Z",
        "source": "hook",
        "payload": GIT_EVENT,
    }
    intake.offer(envelope, source="test")
    await intake.settle()
    # A redelivery may carry another time of sending.
    assert intake.offer({**envelope, "timestamp": "2026-01-01T00:05:00Z"}, source="test").outcome == "known"


async def test_a_run_under_way_has_the_event_in_its_trace_too(store: ValueStateLayer) -> None:
    intake = intake_of(store, live_streams=lambda _: ("run-1",))
    intake.offer(GIT_EVENT, source="hook")
    await intake.settle()
    assert types(store, "run-1") == ["git_operation"]


@pytest.mark.parametrize("who", ["an event from outside", "a look at the files"])
async def test_a_run_that_ends_at_that_moment_has_no_news_behind_its_end(tmp_path: Path, who: str) -> None:
    class EndsFirst(StoreDecorator):
        """A store in which the run's last commit comes before that of the news."""

        ends = False

        async def transact(self, work: Callable[[Transaction], Any]) -> Any:
            if self.ends:
                await super().transact(lambda transaction: transaction.delete("run_owner/plan"))
            return await super().transact(work)

    store = EndsFirst(MemoryStore())
    bus, graph = bus_of(store), graph_of(store)
    await store.set("run_owner/plan", {"run_id": "run-1"})
    if who == "an event from outside":
        intake = Intake(tmp_path, store, bus, graph, clock=system_clock, live_streams=live_runs)
        intake.offer(GIT_EVENT, source="hook")
        store.ends = True
        await intake.settle()
    else:
        look = DriftCheck(tmp_path, store, bus, graph, system_clock, live_runs)
        (tmp_path / "a.txt").write_text("one")
        await look.look(lambda: ["a.txt"])
        (tmp_path / "a.txt").write_text("another")
        store.ends = True
        assert (await look.look(lambda: ["a.txt"])).modified == ("a.txt",)
    assert types(store, "run-1") == []
    assert types(store) != []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{",
            "This is not valid JSON (line 1, column 2): Expecting property name enclosed in double quotes.",
        ),
        ("[1]", "An event is a JSON object."),
        ('{"a": NaN}', "This is not valid JSON: NaN is no JSON value."),
        ('{"a": "\\ud800"}', "The event is no UTF-8, or has half of a surrogate pair in a text."),
        ("[" * 5_000, "The event is nested too deeply."),
        ("{}", "This is no integration event: it is neither a file, git, CI nor tool event."),
        (
            json.dumps({**FILE_EVENT, "file_path": "../x"}),
            "'../x' leaves the project; paths of file events are relative to its root.",
        ),
        (" " * (LARGEST_EVENT_BYTES + 1), "The event is larger than 1024 KiB."),
    ],
    ids=["cut", "list", "NaN", "surrogate", "deep", "foreign", "outside", "large"],
)
def test_what_cannot_be_taken_in_is_told_in_a_sentence_and_kept_in_the_error_log(
    text: str, sentence: str
) -> None:
    intake = intake_of(MemoryStore())
    assert intake.offer_text(text, source="hook").error == sentence
    [line] = intake.errors.newest
    assert (line["source"], line["error"]) == ("hook", sentence)
    assert len(line["event"]) <= 2_000


async def test_a_flood_of_changes_of_one_file_is_one_event_and_none_is_lost(store: ValueStateLayer) -> None:
    clock = Clockwork()
    intake = intake_of(store, rate_limit=RateLimit(2, 100), monotonic=clock, sleep=clock.sleep)
    for second in range(50):
        intake.offer({**FILE_EVENT, "timestamp": f"2026-01-01T00:00:{second:02}Z"}, source="editor")
    for number in range(4):
        intake.offer({**FILE_EVENT, "file_path": f"{number}.py"}, source="editor")
    assert (intake.depth, intake.counts.joined) == (5, 49)
    await intake.settle()
    assert types(store).count("file_update") == 5
    # Two in each second: the fifth after two of them.
    assert clock.now_s == 2.0
    node = store.read(lambda reading: reading.read_node(FILE, "src/a.py"))
    assert node is not None
    assert node.data["last_modified"] == "2026-01-01T00:00:49Z"


async def test_each_of_the_joined_deliveries_is_known_afterwards(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    later = {**FILE_EVENT, "timestamp": "2026-01-01T00:00:09Z"}
    for value in (FILE_EVENT, later):
        intake.offer(value, source="editor")
    await intake.settle()
    assert [intake.offer(value, source="editor").outcome for value in (FILE_EVENT, later)] == ["known"] * 2


async def test_after_a_loss_files_are_to_be_looked_at_again(caplog: pytest.LogCaptureFixture) -> None:
    intake = intake_of(MemoryStore(), most_waiting=2)
    with caplog.at_level(logging.WARNING):
        for number in range(9):
            intake.offer({**FILE_EVENT, "file_path": f"{number}.py"}, source="editor")
    assert (intake.must_rescan, intake.counts.lost, intake.depth) == (True, 7, 2)
    assert len(caplog.records) == 1


async def test_files_whose_events_were_lost_are_found_by_one_look(tmp_path: Path) -> None:
    store = MemoryStore()
    bus = bus_of(store)
    graph = graph_of(store, bus)
    check = DriftCheck(tmp_path, store, bus, graph, system_clock)
    names = [f"{number}.py" for number in range(9)]
    looks = []

    async def look() -> None:
        looks.append(await check.look(lambda: names))

    intake = Intake(tmp_path, store, bus, graph, clock=system_clock, most_waiting=2, look_at_files=look)
    for name in names:
        (tmp_path / name).write_text("x")
        intake.offer({**FILE_EVENT, "file_path": name}, source="editor")
    assert intake.counts.lost == 7
    await intake.settle()
    await intake.settle()
    assert sorted(node.id for node in store.read(file_nodes)) == names
    assert (len(looks), intake.must_rescan, intake.has_work) == (1, False, False)


async def test_a_look_that_fails_after_a_loss_is_made_again() -> None:
    answers: list[Exception | None] = [StoreError("The state is locked."), None]

    async def look() -> None:
        if (problem := answers.pop(0)) is not None:
            raise problem

    intake = intake_of(MemoryStore(), most_waiting=1, look_at_files=look)
    for number in range(2):
        intake.offer({**FILE_EVENT, "file_path": f"{number}.py"}, source="editor")
    with pytest.raises(StoreError):
        await intake.settle()
    assert intake.has_work
    await intake.settle()
    assert (answers, intake.has_work) == ([], False)


async def test_what_no_look_can_find_out_is_kept_beyond_the_bound_and_refused_in_a_sentence(
    store: ValueStateLayer,
) -> None:
    clock = Clockwork()
    intake = intake_of(store, most_waiting=2, monotonic=clock, sleep=clock.sleep)
    receipts = [
        intake.offer({**GIT_EVENT, "commit_id": f"{number:040x}"}, source="hook") for number in range(21)
    ]
    assert [receipt.outcome for receipt in receipts] == ["waiting"] * 20 + ["rejected"]
    assert receipts[-1].error == "Too many events wait; this one was not taken."
    await intake.settle()
    assert types(store).count("git_operation") == 20


async def test_an_event_that_is_told_once_leaves_nothing_to_be_remembered(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    for _ in range(2):
        intake.offer(FILE_EVENT, source="editor", is_told_once=True)
    await intake.settle()
    assert types(store) == ["file_update", "file_created"]
    assert list(store.read(lambda reading: reading.keys("integration/deliveries/"))) == []


async def test_a_state_that_is_locked_for_a_moment_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = MemoryStore(), Clockwork()
    intake = intake_of(store, monotonic=clock, sleep=clock.sleep)
    transact, failures = store.transact, [StoreError("The state is locked.")] * 2

    async def locked_at_first(work: Callable[[Transaction], Any]) -> Any:
        if failures:
            raise failures.pop()
        return await transact(work)

    monkeypatch.setattr(store, "transact", locked_at_first)
    intake.offer(GIT_EVENT, source="hook")
    await intake.settle()
    assert "git_operation" in types(store)


async def test_a_state_that_stays_locked_is_told_and_the_events_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = MemoryStore(), Clockwork()
    intake = intake_of(store, monotonic=clock, sleep=clock.sleep)

    async def locked(work: object) -> None:
        raise StoreError("The state is locked.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", locked)
        intake.offer(GIT_EVENT, source="hook")
        with pytest.raises(StoreError):
            await intake.settle()
    assert intake.depth == 1
    assert intake.errors.newest[-1]["error"] == "1 events wait: The state is locked."
    await intake.settle()
    assert "git_operation" in types(store)


async def test_a_pipeline_fails_until_a_newer_run_of_it_succeeds(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    told = []
    for value in (ci_event("failed", "1"), ci_event("running", "2"), ci_event("succeeded", "2")):
        intake.offer(value, source="ci")
        await intake.settle()
        told.append([failure.name for failure in store.read(failing_pipelines)])
    assert told == [["build of jenkins (run 1)"], ["build of jenkins (run 1)"], []]


async def test_a_tool_that_failed_is_told_where_somebody_asks_for_it(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    intake.offer(TOOL_EVENT, source="hook")
    await intake.settle()
    assert [failure.name for failure in store.read(lambda reading: failing_tools(reading, ["ruff"]))] == [
        "ruff"
    ]
    assert store.read(lambda reading: failing_tools(reading, ["mypy"])) == []


def test_the_error_log_is_lines_of_json_in_the_state_folder_and_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mplp_runtime.integration.error_log.LARGEST_BYTES", 500)
    log = ErrorLog(lambda: tmp_path, system_clock)
    for number in range(10):
        log.add("hook", f"error {number}", {"n": number})
    [*_, last] = (tmp_path / ERROR_LOG).read_text().splitlines()
    assert json.loads(last)["error"] == "error 9"
    assert (tmp_path / ERROR_LOG).stat().st_size <= 500
    assert (tmp_path / f"{ERROR_LOG}.1").exists()


async def test_a_number_that_cannot_be_stored_does_not_hold_up_the_events_behind_it(
    store: ValueStateLayer,
) -> None:
    intake = intake_of(store)
    refused = intake.offer_text(json.dumps(FILE_EVENT)[:-1] + ', "weight": 1e400}', source="test")
    assert refused.error == "This is not valid JSON: 1e400 is too large for a number."
    assert intake.offer(GIT_EVENT, source="test").outcome == "waiting"
    await intake.settle()
    assert types(store) == ["git_operation", "commit_created"]


def test_the_error_log_is_not_written_through_a_link_out_of_the_project(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outside.txt").write_text("mine")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / ERROR_LOG).symlink_to(tmp_path / "outside.txt")
    ErrorLog(lambda: tmp_path / "state", system_clock).add("test", "It is wrong.", {})
    assert (tmp_path / "outside.txt").read_text() == "mine"
    assert "cannot be written" in caplog.text


def test_the_error_log_shows_no_more_of_an_event_than_the_timelines_do(tmp_path: Path) -> None:
    log = ErrorLog(lambda: tmp_path, system_clock, Redacting)
    log.add("test", "It is wrong.", {"token": "geheim"})
    written = (tmp_path / ERROR_LOG).read_text()
    assert "geheim" not in written
    assert json.loads(written)["timestamp"] == log.newest[0]["timestamp"]


async def test_a_commit_belongs_to_the_steps_that_its_message_names(store: ValueStateLayer) -> None:
    step_id = "11111111-1111-4111-8111-111111111111"
    bus = EventBus(store, clock=system_clock, new_id=new_uuid)
    graph = Graph(store, bus, clock=system_clock, new_id=new_uuid)
    plan = {"plan_id": "p", "title": "Release", "status": "approved"}
    step = {"step_id": step_id, "description": "Fix it", "status": "pending"}
    await store.transact(lambda transaction: graph.put_plan(transaction, {**plan, "steps": [step]}))
    intake = intake_of(store)
    unknown = "22222222-2222-4222-8222-222222222222"
    message = f"Fix it\n\nStep: {step_id.upper()}\nSee {unknown}"
    for _ in range(2):
        intake.offer({**GIT_EVENT, "event_kind": "commit", "commit_message": message}, source="post-commit")
        await intake.settle()
    (commit,) = graph.neighbours("Step", step_id, kind="commit")
    assert (commit.type, commit.data["commit_id"]) == ("Commit", "1a2b")
    assert graph.dangling() == []


async def test_a_file_that_a_step_named_is_taken_in_after_the_step_was_taken_out_of_a_large_plan(
    store: ValueStateLayer,
) -> None:
    """Of more than 2,000 steps the texts may be those of a moment ago, and the step's node was gone."""
    intake, graph = intake_of(store), graph_of(store)
    plan = plan_of(*((number, ()) for number in range(1, 2_003)))
    plan["steps"][5]["description"] = "Format src/a.py."
    await store.transact(lambda tx: graph.put_plan(tx, plan))
    intake.offer({**FILE_EVENT, "file_path": "other.py"}, source="editor")
    await intake.settle()
    less = {**plan, "steps": [step for step in plan["steps"] if step["step_id"] != uuid(6)]}
    await store.transact(lambda tx: graph.put_plan(tx, less))
    intake.offer(FILE_EVENT, source="editor")
    await intake.settle()
    assert (intake.depth, intake.counts.taken_in, intake.counts.rejected) == (0, 2, 0)
    assert store.read(lambda reading: reading.read_node(FILE, "src/a.py")) is not None


async def test_an_event_about_what_is_gone_does_not_hold_up_the_events_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, taken_in = Clockwork(), FileIngest.ingest_in

    def ingest_in(self: FileIngest, transaction: Transaction, envelope: Any, **more: Any) -> Any:
        if envelope["payload"]["file_path"] == "gone.py":
            raise NodeMissing("there is no Step s in the graph")
        return taken_in(self, transaction, envelope, **more)

    monkeypatch.setattr(FileIngest, "ingest_in", ingest_in)
    store = MemoryStore()
    intake = intake_of(store, monotonic=clock, sleep=clock.sleep)
    for path in ("gone.py", "src/a.py"):
        intake.offer({**FILE_EVENT, "file_path": path}, source="test")
    await intake.settle()
    assert types(store) == ["file_update", "file_created"]
    assert (intake.depth, intake.counts.rejected) == (0, 1)
    # Another try could not help, and none was made.
    assert clock.now_s == 0


async def test_an_event_that_meets_a_bug_of_ours_is_rejected_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken_in = FileIngest.ingest_in

    def ingest_in(self: FileIngest, transaction: Transaction, envelope: Any, **more: Any) -> Any:
        if envelope["payload"]["file_path"] == "odd.py":
            raise KeyError("odd")
        return taken_in(self, transaction, envelope, **more)

    monkeypatch.setattr(FileIngest, "ingest_in", ingest_in)
    store = MemoryStore()
    intake = intake_of(store)
    for path in ("odd.py", "src/a.py"):
        intake.offer({**FILE_EVENT, "file_path": path}, source="test")
    await intake.settle()
    assert types(store) == ["file_update", "file_created"]
    assert (intake.depth, intake.counts.rejected, intake.counts.taken_in) == (0, 1, 1)
    assert caplog.messages == ["A bug in taking an event in; it is rejected."]


async def test_after_a_bad_event_and_a_lock_in_one_batch_no_event_is_there_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, clock = MemoryStore(), Clockwork()
    intake = intake_of(store, monotonic=clock, sleep=clock.sleep)
    taken_in, transact, calls = FileIngest.ingest_in, store.transact, 0

    def ingest_in(self: FileIngest, transaction: Transaction, envelope: Any, **more: Any) -> Any:
        if envelope["payload"]["file_path"] == "bad.py":
            raise NodeMissing("there is no Step s in the graph")
        return taken_in(self, transaction, envelope, **more)

    async def locked_from_the_fourth_call_on(work: Callable[[Transaction], Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise StoreError("The state is locked.")
        return await transact(work)

    monkeypatch.setattr(FileIngest, "ingest_in", ingest_in)
    for path in ("a.py", "bad.py", "b.py", "c.py"):
        # What is told once is not known again by its delivery.
        intake.offer({**FILE_EVENT, "file_path": path}, source="editor", is_told_once=True)
    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", locked_from_the_fourth_call_on)
        with pytest.raises(StoreError):
            await intake.settle()
    assert intake.depth == 2
    await intake.settle()
    updates = [
        stored.event["payload"]["file_path"]
        for stored in store.read(lambda reading: reading.events("project"))
        if stored.event["event_type"] == "file_update"
    ]
    assert updates == ["a.py", "b.py", "c.py"]
    assert (intake.counts.rejected, intake.counts.taken_in) == (1, 3)


async def test_what_is_said_of_one_file_in_several_spellings_is_told_in_the_order_in_which_it_came(
    store: ValueStateLayer,
) -> None:
    clock = Clockwork()
    intake = intake_of(store, monotonic=clock, sleep=clock.sleep, rate_limit=RateLimit(2, 100))
    for path in ("one.py", "two.py", "./src/a.py"):
        intake.offer({**FILE_EVENT, "file_path": path}, source="editor")
    intake.offer(
        {**FILE_EVENT, "file_path": "/project/src/a.py", "change_type": "deleted"}, source="file_watcher"
    )
    await intake.settle()
    node = store.read(lambda reading: reading.read_node(FILE, "src/a.py"))
    assert node is not None
    assert "missing_since" in node.data, "the file that was deleted last is there again"


@pytest.mark.parametrize("bad", ["half \udce9", "nul \x00"], ids=["surrogate", "nul"])
@pytest.mark.parametrize(
    "value",
    [
        ci_event("failed", "{bad}"),
        {**GIT_EVENT, "commit_id": "{bad}"},
        {**FILE_EVENT, "event_id": "{bad}"},
        {**FILE_EVENT, "source": "{bad}"},
    ],
    ids=["run", "commit", "delivery", "source"],
)
async def test_an_event_with_a_name_that_no_state_keeps_is_refused_and_holds_up_no_other(
    store: ValueStateLayer, value: dict[str, Any], bad: str
) -> None:
    intake = intake_of(store)
    named = {name: item.format(bad=bad) for name, item in value.items()}
    receipt = intake.offer(named, source="hook")
    assert (receipt.outcome, "A name in the event has" in str(receipt.error)) == ("rejected", True)
    intake.offer(FILE_EVENT, source="editor")
    await intake.settle()
    assert types(store) == ["file_update", "file_created"]


async def test_a_change_that_says_where_its_file_was_holds_up_no_other(store: ValueStateLayer) -> None:
    intake = intake_of(store)
    for more in ({}, {"previous_path": "src/old.py"}, {"file_path": "b.py"}):
        intake.offer({**FILE_EVENT, **more}, source="editor")
    await intake.settle()
    assert (intake.depth, intake.counts.taken_in) == (0, 2)
