"""A run of the command line is killed beside an open editor, which sees it and goes on with it."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mplp_lsp.cli.main import main
from tests.chaos.child import Task
from tests.chaos.figures import Figures
from tests.chaos.forks import Forked
from tests.chaos.lives import Lives
from tests.chaos.looks import torn_files
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.steps import effects
from tests.protocol.client import PLAIN, ServerUnderTest, environment

STATE = "the command line and an editor"
_LIMIT_S = 120.0
_TRACE_LIMIT_S = 30.0
_ROUNDS = 6
_BEGUN, _DONE = "▶", "✓"
_CAPABILITIES: dict[str, Any] = {
    "textDocument": PLAIN["textDocument"],
    "workspace": {"executeCommand": {}},
}


def beside_an_editor(folder: Path, kills: int, seed: str) -> Figures:
    """Kills `kills` runs of the command line, each at a random time inside it; an editor ends them."""
    figures, number = Figures(), 0
    chance = random.Random(seed)
    while figures.kills < kills and number < 3 * kills:
        rounds = min(_ROUNDS, kills - figures.kills)
        root = folder / f"editor-{number}" / "project"
        project = SCENARIOS[STATE].write(root, seed=number)
        lives = Lives(Task(root, STATE), figures, f"editor, seed {seed}")
        beside = Forked(lambda root=root, rounds=rounds: _edit(root, rounds), root.with_name("editor"))  # type: ignore[misc]
        is_open = beside.listen(lambda now=beside: bool(now.said("open")), _LIMIT_S)  # type: ignore[misc]
        for round_ in range(1, rounds + 1 if is_open else 0):
            (root / "effects").unlink(missing_ok=True)
            command = Forked(
                lambda path=project.path: _command(path),  # type: ignore[misc]
                root.with_name(f"command-{round_}"),
            )
            starts = chance.randint(1, 6)
            command.listen(lambda now=command, n=starts: len(_steps(now, _BEGUN)) >= n, _LIMIT_S)  # type: ignore[misc]
            command.listen_for(chance.uniform(0.0, 0.08))
            command.kill()
            code = command.end()
            if code == -signal.SIGKILL:
                figures.kills += 1
                figures.kills_in_a_step += bool(_steps(command, _BEGUN) - _steps(command, _DONE))
                figures.kills_by_state[STATE] += 1
                for finding in torn_files(root):
                    lives.add(*finding)
            if not beside.listen(lambda n=round_, now=beside: len(now.said("end")) >= n, _LIMIT_S):  # type: ignore[misc]
                lives.add("by_hand", f"round {round_}: the editor did not end the run: {beside.lines[-8:]}")
                break
            figures.restarts += code == -signal.SIGKILL
            if beside.said("end")[-1] != "completed":
                lives.add("by_hand", f"round {round_} ended as {beside.said('end')[-1]}")
            lost = _steps(command, _DONE) - {name for name, _ in effects(root)}
            if lost:
                lives.add("lost", f"shown as done on the command line: {sorted(lost)}")
            _wait_for_traces(root)
            lives.look()
        if beside.end() != 0:
            lives.add("by_hand", f"the editor: {beside.complaints[-700:]}")
        figures.questions += len(beside.said("asks"))
        figures.answers += len(beside.said("answered"))
        number += 1
    return figures


def _wait_for_traces(root: Path) -> None:
    """The last trace of a run is written right after its end was told; a look finds what is not."""
    deadline = time.monotonic() + _TRACE_LIMIT_S
    while time.monotonic() < deadline and any(
        '"run_status":"running"' in path.read_text(encoding="utf-8").replace(" ", "")[:2_000]
        for path in root.glob(".mplp/traces/*.trace.json")
    ):
        time.sleep(0.05)


def _steps(command: Forked, symbol: str) -> set[str]:
    """Names of steps on lines such as `  ✓ tool-01  0.1s`."""
    rows = (line.split() for line in command.lines)
    return {row[1] for row in rows if len(row) > 1 and row[0] == symbol}


def _command(plan: Path) -> int:
    home = plan.parent.parent
    os.environ.update(HOME=str(home), XDG_CONFIG_HOME=str(home / "config"))
    os.chdir(plan.parent)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return main(["run", str(plan), "--trust"])


def _edit(root: Path, rounds: int) -> int:
    """An editor with the project open, whose user goes on with every run that was interrupted."""
    plan = root / "release.plan.json"
    more = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    with ServerUnderTest(capabilities=_CAPABILITIES, env=environment(root.parent, **more)) as server:
        client = server.client
        client.initialize(root, initializationOptions={"trusted": True, "runNotifications": True})
        client.open(plan.as_uri(), plan.read_text(encoding="utf-8"))

        def told(generation: int) -> Iterator[Mapping[str, Any]]:
            while True:
                yield client.notification(
                    "mplp/run",
                    lambda run: run["generation"] == generation and not run["simulated"],
                    limit_s=_LIMIT_S,
                )

        def execute(command: str, **arguments: Any) -> None:
            client.request(
                "workspace/executeCommand", {"command": command, "arguments": [arguments]}, limit_s=_LIMIT_S
            )

        print("open", flush=True)
        for generation in range(1, rounds + 1):
            is_resumed = False
            answered: set[tuple[str, int]] = set()
            for run in told(generation):
                if run["status"] == "interrupted" and not is_resumed:
                    is_resumed = True
                    execute("mplp.resumeRun", run=run["run_id"])
                elif run["status"] in {"completed", "failed", "cancelled"}:
                    print("end", run["status"], flush=True)
                    break
                for question in run["questions"]:
                    step = next(each for each in run["steps"] if each["step_id"] == question["step_id"])
                    mark = (step["description"], step["attempt"])
                    if mark not in answered:
                        answered.add(mark)
                        print("asks", *mark, flush=True)
                        did = mark in effects(root)
                        execute(
                            "mplp.answerHandoff",
                            run=run["run_id"],
                            step=step["step_id"],
                            success=did,
                            repeat=not did,
                        )
                        print("answered", *mark, flush=True)
    return 0
