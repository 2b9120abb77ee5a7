"""One project, two processes: what the command line runs shows in an open editor, and the other way round."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests.cli.process import HANDOFF, LIMIT_S, mplp, runs_python, started, until, write_project
from tests.protocol.client import PLAIN, Client, ServerUnderTest, environment

CAPABILITIES: dict[str, Any] = {
    "textDocument": {**PLAIN["textDocument"], "codeLens": {}, "inlayHint": {}},
    "workspace": {"codeLens": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}},
}
GATED = runs_python(
    'import os, time; open("begun", "a").write("x"); '
    '[time.sleep(0.02) for _ in iter(lambda: os.path.exists("go"), True)]'
)


def editor(home: Path, root: Path, plan: Path) -> ServerUnderTest:
    server = ServerUnderTest(capabilities=CAPABILITIES, env=environment(home))
    server.client.initialize(root, initializationOptions={"trusted": True, "runNotifications": True})
    server.client.open(plan.as_uri(), plan.read_text(encoding="utf-8"))
    return server


def run_with(client: Client, status: str, step: str | None = None) -> dict[str, Any]:
    def is_it(run: dict[str, Any]) -> bool:
        return run["status"] == status and (step is None or step in {one["status"] for one in run["steps"]})

    found: dict[str, Any] = client.notification("mplp/run", is_it, limit_s=LIMIT_S)
    return found


def titles(client: Client, plan: Path) -> list[str]:
    document = {"textDocument": {"uri": plan.as_uri()}}
    return [lens["command"]["title"] for lens in client.request("textDocument/codeLens", document)]


def labels(client: Client, plan: Path) -> list[str]:
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}
    params = {"textDocument": {"uri": plan.as_uri()}, "range": everything}
    return [hint["label"] for hint in client.request("textDocument/inlayHint", params) or []]


def test_a_run_of_the_command_line_shows_in_an_open_editor(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"worker": GATED})
    with editor(tmp_path, root, plan) as server:
        client = server.client
        # Nothing is offered before the project has been read.
        until(lambda: "Propose, approve and run" in titles(client, plan), "the offer to run")
        process = started(tmp_path, "run", plan, "--yes", "--trust")
        run_with(client, "running", "in_progress")
        assert titles(client, plan)[0] == "Cancel run (0/1 steps)"
        assert "running" in labels(client, plan)
        (root / "go").touch()
        run_with(client, "completed")
        assert any(label.startswith("✓ ") for label in labels(client, plan))
        out, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, out


def test_the_editor_cancels_a_run_of_the_command_line(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"worker": GATED})
    with editor(tmp_path, root, plan) as server:
        process = started(tmp_path, "run", plan, "--yes", "--trust")
        run = run_with(server.client, "running", "in_progress")
        command = {"command": "mplp.cancelRun", "arguments": [{"run": run["run_id"]}]}
        assert server.client.request("workspace/executeCommand", command)["status"] == "cancelled"
        out, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1
        assert "cancelled" in out


def test_a_run_of_the_editor_shows_on_the_command_line_which_may_not_start_another(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"person": HANDOFF})
    with editor(tmp_path, root, plan) as server:
        command = {"command": "mplp.runPlan", "arguments": [{"uri": plan.as_uri(), "approve": True}]}
        run = server.client.request("workspace/executeCommand", command)
        run_with(server.client, "running", "in_progress")
        shown = mplp(tmp_path, "trace", run["run_id"][:8], "--root", root).out
        assert "running" in shown.splitlines()[0]
        assert "waiting for a person" in shown
        refused = mplp(tmp_path, "run", plan, "--trust")
        assert refused.code == 3
        assert str(server.process.pid) in refused.err


def test_an_interrupted_run_of_the_command_line_is_resumed_in_the_editor(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"person": HANDOFF})
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    out, _ = process.communicate(timeout=LIMIT_S)
    assert "waiting for a person" in out
    with editor(tmp_path, root, plan) as server:
        client = server.client
        run = run_with(client, "interrupted")
        assert titles(client, plan)[0] == "Resume run (0/1 steps)"
        command = {"command": "mplp.resumeRun", "arguments": [{"run": run["run_id"]}]}
        client.request("workspace/executeCommand", command)
        waiting = client.notification("mplp/run", lambda view: view["questions"], limit_s=LIMIT_S)
        answer = {"run": run["run_id"], "step": waiting["steps"][0]["step_id"], "success": True}
        client.request("workspace/executeCommand", {"command": "mplp.answerHandoff", "arguments": [answer]})
        run_with(client, "completed")


def test_a_signal_to_the_command_line_shows_in_the_editor_at_once(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"worker": GATED})
    with editor(tmp_path, root, plan) as server:
        process = started(tmp_path, "run", plan, "--yes", "--trust")
        run_with(server.client, "running", "in_progress")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
        assert run_with(server.client, "cancelled")["error"]


def test_a_killed_command_line_leaves_an_interrupted_run_in_the_open_editor(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"worker": GATED})
    with editor(tmp_path, root, plan) as server:
        process = started(tmp_path, "run", plan, "--yes", "--trust")
        run_with(server.client, "running", "in_progress")
        process.kill()
        process.communicate(timeout=LIMIT_S)
        run_with(server.client, "interrupted")
        assert titles(server.client, plan)[0] == "Resume run (0/1 steps)"
