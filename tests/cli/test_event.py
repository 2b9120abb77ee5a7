"""`mplp-lsp event`: git hooks and CI jobs tell the project what happened."""

from __future__ import annotations

import io
import json
import queue
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_lsp.cli.event import _batch, event_command, events_of
from tests.cli.process import LIMIT_S, PROGRAM, environment, mplp, until

FILE_EVENT = {"file_path": "a.py", "change_type": "modified", "timestamp": "2026-01-01T00:00:00Z"}
CI_EVENT = {"ci_provider": "jenkins", "pipeline_id": "build", "run_id": "1", "status": "failed"}


def told(root: Path) -> list[str]:
    lines = (root / ".mplp/timeline.events.ndjson").read_text().splitlines()
    return [json.loads(line)["event_type"] for line in lines]


def test_events_on_lines_are_taken_in_and_what_is_wrong_is_said_with_its_line(tmp_path: Path) -> None:
    lines = [json.dumps(FILE_EVENT), "", '{"file_path": ', json.dumps({**CI_EVENT, "commit_sha": "1a2b"})]
    (tmp_path / "events.ndjson").write_text("\n".join(lines))
    done = mplp(tmp_path, "event", "events.ndjson", "--source", "post-commit")
    assert (done.code, done.out) == (1, "Events: 2 taken in, 1 rejected.\n")
    assert "event 3: This is not valid JSON (line 1, column 14): Expecting value." in done.err
    assert "event 4: note: `commit_sha` is called `commit_id` in the frozen event" in done.err
    of_ci, of_file = ["ci_pipeline", "ci_run_created"], ["file_update", "file_created"]
    # The urgent one first only if it was read before the other was taken in.
    assert told(tmp_path) in ([*of_ci, *of_file], [*of_file, *of_ci])
    again = mplp(tmp_path, "event", "events.ndjson", "--source", "post-commit")
    assert again.out == "Events: 0 taken in, 2 known already, 1 rejected.\n"


def test_events_are_taken_in_while_the_pipe_is_still_open(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "event", "-"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(FILE_EVENT) + "\n")
    process.stdin.flush()
    timeline = tmp_path / ".mplp/timeline.events.ndjson"
    until(lambda: timeline.exists() and "file_update" in timeline.read_text(), "the first event")
    out, _ = process.communicate(json.dumps(CI_EVENT) + "\n", timeout=LIMIT_S)
    assert (process.returncode, out) == (0, "Events: 2 taken in.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_control_c_ends_it_while_the_pipe_is_still_open(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "event", "-"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(json.dumps(FILE_EVENT) + "\n")
    process.stdin.flush()
    timeline = tmp_path / ".mplp/timeline.events.ndjson"
    until(lambda: timeline.exists() and "file_update" in timeline.read_text(), "the first event")
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=LIMIT_S) == 130
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stderr.close()


def test_more_events_than_may_wait_at_once_are_read_in_turns() -> None:
    waiting: queue.Queue[tuple[int, str] | None] = queue.Queue()
    for number in range(2_500):
        waiting.put((number, "{}"))
    waiting.put(None)
    sizes = []
    while batch := _batch(waiting):
        sizes.append(len(batch))
    assert sizes == [1_000, 1_000, 500]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (json.dumps(FILE_EVENT), [1]),
        (json.dumps(FILE_EVENT, indent=2), [1]),
        (json.dumps([FILE_EVENT, CI_EVENT], indent=2), [1, 2]),
        (json.dumps([FILE_EVENT, CI_EVENT]), [1, 2]),
        (f"\n{json.dumps(FILE_EVENT)}\n{json.dumps(CI_EVENT)}\n", [2, 3]),
        ('{"broken": \n' + json.dumps(FILE_EVENT), [1, 2]),
        ('{\n"broken": \n', [1]),
        ("", []),
    ],
    ids=[
        "one",
        "indented",
        "list indented",
        "list",
        "lines",
        "first line broken",
        "document broken",
        "empty",
    ],
)
def test_one_event_a_list_and_lines_are_told_apart(text: str, numbers: list[int]) -> None:
    assert [number for number, _ in events_of(io.StringIO(text))] == numbers


def test_where_nothing_can_be_written_it_is_said_and_nothing_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mplp_runtime.errors import StoreError
    from mplp_runtime.runtime import Runtime

    monkeypatch.setattr(Runtime, "persist", lambda _self: False)
    with pytest.raises(StoreError, match="cannot be written to, so the events would be lost"):
        event_command("-", source="hook", root=str(tmp_path), stream=io.StringIO(json.dumps(FILE_EVENT)))


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    done = mplp(tmp_path, "event", "nowhere.ndjson")
    assert done.code == 2
    assert "nowhere.ndjson cannot be read: No such file or directory." in done.err
    assert not (tmp_path / ".mplp").exists()
