"""Files, people, Python functions, and what is not carried out."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.action import Action, ActionResult, Outcome, is_success
from mplp_runtime.ael.layer import ActionExecutionLayer, action_problem
from mplp_runtime.settings import Limits

STEP = {"step_id": "11111111-1111-4111-8111-111111111111", "description": "Do it", "agent_role": "worker"}


def action(root: Path, kind: str, settings: Mapping[str, Any] | None = None, **members: object) -> Action:
    base = Action(kind=kind, run_id="r", plan={}, step=STEP, attempt=1, root=root, settings=settings or {})
    return replace(base, **members)  # type: ignore[arg-type]


def files(root: Path, operation: str, **settings: str) -> ActionResult:
    wanted = action(root, "file_operation", {"operation": operation, **settings})
    return asyncio.run(ActionExecutionLayer().execute(wanted))


def test_a_file_is_written_read_copied_moved_and_deleted(tmp_path: Path) -> None:
    assert files(tmp_path, "write", target="a/one.txt", content="hello").success
    assert files(tmp_path, "read", source="a/one.txt").output == "hello"
    assert files(tmp_path, "copy", source="a/one.txt", target="b/two.txt").success
    assert files(tmp_path, "move", source="b/two.txt", target="c/three.txt").success
    assert files(tmp_path, "delete", target="a/one.txt").success
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "c/three.txt"
    ]
    assert (tmp_path / "c/three.txt").read_text() == "hello"


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/passwd", "a/../../outside.txt", "link/outside.txt", "a\0b"]
)
@pytest.mark.parametrize("operation", ["read", "write", "copy", "move", "delete"])
def test_no_operation_leaves_the_project(tmp_path: Path, path: str, operation: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link").symlink_to(tmp_path)
    (root / "inside.txt").write_text("mine")
    sources = (
        {"source": path, "target": path}
        if operation in {"read", "write", "delete"}
        else {"source": path, "target": "x"}
    )
    result = files(root, operation, content="evil", **sources)
    assert not result.success
    assert "secret" not in str(result.output)
    if operation in {"copy", "move"}:
        assert not files(root, operation, source="inside.txt", target=path).success
    assert (tmp_path / "outside.txt").read_text() == "secret"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside.txt", "project"]


@pytest.mark.parametrize("operation", ["delete", "move"])
def test_a_link_is_deleted_or_moved_itself_and_not_what_it_leads_to(tmp_path: Path, operation: str) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/file").write_text("kept")
    (tmp_path / "latest").symlink_to("v1")
    assert files(
        tmp_path, operation, source="latest", target="latest" if operation == "delete" else "old"
    ).success
    assert (tmp_path / "v1/file").read_text() == "kept"
    assert not (tmp_path / "latest").is_symlink()
    assert (tmp_path / "old").is_symlink() == (operation == "move")


def test_a_link_that_leads_out_of_the_project_can_be_deleted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside").write_text("kept")
    (root / "link").symlink_to(tmp_path / "outside")
    assert files(root, "delete", target="link").success
    assert (tmp_path / "outside").read_text() == "kept"


@pytest.mark.parametrize("operation", ["read", "copy"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, operation: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = files(tmp_path, operation, source="pipe", target="copy")
    assert not result.success
    assert "no regular file" in str(result.error)


@pytest.mark.parametrize("operation", ["read", "write", "copy", "move", "delete"])
def test_the_record_of_runs_is_out_of_reach(tmp_path: Path, operation: str) -> None:
    (tmp_path / ".mplp").mkdir()
    (tmp_path / ".mplp/state.db").write_text("record")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "state").symlink_to(".mplp")
    for path in (".mplp", ".mplp/state.db", "state/state.db"):
        source = "mine" if operation == "copy" else path
        result = files(tmp_path, operation, source=source, target=path, content="evil")
        assert "record of all runs" in str(result.error)
    assert (tmp_path / ".mplp/state.db").read_text() == "record"


def test_a_folder_is_not_copied_into_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    result = files(tmp_path, "copy", source="a", target="a/b")
    assert "into itself" in str(result.error)
    assert not (tmp_path / "a/b").exists()


def test_what_is_written_from_results_that_are_no_text_is_json(tmp_path: Path) -> None:
    wanted = action(
        tmp_path,
        "file_operation",
        {"operation": "write", "target": "out"},
        inputs={"1": "text\n", "2": {"a": 1}},
    )
    assert asyncio.run(ActionExecutionLayer().execute(wanted)).success
    assert (tmp_path / "out").read_text() == 'text\n{\n  "a": 1\n}\n'


def test_the_project_itself_is_not_deleted(tmp_path: Path) -> None:
    assert not files(tmp_path, "delete", target=".").success
    assert tmp_path.exists()


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    result = files(tmp_path, "read", source="nothing.txt")
    assert result.error == f"read failed: No such file or directory: {tmp_path.resolve() / 'nothing.txt'}."


def test_a_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    files(tmp_path, "write", target="one.txt", content="1")
    files(tmp_path, "write", target="one.txt", content="2")
    assert [p.name for p in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text() == "2"


def test_a_new_file_has_the_permissions_of_any_file_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    (tmp_path / "tool").touch(mode=0o700)
    for name in ("new", "tool"):
        assert files(tmp_path, "write", target=name, content="x").success
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "tool").stat().st_mode & 0o777 == 0o700


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    name = "ü" * 120
    assert files(tmp_path, "write", target=name, content="x").success
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_large_file_is_read_up_to_the_output_limit(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    wanted = action(
        tmp_path, "file_operation", {"operation": "read", "source": "large"}, limits=Limits(output_kib=16)
    )
    result = asyncio.run(ActionExecutionLayer().execute(wanted))
    assert len(str(result.output)) < 17 * 1024
    assert "left out" in str(result.output)


async def test_a_handoff_waits_for_the_persons_answer(tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(text: str) -> tuple[bool, str]:
        asked.append(text)
        return True, "looks good"

    result = await ActionExecutionLayer().execute(action(tmp_path, "agent_handoff", {"to": "human"}, ask=ask))
    assert (result.success, result.output, asked) == (True, "looks good", ["Do it"])


async def test_a_handoff_to_another_role_needs_a_run_with_participants(tmp_path: Path) -> None:
    settings = {"to": "reviewer"}
    problem = action_problem("agent_handoff", settings)
    assert problem is not None
    assert "run the plan with a Collab" in problem
    assert action_problem("agent_handoff", settings, has_participants=True) is None
    alone = await ActionExecutionLayer().execute(action(tmp_path, "agent_handoff", settings))
    assert (alone.success, alone.error) == (False, problem)

    async def hand_over(role: str) -> Outcome:
        return Outcome(True, output=f"{role} did it")

    together = action(tmp_path, "agent_handoff", settings, hand_over=hand_over)
    assert (await ActionExecutionLayer().execute(together)).output == "reviewer did it"


def greet(request: Mapping[str, Any]) -> str:
    return f"hello {request['step']['agent_role']} on {threading.current_thread().name}"


async def greet_later(request: Mapping[str, Any]) -> Mapping[str, Any]:
    await asyncio.sleep(0)
    return {"success": True, "output": {"attempt": request["attempt"]}}


async def where_am_i(request: Mapping[str, Any]) -> str:
    return threading.current_thread().name


_ended = threading.Event()


async def clean_up(request: Mapping[str, Any]) -> None:
    try:
        await asyncio.sleep(30)
    finally:
        _ended.set()


def leave(request: Mapping[str, Any]) -> None:
    raise SystemExit(3)


async def leave_later(request: Mapping[str, Any]) -> None:
    raise SystemExit(3)


def out_of_time(request: Mapping[str, Any]) -> None:
    raise TimeoutError("the far side did not answer")


def talk(request: Mapping[str, Any]) -> str:
    return "a" * 2_000_000 + "end"


def refuse(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"status": "rejected"}


def explode(request: Mapping[str, Any]) -> None:
    raise LookupError("no such thing")


async def custom(root: Path, name: str, **members: object) -> ActionResult:
    wanted = action(root, "custom_action", {"handler": f"{__name__}:{name}"}, **members)
    return await ActionExecutionLayer().execute(wanted)


async def test_a_function_runs_in_a_thread_of_its_own(tmp_path: Path) -> None:
    result = await custom(tmp_path, "greet")
    assert (result.success, result.output) == (True, "hello worker on mplp-custom-action")


async def test_an_async_function_may_return_data(tmp_path: Path) -> None:
    result = await custom(tmp_path, "greet_later")
    assert (result.success, result.output) == (True, {"attempt": 1})


async def test_a_function_may_report_a_failure(tmp_path: Path) -> None:
    result = await custom(tmp_path, "refuse")
    assert (result.success, result.error) == (False, "The action reported a failure.")


async def test_what_a_function_raises_is_the_failure_of_its_step(tmp_path: Path) -> None:
    result = await custom(tmp_path, "explode")
    assert (result.success, result.error) == (False, "LookupError: no such thing")


_release = threading.Event()


def wait_for_release(request: Mapping[str, Any]) -> None:
    _release.wait(30)


async def test_the_time_limit_leaves_a_function_that_does_not_return(tmp_path: Path) -> None:
    result = await custom(tmp_path, "wait_for_release", limits=Limits(timeout_s=0.05))
    _release.set()
    assert result.timed_out


async def test_an_async_function_cannot_hold_up_the_editor(tmp_path: Path) -> None:
    assert (await custom(tmp_path, "where_am_i")).output == "mplp-custom-action"


async def test_the_time_limit_ends_an_async_function_which_may_clean_up(tmp_path: Path) -> None:
    result = await custom(tmp_path, "clean_up", limits=Limits(timeout_s=0.05))
    assert result.timed_out
    assert await asyncio.to_thread(_ended.wait, 10)


@pytest.mark.parametrize("name", ["leave", "leave_later"])
async def test_a_function_that_calls_exit_does_not_end_the_server(tmp_path: Path, name: str) -> None:
    result = await custom(tmp_path, name)
    assert (result.success, result.error) == (False, "RuntimeError: SystemExit(3)")


async def test_a_functions_own_time_out_is_not_taken_for_the_steps(tmp_path: Path) -> None:
    result = await custom(tmp_path, "out_of_time")
    assert (result.timed_out, result.error) == (False, "TimeoutError: the far side did not answer")


async def test_a_long_text_of_a_function_is_bounded(tmp_path: Path) -> None:
    text = str((await custom(tmp_path, "talk", limits=Limits(output_kib=64))).output)
    assert len(text) < 66 * 1024
    assert "left out" in text
    assert text.endswith("end")


async def test_a_handler_that_is_not_installed_is_named(tmp_path: Path) -> None:
    result = await ActionExecutionLayer().execute(
        action(tmp_path, "custom_action", {"handler": "nobody.here:go"})
    )
    assert not result.success
    assert "`nobody.here:go`" in str(result.error)


async def test_a_result_that_is_no_json_is_kept_as_text(tmp_path: Path) -> None:
    result = await custom(tmp_path, "give_a_set")
    assert (result.success, result.output) == (True, "{1}")


def give_a_set(request: Mapping[str, Any]) -> set[int]:
    return {1}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"success": True}, True),
        ({"success": 0, "status": "completed"}, False),
        ({"status": "executed"}, True),
        ({"status": "succeeded"}, True),
        ({"status": "running"}, False),
        ({}, False),
    ],
)
def test_success_is_said_by_the_result_itself_or_else_by_its_status(result: object, expected: bool) -> None:
    assert is_success(result) is expected
