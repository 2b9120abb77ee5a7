"""`mplp-lsp run`: real processes, from a real command line."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.cli.process import (
    HANDOFF,
    LIMIT_S,
    PROGRAM,
    environment,
    mplp,
    runs_python,
    started,
    until,
    write_project,
)

GREET = runs_python('print("hello"); open("effect.txt", "a").write("x")')
SLEEP = runs_python(
    'import os, time; open("begun.txt", "a").write("x"); '
    '[time.sleep(0.02) for _ in iter(lambda: os.path.exists("go"), True)]'
)
"""Begins, and ends once there is a file `go`."""


def run_once(home: Path, plan: Path, *flags: str) -> None:
    assert mplp(home, "run", plan, "--yes", "--trust", *flags).code == 0


def test_a_draft_is_approved_and_run_and_the_plan_stays_as_it_was(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    before = plan.read_bytes()
    done = mplp(tmp_path, "run", "p/a.plan.json", "--yes", "--trust")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[:2] == ["Running “Work” (1 step)", "  ▶ Let the greeter work"]
    assert lines[2].startswith("  ✓ Let the greeter work  ")
    assert lines[3].startswith("completed in ")
    assert lines[3].endswith(": 1 of 1 steps completed")
    assert (tmp_path / lines[4].removeprefix("  trace: ")).is_file()
    assert "\x1b" not in done.out
    assert plan.read_bytes() == before
    assert json.loads((tmp_path / "p" / "a.confirm.json").read_text())["status"] == "approved"
    assert (tmp_path / "p" / "effect.txt").read_text() == "x"


def test_nobody_is_told_to_say_yes_where_a_confirm_cannot_be_read_which_would_not_help(
    tmp_path: Path,
) -> None:
    plan = write_project(tmp_path / "p", {"writer": runs_python("print(1)")})
    plan.with_name(plan.name.replace(".plan.", ".confirm.")).write_text('{"status": "reje', encoding="utf-8")
    for yes in ([], ["--yes"]):
        refused = mplp(tmp_path, "run", plan, *yes, "--trust")
        assert (refused.code, "cannot be read" in refused.err, "--yes" in refused.err) == (3, True, False)


def test_nothing_runs_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    done = mplp(tmp_path, "run", plan, "--yes")
    assert done.code == 3
    assert "not trusted" in done.err
    assert "--trust" in done.err
    assert not (tmp_path / "p" / "effect.txt").exists()


def test_a_limit_that_a_role_asks_for_and_does_not_get_is_told_before_the_run_and_where_it_counts(
    tmp_path: Path,
) -> None:
    waits = runs_python("import time; time.sleep(600)")
    asks = 'timeout_s = 900\nenv_allow = ["PATH", "TOKEN"]\n[limits]\ntimeout_s = 0.5'
    plan = write_project(tmp_path / "p", {"waiter": f"{waits}\n{asks}"})
    done = mplp(tmp_path, "run", plan, "--yes", "--trust")
    assert done.code == 1
    of_time, of_token = done.err.splitlines()[:2]
    assert of_time == (
        "mplp-lsp: mplp.toml, roles.waiter: `timeout_s` = 900 is more than [limits] gives; 0.5 counts."
    )
    assert "roles.waiter: `TOKEN` is not in `env_allow` of [limits]" in of_token
    assert (
        "Stopped after 0.5 s, the time limit: that is what [limits] in mplp.toml gives, and the 900 s of the "
        "role or step do not widen it."
    ) in done.out


def test_trust_is_kept_for_the_user_and_can_be_taken_back(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    assert "is trusted" in mplp(tmp_path, "trust", "p").out
    assert mplp(tmp_path, "run", plan, "--yes").code == 0
    assert "no longer trusted" in mplp(tmp_path, "trust", "p", "--remove").out
    assert mplp(tmp_path, "run", plan, "--yes").code == 3


def test_trusting_a_part_of_a_project_says_that_the_project_is_not_trusted(tmp_path: Path) -> None:
    write_project(tmp_path / "p", {"greeter": GREET})
    (tmp_path / "p" / "src").mkdir()
    assert "which is not trusted" in mplp(tmp_path, "trust", "p/src").out
    assert mplp(tmp_path, "trust", "gone").code == 2


def test_a_draft_needs_an_approval_and_the_refusal_says_how_to_give_it(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    done = mplp(tmp_path, "run", plan, "--trust")
    assert done.code == 3
    assert "--yes" in done.err


def test_a_role_that_is_bound_nowhere_is_a_refusal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    (tmp_path / "p" / "mplp.toml").write_text("")
    done = mplp(tmp_path, "run", plan, "--yes", "--trust")
    assert done.code == 3
    assert "`greeter`" in done.err
    assert "--simulate" in done.err


def test_a_plan_with_errors_is_a_refusal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    plan.write_text(plan.read_text().replace('"pending"', '"pendng"'))
    done = mplp(tmp_path, "run", plan, "--yes", "--trust")
    assert done.code == 3
    assert "pendng" in done.err
    assert f"mplp-lsp check {plan}" in done.err
    plan.write_text("{")
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 3


def test_calls_that_make_no_sense_are_mistakes_of_usage(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    assert mplp(tmp_path, "run", "gone.plan.json").code == 2
    assert mplp(tmp_path, "run", "p").code == 2
    assert mplp(tmp_path, "run", "p/a.context.json").code == 2
    assert mplp(tmp_path, "run", plan, "--repeat").code == 2
    assert mplp(tmp_path, "run", plan, "--resume", "--simulate").code == 2
    assert mplp(tmp_path, "run").code == 2
    assert mplp(tmp_path, "run", plan, "--resume").code == 3


def test_a_simulation_starts_nothing_and_needs_no_trust(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET, "person": HANDOFF})
    done = mplp(tmp_path, "run", plan, "--simulate")
    assert done.code == 0
    assert done.out.startswith("Simulating “Work” (2 steps)\n")
    assert "No trace was kept: the folder is not trusted" in done.out
    assert not (tmp_path / "p" / ".mplp").exists()
    assert not (tmp_path / "p" / "effect.txt").exists()
    assert not (tmp_path / "p" / "a.confirm.json").exists()


def test_a_failing_step_shows_its_last_lines_and_fails_the_run(tmp_path: Path) -> None:
    failing = runs_python('print("about to"); import sys; print("no luck", file=sys.stderr); sys.exit(3)')
    plan = write_project(tmp_path / "p", {"tester": failing, "greeter": GREET})
    done = mplp(tmp_path, "run", plan, "--yes", "--trust")
    assert done.code == 1
    assert "  ✗ Let the tester work" in done.out
    assert "no luck" in done.out
    assert "failed in " in done.out
    assert not (tmp_path / "p" / "effect.txt").exists()


def test_ctrl_c_cancels_the_run_and_ends_what_it_started(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(
        root,
        {
            "sleeper": runs_python(
                'import os, time; open("new", "w").write(str(os.getpid())); '
                'os.rename("new", "pid"); time.sleep(600)'
            )
        },
    )
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    pid_file = root / "pid"
    child = int(until(lambda: pid_file.read_text() if pid_file.exists() else None, "the process"))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1, out
    assert "cancelled" in out
    assert "Traceback" not in out
    until(lambda: not _is_alive(child), "the end of the step's process")
    assert "cancelled" in mplp(tmp_path, "trace", "--root", root).out


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def killed_run(home: Path, root: Path, plan: Path) -> None:
    process = started(home, "run", plan, "--yes", "--trust")
    begun = root / "begun.txt"
    until(lambda: begun.exists() and begun.stat().st_size > 0, "the second step")
    process.kill()
    process.communicate(timeout=LIMIT_S)


def test_a_run_whose_record_cannot_be_kept_says_so(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET}, status="approved")
    (tmp_path / "p" / ".mplp").write_text("no folder")
    done = mplp(tmp_path, "run", plan, "--trust")
    assert done.code == 0
    assert "No trace was kept: the folder cannot be written to." in done.out


def test_a_run_goes_on_when_nobody_reads_on_and_ends_with_its_own_code(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET, "broken": runs_python("raise SystemExit(1)")})
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(LIMIT_S) == 1
    assert (tmp_path / "p" / "effect.txt").read_text() == "x"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "check", str(plan)],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "mplp-lsp: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_closed_output_is_no_trouble(tmp_path: Path, command: str) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET}, status="approved")
    more = ["--simulate"] if command == "run" else []
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, command, str(plan), *more]
    done = subprocess.run(
        shell, env=environment(tmp_path), stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_killed_run_is_neither_forgotten_nor_repeated_unasked(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"greeter": GREET, "sleeper": SLEEP})
    killed_run(tmp_path, root, plan)
    refused = mplp(tmp_path, "run", plan, "--trust")
    assert refused.code == 3
    assert "was interrupted" in refused.err
    assert "--resume goes on with it; --anew gives it up" in refused.err
    assert mplp(tmp_path, "run", plan, "--resume", "--anew").code == 2
    (root / "go").touch()
    assert mplp(tmp_path, "run", plan, "--trust", "--anew").code == 0
    assert "cancelled" in mplp(tmp_path, "trace", "--root", root, "--list").out


def test_a_killed_run_is_resumed_where_it_was(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"greeter": GREET, "sleeper": SLEEP})
    killed_run(tmp_path, root, plan)
    trace = mplp(tmp_path, "trace", "--root", root).out
    assert "interrupted" in trace
    assert "its outcome is not known" in trace
    (root / "go").touch()
    done = mplp(tmp_path, "run", plan, "--resume", "--repeat", "--trust")
    assert done.code == 0, done
    assert done.out.startswith("Going on with “Work” (2 steps)\n")
    assert (root / "effect.txt").read_text() == "x"
    assert (root / "begun.txt").read_text() == "xx"


def test_whoever_resumes_a_run_whose_plan_was_rejected_since_is_told_what_helps(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"sleeper": SLEEP})
    killed_run(tmp_path, root, plan)
    beside = root / "a.confirm.json"
    confirm = json.loads(beside.read_text())
    confirm["decisions"][0]["status"] = confirm["status"] = "rejected"
    beside.write_text(json.dumps(confirm))
    ways = "mplp-lsp run PLAN --anew --yes"
    for resume in (["run", plan, "--resume"], ["resume", "last", "--root", root]):
        refused = mplp(tmp_path, *resume, "--trust")
        assert (refused.code, "was rejected" in refused.err) == (3, True)
        assert refused.err.count("--yes") == refused.err.count(ways) == 1, refused.err
    (root / "go").touch()
    assert mplp(tmp_path, "run", plan, "--anew", "--yes", "--trust").code == 0


def test_a_step_that_may_not_be_repeated_is_not_repeated_unasked(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"sleeper": SLEEP})
    killed_run(tmp_path, root, plan)
    done = mplp(tmp_path, "run", plan, "--resume", "--trust")
    assert done.code == 1
    assert "Did it succeed?" in done.out
    assert "waiting for a person" in done.out
    assert (root / "begun.txt").read_text() == "x"


def test_a_question_without_a_terminal_leaves_the_run_to_be_resumed(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF, "greeter": GREET})
    done = mplp(tmp_path, "run", plan, "--yes", "--trust")
    assert done.code == 1
    assert "? This step is yours." in done.out
    assert "mplp-lsp resume " in done.out
    assert "interrupted" in mplp(tmp_path, "trace", "--root", "p").out


@contextmanager
def terminal(home: Path, *arguments: str | Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The program on a terminal of its own; what it shows is read from the descriptor."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=home,
        env={**environment(home), "TERM": "xterm", "COLUMNS": "80"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield ours, process
    finally:
        process.kill()
        process.wait(LIMIT_S)
        os.close(ours)


def read_until(descriptor: int, text: str) -> str:
    """What the terminal showed up to and with `text`, or to the end."""
    seen = ""
    while text not in seen:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk.decode("utf-8", "replace")
    assert text in seen, seen
    return seen


def test_a_person_answers_for_a_step_in_the_terminal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF, "greeter": GREET})
    with terminal(tmp_path, "run", plan, "--yes", "--trust") as (screen, process):
        read_until(screen, "[n] no, it failed: ")
        os.write(screen, b"perhaps\ny\n")
        shown = read_until(screen, "trace: ")
        assert "\x1b[" in shown
        assert "completed in" in shown
        assert process.wait(LIMIT_S) == 0


def test_an_answer_from_elsewhere_ends_the_question_in_the_terminal(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"person": HANDOFF, "greeter": GREET})

    async def answered() -> None:
        runtime = Runtime.open(root, follow_interval_s=0.02)
        try:
            view = await _seen(runtime, lambda view: bool(view.questions))
            await runtime.runs.answer(
                view.run_id, view.questions[0].step_id, success=True, output="by editor"
            )
        finally:
            await runtime.close()

    with terminal(tmp_path, "run", plan, "--yes", "--trust") as (screen, process):
        read_until(screen, "[n] no, it failed: ")
        asyncio.run(answered())
        assert "completed in" in read_until(screen, "trace: ")
        assert process.wait(LIMIT_S) == 0


async def _seen(runtime: Runtime, is_it: object) -> RunView:
    """The newest run as this process sees it, once it is as wanted."""
    assert callable(is_it)
    changed = asyncio.Event()
    stop = runtime.runs.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(LIMIT_S):
            while True:
                changed.clear()
                views = runtime.runs.all()
                if views and is_it(views[-1]):
                    return views[-1]
                await changed.wait()
    finally:
        stop()


def test_a_run_of_the_command_line_shows_in_another_process_which_can_cancel_it(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"greeter": GREET, "sleeper": SLEEP})

    async def watched(process: subprocess.Popen[str]) -> None:
        runtime = Runtime.open(root, follow_interval_s=0.02)
        try:
            view = await _seen(
                runtime,
                lambda view: view.is_live and [s.status for s in view.steps.values()][1] == "in_progress",
            )
            assert [step.status for step in view.steps.values()] == ["completed", "in_progress"]
            assert view.owner_pid == process.pid
            assert (await runtime.runs.cancel(view.run_id)).status == "cancelled"
        finally:
            await runtime.close()

    # The state is there before the run, as it is in a project that an editor has open.
    mplp(tmp_path, "run", plan, "--simulate", "--trust")
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    asyncio.run(watched(process))
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert "cancelled" in out


def test_a_second_run_of_the_same_plan_is_refused_and_says_who_holds_it(tmp_path: Path) -> None:
    root = tmp_path / "p"
    plan = write_project(root, {"sleeper": SLEEP})
    process = started(tmp_path, "run", plan, "--yes", "--trust")
    try:
        until((root / "begun.txt").exists, "the first run")
        done = mplp(tmp_path, "run", plan, "--trust")
        assert done.code == 3
        assert str(process.pid) in done.err
        assert "running" in mplp(tmp_path, "trace", "--root", root).out
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)


def test_an_approval_that_no_longer_fits_is_void_and_says_why(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    run_once(tmp_path, plan)
    assert mplp(tmp_path, "run", plan, "--trust").code == 0
    settings = tmp_path / "p" / "mplp.toml"
    settings.write_text(settings.read_text().replace("hello", "bye"))
    done = mplp(tmp_path, "run", plan, "--trust")
    assert done.code == 3
    assert "role greeter" in done.err
    run_once(tmp_path, plan)


def test_a_plan_outside_any_project_runs_in_its_own_folder(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "alone", {"greeter": GREET}, status="approved")
    (tmp_path / "alone" / "mplp.toml").unlink()
    done = mplp(tmp_path, "run", plan, "--simulate")
    assert done.code == 0
    assert done.out.startswith("Simulating")


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"greeter": GREET})
    plan.write_text(plan.read_text().replace("Let the", "\\u001b[2J\\u202eLet"))
    done = mplp(tmp_path, "run", plan, "--simulate")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
