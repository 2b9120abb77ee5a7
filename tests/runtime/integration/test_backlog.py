"""Events that wait for their turn: order, rates, joining, bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mplp_runtime.integration.backlog import MOST_JOINED, Backlog, Delivered, priority_of
from mplp_runtime.integration.coalescing import joined
from mplp_runtime.integration.rates import RateLimit, Rates


def file_event(
    path: str = "a.py", change: str = "modified", source: str = "editor", **more: Any
) -> dict[str, Any]:
    payload = {"file_path": path, "change_type": change, "timestamp": "2026-01-01T00:00:00Z", **more}
    return {"event_type": "file_update", "source": source, "payload": payload}


def ci_event(status: str, run: str = "1", source: str = "ci") -> dict[str, Any]:
    payload = {"ci_provider": "jenkins", "pipeline_id": "build", "run_id": run, "status": status}
    return {"event_type": "ci_pipeline", "source": source, "payload": payload}


def git_event(kind: str = "commit", commit: str = "abc", source: str = "git") -> dict[str, Any]:
    payload = {"repo_url": "r", "commit_id": commit, "ref_name": "main", "event_kind": kind}
    return {"event_type": "git_operation", "source": source, "payload": payload}


def tool_event(status: str = "failed") -> dict[str, Any]:
    payload = {"tool_id": "ruff", "tool_kind": "linter", "invocation_id": "1", "status": status}
    return {"event_type": "tool_execution", "source": "tool", "payload": payload}


def backlog_of(*events: dict[str, Any], limit: RateLimit | None = None, most: int = 100) -> Backlog:
    backlog = Backlog(limit or RateLimit(), most)
    for event in events:
        backlog.put(Delivered(event))
    return backlog


def taken(backlog: Backlog, most: int = 100, now_s: float = 0.0) -> list[dict[str, Any]]:
    return [event.envelope for event in backlog.take(most, now_s)]


def test_a_failed_ci_run_comes_before_a_merge_and_a_tool_comes_last() -> None:
    events = [tool_event(), file_event(), git_event("merge"), ci_event("failed")]
    assert taken(backlog_of(*events)) == list(reversed(events))
    assert [priority_of(event) for event in events] == ["background", "low", "medium", "high"]


def test_changes_of_one_file_that_wait_become_one_event_with_all_their_lines() -> None:
    backlog = backlog_of(
        file_event("a.py", "created", lines_added=3),
        file_event("b.py"),
        file_event("a.py", "modified", lines_added=2),
    )
    first, second = taken(backlog)
    assert first["payload"]["change_type"] == "created"
    assert (first["payload"]["lines_added"], first["coalesced"]) == (5, 2)
    assert second["payload"]["file_path"] == "b.py"


def test_a_change_after_a_rename_is_not_told_before_it() -> None:
    rename = file_event("b.py", "renamed", previous_path="a.py")
    events = [file_event("b.py"), rename, file_event("b.py", "deleted")]
    assert [event["payload"]["change_type"] for event in taken(backlog_of(*events))] == [
        "modified",
        "renamed",
        "deleted",
    ]


def told(backlog: Backlog, **how: Any) -> list[tuple[str, str, str]]:
    """(path, change, source) of what is taken."""
    events = [each.envelope for each in backlog.take(how.get("most", 1_000), how.get("now_s", 0.0))]
    return [
        (event["payload"]["file_path"], event["payload"]["change_type"], event["source"]) for event in events
    ]


def test_a_file_that_the_editor_saved_and_the_watcher_saw_deleted_ends_deleted_however_many_wait() -> None:
    backlog = backlog_of(
        *(file_event(f"{number}.py") for number in range(5)),
        file_event("4.py", "deleted", "file_watcher"),
        file_event("else.py", "created", "file_watcher"),
        limit=RateLimit(3, 100),
    )
    assert told(backlog) == [(f"{number}.py", "modified", "editor") for number in range(3)]
    assert backlog.wait_s(0.25) == 0.75, "the watcher may pass, but has nothing whose turn it is"
    assert told(backlog, now_s=1.0) == [
        ("3.py", "modified", "editor"),
        ("4.py", "modified", "editor"),
        ("4.py", "deleted", "file_watcher"),
        ("else.py", "created", "file_watcher"),
    ]
    assert backlog.wait_s(1.0) is None


def test_what_editor_and_watcher_say_of_one_file_in_turn_is_joined_and_ends_as_it_did() -> None:
    backlog = backlog_of(
        file_event("n.py", "created", "file_watcher"),
        file_event("n.py", "modified", "editor"),
        file_event("n.py", "deleted", "file_watcher"),
        file_event("m.py", "created", "file_watcher"),
        file_event("m.py", "modified", "editor"),
    )
    assert told(backlog) == [
        ("n.py", "modified", "editor"),
        ("n.py", "deleted", "file_watcher"),
        ("m.py", "created", "file_watcher"),
        ("m.py", "modified", "editor"),
    ]
    saves = backlog_of(*(file_event(source=source) for _ in range(50) for source in ("editor", "watcher")))
    assert [event["coalesced"] for event in taken(saves)] == [50, 50]


def test_a_change_after_a_rename_by_another_source_is_not_told_before_it() -> None:
    events = [
        file_event("b.py", "modified", "editor"),
        file_event("b.py", "renamed", "git", previous_path="a.py"),
        file_event("b.py", "deleted", "editor"),
        file_event("a.py", "created", "file_watcher"),
    ]
    found = [event["payload"]["change_type"] for event in taken(backlog_of(*events))]
    assert found[:2] == ["modified", "renamed"]
    assert sorted(found[2:]) == ["created", "deleted"]


def test_what_could_not_be_stored_keeps_the_order_of_its_file_among_the_sources() -> None:
    events = [
        file_event("a.py", "created", "editor"),
        file_event("a.py", "modified", "file_watcher"),
        file_event("a.py", "deleted", "git"),
    ]
    backlog = backlog_of(*events)
    backlog.put_back(backlog.take(2, 0.0))
    backlog.put(Delivered(file_event("a.py", "created", "editor")))
    assert [change for _, change, _ in told(backlog)] == ["created", "modified", "deleted", "created"]
    assert len(backlog) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["modified", "deleted", "created", "renamed", "take", "put back"]),
            st.sampled_from("abc"),
            st.sampled_from(["editor", "file_watcher", "git"]),
        ),
        max_size=60,
    ),
    st.integers(2, 6),
)
def test_the_last_that_is_told_of_a_file_is_the_last_that_came(
    steps: list[tuple[str, str, str]], most: int
) -> None:
    backlog = Backlog(RateLimit(2, 1_000), most)
    came: dict[str, str] = {}
    last: dict[str, str] = {}

    def take(events: list[Delivered]) -> None:
        for event in events:
            payload = event.envelope["payload"]
            last[payload["file_path"]] = payload["word"]

    for number, (what, path, source) in enumerate(steps):
        if what == "take":
            take(backlog.take(most, number / 10))
        elif what == "put back":
            backlog.put_back(backlog.take(most, number / 10))
        else:
            # What is no rename may say where the file was, too.
            more = {"previous_path": "c"} if what in {"renamed", "modified"} else {}
            event = file_event(path, what, source, word=str(number), **more)
            if backlog.put(Delivered(event)) != "lost":
                came[path] = str(number)
    time_s = 100.0
    while (wait_s := backlog.wait_s(time_s)) is not None:
        time_s += wait_s
        events = backlog.take(most, time_s)
        assert events, "whoever need not wait finds something"
        take(events)
    assert last == came
    assert len(backlog) == 0
    assert backlog._paths._numbers == backlog._paths._renames == {}


def test_a_change_that_says_where_its_file_was_is_joined_with_one_that_does_not_and_both_are_taken() -> None:
    backlog = backlog_of(
        file_event("new.py", "created"),
        file_event("new.py", "modified", previous_path="old.py"),
        file_event("old.py", "deleted", "file_watcher"),
    )
    assert backlog.wait_s(0.0) == 0.0
    assert told(backlog) == [("new.py", "created", "editor"), ("old.py", "deleted", "file_watcher")]
    assert backlog.wait_s(0.0) is None


def test_a_source_that_finds_no_room_at_first_holds_up_nothing_that_waits() -> None:
    backlog = Backlog(RateLimit(), 2)
    for path in ("a.py", "b.py"):
        backlog.put(Delivered(file_event(path)))
    assert backlog.put(Delivered(file_event("c.py", source="file_watcher"))) == "lost"
    assert backlog.wait_s(0.0) == 0.0
    assert [path for path, _, _ in told(backlog)] == ["a.py", "b.py"]
    assert backlog.wait_s(0.0) is None


@pytest.mark.parametrize("source", ["editor", "git"])
def test_a_source_whose_only_event_was_given_up_holds_up_nothing_that_waits(source: str) -> None:
    backlog = backlog_of(file_event(source="editor"), git_event(source=source), most=1)
    assert backlog.lost == 1
    assert backlog.wait_s(0.0) == 0.0
    assert [event["event_type"] for event in taken(backlog)] == ["git_operation"]
    assert backlog.wait_s(0.0) is None


def test_a_file_is_the_same_however_its_sources_write_its_path() -> None:
    backlog = Backlog(RateLimit(2, 100), path_of=lambda path: path.removeprefix("./"))
    for event in (
        file_event("other.py"),
        file_event("third.py"),
        file_event("a.py", "created"),
        file_event("./a.py", "modified"),
        file_event("./a.py", "deleted", "file_watcher"),
    ):
        backlog.put(Delivered(event))
    assert [path for path, _, _ in told(backlog)] == ["other.py", "third.py"]
    assert told(backlog, now_s=1.0) == [
        ("./a.py", "created", "editor"),
        ("./a.py", "deleted", "file_watcher"),
    ]


def test_a_deleted_file_that_comes_back_was_modified() -> None:
    assert (
        joined(file_event(change="deleted"), file_event(change="created"))["payload"]["change_type"]
        == "modified"
    )


def test_a_ci_run_that_has_ended_does_not_run_again_because_news_came_late() -> None:
    assert joined(ci_event("succeeded"), ci_event("running"))["payload"]["status"] == "succeeded"


def test_a_joined_event_does_not_claim_the_content_of_the_older_one() -> None:
    older = {**file_event(lines_added=1, lines_removed=2), "content_hash": "sha256:1", "size_bytes": 3}
    event = joined(older, file_event(change="deleted", lines_removed=4))
    assert event["payload"] == {**file_event(change="deleted")["payload"], "lines_removed": 6}
    assert event["coalesced"] == 2
    assert not {"content_hash", "size_bytes"} & event.keys()


def test_each_commit_stands_for_itself() -> None:
    assert len(taken(backlog_of(git_event(commit="a"), git_event(commit="b"), git_event(commit="b")))) == 3


def test_a_source_that_floods_waits_and_the_others_pass() -> None:
    flood = [file_event(f"{number}.py", source="noisy") for number in range(5)]
    backlog = backlog_of(*flood, file_event("x.py", source="quiet"), limit=RateLimit(2, 100))
    assert [event["source"] for event in taken(backlog)] == ["noisy", "noisy", "quiet"]
    assert backlog.wait_s(0.25) == 0.75
    assert len(taken(backlog, now_s=1.0)) == 2
    assert len(backlog) == 1


def test_no_minute_has_more_events_of_a_source_than_its_limit() -> None:
    rates = Rates(RateLimit(per_second=10, per_minute=15))
    passed = [second for second in range(120) for _ in range(3) if rates.take("git", float(second))]
    assert all(sum(start <= second < start + 60 for second in passed) <= 15 for start in range(120))
    assert len(passed) == 30


def test_a_full_backlog_gives_up_a_file_and_never_what_no_disk_can_tell() -> None:
    backlog = backlog_of(file_event("a.py"), file_event("b.py"), most=2)
    assert backlog.put(Delivered(git_event())) == "waiting"
    assert backlog.put(Delivered(file_event("c.py"))) == "lost"
    assert backlog.lost == 2
    assert [event["event_type"] for event in taken(backlog)] == ["file_update", "git_operation"]


def test_what_could_not_be_stored_comes_first_the_next_time() -> None:
    backlog = backlog_of(file_event("a.py"), file_event("b.py"), file_event("c.py"))
    backlog.put_back(backlog.take(2, 0.0))
    assert [event["payload"]["file_path"] for event in taken(backlog)] == ["a.py", "b.py", "c.py"]
    assert len(backlog) == 0


def test_the_same_delivery_twice_before_its_turn_does_not_count_its_lines_twice() -> None:
    backlog = Backlog(RateLimit())
    event = Delivered(file_event(lines_added=3), ("git/1",))
    assert [backlog.put(event), backlog.put(event)] == ["waiting", "known"]
    assert [each["payload"]["lines_added"] for each in taken(backlog)] == [3]
    assert backlog.put(event) == "waiting", "what was taken in is told apart by the state"


def test_a_file_that_changes_without_end_does_not_make_one_event_without_end() -> None:
    backlog = Backlog(RateLimit())
    for number in range(MOST_JOINED + 1):
        backlog.put(Delivered(file_event(lines_added=1), (f"git/{number}",)))
    assert [len(event.deliveries) for event in backlog.take(10, 0.0)] == [MOST_JOINED, 1]


def test_sources_that_never_come_back_are_forgotten() -> None:
    rates = Rates(RateLimit())
    for number in range(5_000):
        assert rates.take(f"hook-{number}", number * 1.0)
    assert len(rates._passed) <= 1_000
