"""Kills a process that runs plans, again and again, and counts what was lost or done twice.

`python -m tests.chaos.kills --kills 50` prints the figures; exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mplp_runtime.vsl.sqlite import integrity_check
from tests.chaos.child import effects, known_attempts
from tests.runtime.orchestrator.projects import Project, errors, plan, role, step, table

REPOSITORY = Path(__file__).resolve().parents[2]

# The effect is one line in a file, in the middle of the step's time, so that kills hit before and after it.
STEP_CODE = """
import os, random, time
time.sleep(random.uniform(0.0, 0.04))
number = os.open("effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(number, (os.environ["MPLP_STEP_DESCRIPTION"] + "\\n").encode())
time.sleep(random.uniform(0.0, 0.08))
"""


@dataclass
class Figures:
    """What was seen. The promises: nothing lost, nothing repeated, nothing broken."""

    kills: int = 0
    kills_in_a_step: int = 0
    plans: int = 0
    acknowledged: int = 0
    questions: int = 0
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def share_in_a_step(self) -> float:
        return self.kills_in_a_step / self.kills if self.kills else 0.0

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.repeated or self.broken)

    def text(self) -> str:
        return "\n".join(
            [
                f"kills                            {self.kills}",
                f"  between a start and its result {self.kills_in_a_step} ({self.share_in_a_step:.0%})",
                f"plans run to their end           {self.plans}",
                f"acknowledged steps               {self.acknowledged}",
                f"questions about unknown outcomes {self.questions}",
                f"acknowledged steps lost          {len(self.lost)} {self.lost or ''}",
                f"steps repeated without consent   {len(self.repeated)} {self.repeated or ''}",
                f"broken state, timeline or trace  {len(self.broken)} {self.broken or ''}",
            ]
        )


class Child:
    """One process and what it has said so far."""

    def __init__(self, root: Path, *, forget: bool) -> None:
        environment = {**os.environ, **({"MPLP_CHAOS_FORGET": "1"} if forget else {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.child", str(root)],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.errors = ""
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def said(self, word: str) -> list[str]:
        return [line.split(" ", 1)[1] for line in list(self.lines) if line.startswith(f"{word} ")]

    def wait_for_start(self, number: int, limit_s: float) -> bool:
        """Until the child has begun `number` steps; False if it ended or the limit passed before."""
        deadline = time.monotonic() + limit_s
        with self._news:
            while len(self.said("start")) < number and self.process.poll() is None:
                rest = deadline - time.monotonic()
                if rest <= 0:
                    return False
                self._news.wait(min(rest, 0.2))
        return len(self.said("start")) >= number

    def end(self, *, kill: bool) -> int:
        """The exit code; everything that was said before the end is read."""
        if kill:
            self.process.send_signal(signal.SIGKILL)
        code = self.process.wait(60)
        for reader in self._readers:
            reader.join(60)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._news:
                    # A line that was cut by the kill was not acknowledged.
                    if line.endswith("\n"):
                        self.lines.append(line.strip())
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.errors = stream.read()


def kill_often(kills: int, *, seed: int, forget: bool = False, folder: Path | None = None) -> Figures:
    """Runs plans, killing their process until `kills` kills were made; then looks at what is there.

    With `forget` recovery is broken on purpose, and each kill waits until a step has had its effect.
    """
    chance = random.Random(seed)
    figures = Figures()
    base = folder or Path(tempfile.mkdtemp(prefix="mplp-chaos-"))
    while figures.kills < kills:
        _one_plan(base / f"plan{figures.plans}", chance, figures, kills, forget=forget)
        figures.plans += 1
    return figures


def _one_plan(root: Path, chance: random.Random, figures: Figures, kills: int, *, forget: bool) -> None:
    _project(root, chance)
    acknowledged: list[str] = []
    while True:
        child = Child(root, forget=forget)
        kill = figures.kills < kills
        if kill:
            # After a random number of starts, a random moment later: mostly inside a step.
            kill = child.wait_for_start(chance.randint(0, 3), 60)
            time.sleep(chance.uniform(0.0, 0.06))
            if forget:
                _wait_for_unacknowledged_effect(root, child, acknowledged)
        code = child.end(kill=kill)
        acknowledged += [name for name in child.said("done") if name not in acknowledged]
        figures.questions += len(child.said("asks"))
        killed = code == -signal.SIGKILL
        if killed:
            figures.kills += 1
            begun = {each.rpartition("/")[0] for each in child.said("start")}
            figures.kills_in_a_step += bool(begun - set(child.said("done")))
        elif code != 0 or not child.said("end"):
            figures.broken.append(f"exit code {code}: {child.errors[-500:]}")
            return
        _look(root, acknowledged, figures)
        if not killed:
            if child.said("end") != ["completed"]:
                figures.broken.append(f"the run ended as {child.said('end')}")
            figures.acknowledged += len(acknowledged)
            return


def _wait_for_unacknowledged_effect(root: Path, child: Child, acknowledged: list[str]) -> None:
    deadline = time.monotonic() + 20
    while child.process.poll() is None and time.monotonic() < deadline:
        if set(effects(root)) - {*acknowledged, *child.said("done")}:
            return
        time.sleep(0.001)


def _look(root: Path, acknowledged: list[str], figures: Figures) -> None:
    database = root / ".mplp/state.db"
    if not database.exists():
        return
    figures.broken += [f"integrity: {problem}" for problem in integrity_check(database)]
    attempts = known_attempts(root)
    names = {
        each["step_id"]: each["description"]
        for each in json.loads((root / "release.plan.json").read_text())["steps"]
    }
    completed = {names[each["step_id"]] for each in attempts if each["step_status"] == "completed"}
    figures.lost += [name for name in acknowledged if name not in completed and name not in figures.lost]
    for name, count in Counter(effects(root)).items():
        # Consent is only given where the effect is not there, so twice is never right.
        if count > 1 and name not in figures.repeated:
            figures.repeated.append(name)
    for name in completed:
        if name not in effects(root):
            figures.broken.append(f"{name} counts as completed and left no effect")
    for timeline in root.glob(".mplp/**/*.events.ndjson"):
        for line in timeline.read_text().splitlines():
            figures.broken += [f"{timeline.name}: {problem}" for problem in errors("event", json.loads(line))]
    for trace in root.glob(".mplp/traces/*.trace.json"):
        figures.broken += [
            f"{trace.name}: {problem}" for problem in errors("trace", json.loads(trace.read_text()))
        ]


def _project(root: Path, chance: random.Random) -> Project:
    names = [f"{root.name}-{number:02d}" for number in range(12)]
    steps = []
    for number, name in enumerate(names):
        needs = chance.sample(names[:number], k=min(number, chance.randint(0, 2)))
        steps.append(
            step(
                name,
                *needs,
                step_id=_number_id(number),
                dependencies=[_number_id(names.index(n)) for n in needs],
            )
        )
    return Project(root, plan(*steps), role("worker", STEP_CODE) + table("run", max_parallel=2))


def _number_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def main() -> int:
    """The command line; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--forget", action="store_true", help="break recovery on purpose: the harness must fail"
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"seed                             {seed}")
    figures = kill_often(options.kills, seed=seed, forget=options.forget)
    print(figures.text())
    enough = figures.share_in_a_step >= 0.2
    if not enough:
        print("fewer than 20 % of the kills hit a step: the figures say too little")
    return 0 if figures.is_good and enough else 1


if __name__ == "__main__":
    sys.exit(main())
