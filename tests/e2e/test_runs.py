"""Plans run from an editor: progress, notifications, questions, trust; and nothing left behind."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import PLAN_ID, STEPS, context, plan, text, written
from tests.protocol.client import PLAIN, Client, Refused, ServerUnderTest, environment

EDITOR: dict[str, Any] = {
    "textDocument": {**PLAIN["textDocument"], "codeLens": {}, "inlayHint": {}},
    "window": {"workDoneProgress": True, "showMessage": {}, "showDocument": {"support": True}},
    "workspace": {
        "inlayHint": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
    },
}


def project(folder: Path, code: str, count: int = 1, **roles: str) -> str:
    """A project whose worker runs `code`; the plan's URI."""
    written(folder, "a.context.json", context())
    command = json.dumps([sys.executable, "-c", code])
    more = "".join(f'[roles.{name}]\naction = "agent_handoff"\nto = "{to}"\n' for name, to in roles.items())
    written(folder, "mplp.toml", f'[roles.worker]\naction = "tool_call"\ncommand = {command}\n{more}')
    value = plan(count, status="approved")
    for step, role in zip(value["steps"], [*roles, *["worker"] * count], strict=False):
        step["agent_role"] = role
    return written(folder, "a.plan.json", value)


def running_server(tmp_path: Path, capabilities: dict[str, Any] = EDITOR) -> ServerUnderTest:
    return ServerUnderTest(env=environment(tmp_path / "home"), capabilities=capabilities)


def command(client: Client, name: str, **arguments: Any) -> Any:
    return client.request("workspace/executeCommand", {"command": f"mplp.{name}", "arguments": [arguments]})


def begun(client: Client, folder: Path, uri: str, *, trusted: bool | None = True) -> None:
    client.initialize(folder, initializationOptions={"trusted": trusted, "runNotifications": True})
    client.open(uri, text(json.loads(Path(uri.removeprefix("file://")).read_text())))


def run_with(client: Client, *statuses: str) -> dict[str, Any]:
    found: dict[str, Any] = client.notification("mplp/run", lambda run: run["status"] in statuses)
    return found


def statuses(client: Client) -> set[str]:
    """Those of all runs so far, as the client was told."""
    return {note["params"]["status"] for note in client.notifications if note["method"] == "mplp/run"}


def progress(client: Client) -> list[dict[str, Any]]:
    return [note["params"]["value"] for note in client.notifications if note["method"] == "$/progress"]


def test_a_run_shows_progress_from_begin_to_end(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        uri = project(tmp_path / "work", "print('worked')", count=3)
        begun(client, tmp_path / "work", uri)
        run = command(client, "runPlan", uri=uri)
        assert run["status"] in {"pending", "running"}
        done = run_with(client, "completed", "failed")
        assert done["status"] == "completed", done
        client.take_all(0.5)
        kinds = [value["kind"] for value in progress(client)]
        assert kinds[0] == "begin"
        assert kinds[-1] == "end"
        assert kinds.count("begin") == kinds.count("end") == 1
        assert progress(client)[0]["cancellable"] is True
        assert client.tokens == {f"mplp-run-{run['run_id'][:8]}"}
        hints = client.request(
            "textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": everything()}
        )
        ended = [hint["label"] for hint in hints if "tooltip" in hint]
        assert len(ended) == 3
        assert all(label.startswith("✓ ") for label in ended)
        ids = [hint["label"] for hint in hints if "tooltip" not in hint]
        assert ids == ["A context", "✓ Step 0", "✓ Step 1"]


def everything() -> dict[str, Any]:
    return {"start": {"line": 0, "character": 0}, "end": {"line": 10_000, "character": 0}}


@pytest.mark.parametrize("answer", ["late", "error", "never"])
def test_a_client_that_is_slow_with_progress_does_not_hold_the_run_up(tmp_path: Path, answer: str) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        client.replies["window/workDoneProgress/create"] = lambda _: (
            Refused({"code": -32603, "message": "no"}) if answer == "error" else None
        )
        if answer != "error":
            client.withheld.add("window/workDoneProgress/create")
        uri = project(tmp_path / "work", "pass")
        begun(client, tmp_path / "work", uri)
        command(client, "runPlan", uri=uri)
        assert run_with(client, "completed", "failed")["status"] == "completed"
        client.take_all(0.3)
        assert progress(client) == []
        if answer == "late":
            client.release_answers()
            client.take_all(0.3)
            assert progress(client) == []


def test_without_the_capability_no_progress_is_sent(tmp_path: Path) -> None:
    with running_server(tmp_path, PLAIN) as server:
        client = server.client
        uri = project(tmp_path / "work", "pass")
        begun(client, tmp_path / "work", uri)
        command(client, "runPlan", uri=uri)
        assert run_with(client, "completed")["steps"][0]["status"] == "completed"


@pytest.mark.parametrize("how", ["command", "progress"])
def test_a_run_can_be_cancelled_and_its_process_ends(tmp_path: Path, how: str) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        pid_file = tmp_path / "pid"
        uri = project(
            tmp_path / "work",
            f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
        )
        begun(client, tmp_path / "work", uri)
        run = command(client, "runPlan", uri=uri)
        client.notification("mplp/run", lambda view: view["steps"][0]["status"] == "in_progress")
        wait_for_text(pid_file)
        if how == "command":
            command(client, "cancelRun", run=run["run_id"])
        else:
            client.wait(lambda: bool(progress(client)), "the bar")
            client.notify("window/workDoneProgress/cancel", {"token": next(iter(client.tokens))})
        assert run_with(client, "cancelled", "failed")["status"] == "cancelled"
        wait_until_gone(int(pid_file.read_text()))


def test_leaving_the_editor_ends_the_processes_and_leaves_the_run_interrupted(tmp_path: Path) -> None:
    """D26."""
    pid_file = tmp_path / "pid"
    uri = project(
        tmp_path / "work",
        f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
    )
    with running_server(tmp_path) as server:
        begun(server.client, tmp_path / "work", uri)
        command(server.client, "runPlan", uri=uri)
        wait_for_text(pid_file)
        assert server.leave() == 0
        wait_until_gone(int(pid_file.read_text()))
    with running_server(tmp_path) as server:
        begun(server.client, tmp_path / "work", uri)
        assert run_with(server.client, "interrupted")["run_id"]


def wait_for_text(path: Path, limit_s: float = 10) -> None:
    deadline = time.monotonic() + limit_s
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


def wait_until_gone(pid: int, limit_s: float = 6) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline, pid
        time.sleep(0.01)


@pytest.mark.parametrize("trusted", [None, False])
def test_an_untrusted_folder_runs_nothing_but_can_be_tried_dry(tmp_path: Path, trusted: bool | None) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        marker = tmp_path / "ran"
        uri = project(tmp_path / "work", f"open({str(marker)!r}, 'w')")
        begun(client, tmp_path / "work", uri, trusted=trusted)
        with pytest.raises(Refused) as refused:
            command(client, "runPlan", uri=uri)
        assert refused.value.code == -32803
        assert refused.value.error["data"]["code"] == "not-trusted"
        command(client, "dryRunPlan", uri=uri)
        assert run_with(client, "completed", "failed")["status"] == "completed"
        assert not marker.exists()
        assert not (tmp_path / "work" / ".mplp").exists()


def test_trust_comes_from_a_person_and_is_asked_for(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        client.replies["window/showMessageRequest"] = lambda params: params["actions"][0]
        uri = project(tmp_path / "work", "pass")
        begun(client, tmp_path / "work", uri, trusted=None)
        assert command(client, "trustWorkspace", uri=uri)["trusted"] is True
        command(client, "runPlan", uri=uri)
        assert run_with(client, "completed")["steps"][0]["status"] == "completed"
        assert (tmp_path / "home" / "config" / "mplp-lsp" / "trusted.json").is_file()


def test_a_question_that_is_cancelled_stops_waiting(tmp_path: Path) -> None:
    """P3, with a real command."""
    with running_server(tmp_path) as server:
        client = server.client
        client.withheld.add("window/showMessageRequest")
        uri = project(tmp_path / "work", "pass")
        begun(client, tmp_path / "work", uri, trusted=None)
        number = client.begin(
            "workspace/executeCommand", {"command": "mplp.trustWorkspace", "arguments": [{"uri": uri}]}
        )
        client.wait(
            lambda: any(ask["method"] == "window/showMessageRequest" for ask in client.requests),
            "the question",
        )
        client.notify("$/cancelRequest", {"id": number})
        assert client.answer(number)["error"]["code"] == -32800
        client.release_answers()
        assert client.error_of("no/such") == -32601
        assert not (tmp_path / "home" / "config").exists()


def test_the_editor_that_started_the_run_is_asked_about_a_step_for_a_person(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        client.replies["window/showMessageRequest"] = lambda params: params["actions"][0]
        uri = project(tmp_path / "work", "pass", count=2, reviewer="human")
        begun(client, tmp_path / "work", uri)
        command(client, "runPlan", uri=uri)
        done = run_with(client, "completed", "failed")
        assert [step["status"] for step in done["steps"]] == ["completed", "completed"]
        asked = [ask for ask in client.requests if ask["method"] == "window/showMessageRequest"]
        assert len(asked) == 1


def test_a_wrong_argument_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        client.initialize(tmp_path)
        for params in (
            {"command": "mplp.runPlan", "arguments": []},
            {"command": "mplp.runPlan", "arguments": ["file:///a"]},
            {"command": "mplp.runPlan", "arguments": [{}, {}]},
            {"command": "mplp.runPlan", "arguments": [{"uri": 5}]},
            {"command": "mplp.runPlan", "arguments": {"uri": "x"}},
            {"command": "mplp.unheardOf"},
            {"command": 7},
            None,
        ):
            assert client.error_of("workspace/executeCommand", params) == -32602, params
        assert (
            client.error_of(
                "workspace/executeCommand", {"command": "mplp.cancelRun", "arguments": [{"run": STEPS[0]}]}
            )
            == -32803
        )


def test_a_run_in_one_editor_shows_in_the_other(tmp_path: Path) -> None:
    """D19: two processes on one project."""
    uri = project(tmp_path / "work", "pass")
    with running_server(tmp_path) as one, running_server(tmp_path) as other:
        for server in (one, other):
            begun(server.client, tmp_path / "work", uri)
        command(one.client, "runPlan", uri=uri)
        assert run_with(one.client, "completed")
        assert run_with(other.client, "completed")["run_id"]


def test_an_answer_that_comes_late_does_not_answer_the_next_question(tmp_path: Path) -> None:
    """The question stays on the screen while the step is answered by a lens and the next one asks."""
    with running_server(tmp_path) as server:
        client = server.client
        client.withheld.add("window/showMessageRequest")
        client.replies["window/showMessageRequest"] = lambda params: params["actions"][0]
        uri = project(tmp_path / "work", "pass", count=2, reviewer="human")
        with (tmp_path / "work" / "mplp.toml").open("a") as settings:
            settings.write('[gates]\nconfirm_steps = ["reviewer"]\n')
        begun(client, tmp_path / "work", uri)
        run = command(client, "runPlan", uri=uri)
        client.wait(lambda: bool(asked(client)), "the question whether the step may start")
        command(client, "answerHandoff", run=run["run_id"], step=STEPS[0], success=True)
        client.wait(lambda: len(asked(client)) == 2, "the question whether the step is done")
        client.wire.send({"jsonrpc": "2.0", "id": asked(client)[0]["id"], "result": {"title": "Start"}})
        client.take_all(0.5)
        waiting = [note for note in client.notifications if note["method"] == "mplp/run"][-1]["params"]
        assert waiting["status"] == "running"
        assert [question["kind"] for question in waiting["questions"]] == ["handoff"]
        client.wire.send({"jsonrpc": "2.0", "id": asked(client)[1]["id"], "result": {"title": "Done"}})
        assert run_with(client, "completed", "failed")["status"] == "completed"


def asked(client: Client) -> list[dict[str, Any]]:
    return [ask for ask in client.requests if ask["method"] == "window/showMessageRequest"]


def test_when_a_run_has_ended_the_lenses_that_follow_the_refresh_offer_no_cancel(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        uri = project(tmp_path / "work", "pass", count=3)
        begun(client, tmp_path / "work", uri)
        lens = {"textDocument": {"uri": uri}}
        # For each refresh, what was known of the run when it came.
        known: list[set[str]] = []
        client.replies["workspace/codeLens/refresh"] = lambda _params: known.append(statuses(client))
        command(client, "runPlan", uri=uri)
        client.wait(lambda: "completed" in statuses(client), "the end of the run")
        titles = [one["command"]["title"] for one in client.request("textDocument/codeLens", lens)]
        assert not any("Cancel" in title for title in titles), "whoever is told has the lenses of the end"
        client.wait(lambda: bool(known) and "completed" in known[-1], "a refresh after the end")
        titles = [one["command"]["title"] for one in client.request("textDocument/codeLens", lens)]
        assert not any("Cancel" in title for title in titles), titles
        client.take_all(0.5)
        refreshed = len(client.requests)
        client.change(uri, 2, {"text": text(plan(3, status="approved", objective="Another objective"))})
        client.take_all(0.5)
        assert len(client.requests) == refreshed, "typing needs no refresh"


def test_lenses_follow_an_approval_that_comes_from_outside(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        uri = project(tmp_path / "work", "pass")
        begun(client, tmp_path / "work", uri)
        client.take_all(0.5)
        before = len(client.requests)
        confirm = written(tmp_path / "work", "a.confirm.json", {"confirm_id": STEPS[5], "target_id": PLAN_ID})
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": confirm, "type": 1}]})
        client.wait(
            lambda: any(ask["method"] == "workspace/codeLens/refresh" for ask in client.requests[before:]),
            "a refresh of the lenses",
        )


def test_progress_names_steps_from_the_first_to_the_last(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        uri = project(tmp_path / "work", "pass", count=3)
        begun(client, tmp_path / "work", uri)
        command(client, "runPlan", uri=uri)
        run_with(client, "completed")
        client.take_all(0.5)
        shown = [value["message"] for value in progress(client) if value["kind"] != "end"]
        assert set(shown) <= {"Step 0", "Step 1", "Step 2"}, shown


def test_the_log_of_the_editor_tells_how_a_run_went(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        client = server.client
        uri = project(tmp_path / "work", "print('worked')")
        begun(client, tmp_path / "work", uri)
        run = command(client, "runPlan", uri=uri)
        run_with(client, "completed", "failed")
        short = run["run_id"][:8]
        ended = client.notification("window/logMessage", lambda log: "is completed" in log["message"])
        assert ended["message"].startswith(f"Run {short} of ")


def test_a_step_that_was_under_way_is_asked_about_when_the_run_goes_on(tmp_path: Path) -> None:
    began = tmp_path / "began"
    uri = project(
        tmp_path / "work",
        f"import pathlib, time; began = pathlib.Path({str(began)!r}); again = began.exists(); "
        "began.write_text('x'); again or time.sleep(60)",
    )
    with running_server(tmp_path) as server:
        begun(server.client, tmp_path / "work", uri)
        run = command(server.client, "runPlan", uri=uri)
        wait_for_text(began)
        server.process.kill()
        server.process.wait()
    with running_server(tmp_path) as server:
        client = server.client
        client.replies["window/showMessageRequest"] = lambda params: params["actions"][0]
        begun(client, tmp_path / "work", uri)
        command(client, "resumeRun", run=run["run_id"])
        assert run_with(client, "completed", "failed")["status"] == "completed"
        (question,) = asked(client)
        titles = [action["title"] for action in question["params"]["actions"]]
        assert titles == ["Run it again", "It was done", "It failed"]


def confirm_about(target_type: str, target_id: str, status: str) -> dict[str, Any]:
    return {
        "meta": plan()["meta"],
        "confirm_id": STEPS[50],
        "target_type": target_type,
        "target_id": target_id,
        "status": status,
        "requested_by_role": "human",
        "requested_at": "2026-01-01T00:00:00Z",
    }


def test_a_plan_offers_what_its_approval_allows_also_while_the_project_is_being_read(tmp_path: Path) -> None:
    """Else it would offer to approve what somebody has already decided about."""
    folder = tmp_path / "work"
    uri = project(folder, "pass")
    confirm = confirm_about("plan", PLAN_ID, "rejected")
    for number in range(80):
        written(folder, f"notes/{number}.context.json", context(context_id=f"{number}"))
    written(folder, "z/z.confirm.json", confirm)
    with running_server(tmp_path, PLAIN) as server:
        begun(server.client, folder, uri)
        lenses = server.client.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
        assert lenses[0]["command"]["title"] == "Rejected: approve after all and run"


def test_a_step_starts_when_its_confirm_is_approved_and_saved_in_the_editor(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    uri = project(folder, "pass")
    confirm = confirm_about("other", STEPS[0], "pending")
    decision = {
        "decision_id": STEPS[51],
        "status": "approved",
        "decided_by_role": "board",
        "decided_at": "2026-01-01T01:00:00Z",
    }
    confirm_uri = written(folder, "vote.confirm.json", confirm)
    with running_server(tmp_path) as server:
        client = server.client
        begun(client, folder, uri)
        client.open(confirm_uri, text(confirm))
        command(client, "runPlan", uri=uri)
        client.notification("mplp/run", lambda run: bool(run["questions"]))
        approved = {**confirm, "status": "approved", "decisions": [decision]}
        client.change(confirm_uri, 2, {"text": text(approved)})
        # What is only typed has decided nothing.
        client.take_all(1.5)
        assert "completed" not in statuses(client)
        written(folder, "vote.confirm.json", approved)
        client.notify("textDocument/didSave", {"textDocument": {"uri": confirm_uri}})
        assert run_with(client, "completed", "failed")["status"] == "completed"
