"""The lives of one project: a process is killed, the next one goes on, until the run is over."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.child import REFUSED, Task, run
from tests.chaos.figures import Figures
from tests.chaos.forks import Forked
from tests.chaos.looks import left_running, settled, torn_files
from tests.chaos.scenarios import PLAN_MAKERS

MOST_LIVES = 40


class Lives:
    """One project and the memory of what its user was told. `note` says where a finding was made."""

    def __init__(self, task: Task, figures: Figures, note: str) -> None:
        self.task = task
        self.figures = figures
        self._note = note
        self._heard: list[str] = list(task.heard)
        self._run_ids: set[str] = set()
        self._number = 0
        self.is_over = False

    def begin(self, **changes: object) -> Forked:
        """The next process. Keywords are members of its Task."""
        self._number += 1
        task = replace(self.task, heard=tuple(self._heard), **changes)  # type: ignore[arg-type]
        complaints = self.task.root.with_name(f"{self.task.root.name}.complaints{self._number}")
        return Forked(lambda: run(task), complaints)

    def take(self, process: Forked, *, is_rival: bool = False, is_disk_bad: bool = False) -> None:
        """Holds what an ended process said, and how it ended, against everything that was said before.

        On a bad disk a process may refuse, or leave its run interrupted, but it tells so in a sentence.
        """
        code = process.end()
        figures = self.figures
        self._measure(process)
        if not is_rival:
            self._compare(process)
        self._heard += [line for line in process.lines if line not in self._heard]
        for what in process.said("wrong"):
            self.add("lost" if "acknowledged" in what else "torn", what)
        if "Traceback" in process.complaints:
            self.add("by_hand", f"a traceback: {process.complaints[-700:]}")
        if code == -signal.SIGKILL and "late" not in process.lines:
            figures.kills += 1
            figures.kills_in_a_step += _is_in_a_step(process)
            figures.kills_by_state[self.task.scenario] += 1
            for place in process.said("at"):
                figures.kills_by_place[_place(place)] += 1
            for finding in torn_files(self.task.root):
                self.add(*finding)
        elif is_disk_bad and (process.said("end") == ["interrupted"] or code == REFUSED):
            figures.bad_disks += 1
        elif code != 0 or not process.said("end"):
            last = [*process.lines, *process.complaints.splitlines()][-12:]
            self.add("by_hand", f"exit code {code}: {' | '.join(last)}")
            self.is_over = True
        else:
            self.is_over = True
            ended, wanted = process.said("end")[-1], PLAN_MAKERS(self.task.scenario).ends
            if ended != wanted:
                self.add("by_hand", f"the run ended as {ended}")

    def finish(self) -> None:
        """Lets processes go on undisturbed until the run is over, then looks at everything."""
        while not self.is_over and self._number < MOST_LIVES:
            self.take(self.begin())
        if not self.is_over:
            self.add("by_hand", f"not over after {MOST_LIVES} processes")
        self.look()

    def look(self) -> None:
        """Everything that can be seen once the run is over; in a process of its own."""
        looker = Forked(self._look, self.task.root.with_name(f"{self.task.root.name}.look"))
        if looker.end() != 0:
            self.add("by_hand", f"the end could not be looked at: {looker.complaints[-700:]}")
        for line in looker.said("found"):
            name, what = json.loads(line)
            self.add(name, what)
        for finding in left_running(self._run_ids):
            self.add(*finding)
        self.figures.plans += 1
        self.figures.acknowledged += len({line for line in self._heard if line.startswith("done ")})
        self.figures.answers += len({line for line in self._heard if line.startswith("answered ")})
        self.figures.effects += self._effects()

    def add(self, name: str, what: str) -> None:
        """One case in which a promise was broken."""
        cases: list[str] = getattr(self.figures, name)
        case = f"{self._note}, {self.task.root}: {what}"
        if case not in cases:
            cases.append(case)

    def forget(self) -> None:
        """Removes the project and what its processes complained about, if nothing is to be seen there."""
        if not any(str(self.task.root) in case for cases in self.figures.broken().values() for case in cases):
            shutil.rmtree(self.task.root, ignore_errors=True)
            for path in self.task.root.parent.glob(f"{self.task.root.name}.*"):
                path.unlink(missing_ok=True)

    def _look(self) -> int:
        for finding in settled(self.task.root):
            print("found", json.dumps(finding), flush=True)
        return 0

    def _effects(self) -> int:
        path = self.task.root / "effects"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def _measure(self, process: Forked) -> None:
        figures = self.figures
        figures.questions += sum(line.startswith("repeat ") for line in process.said("asks"))
        self._run_ids.update(line.split(" ")[0] for line in (*process.said("run"), *process.said("owner")))
        if self._number > 1:
            figures.restarts += 1
            for each in process.said("ready"):
                figures.slowest_restart_s = max(figures.slowest_restart_s, float(each))
        for each in process.said("memory"):
            figures.largest_memory_mib = max(figures.largest_memory_mib, int(each) / 1024)

    def _compare(self, process: Forked) -> None:
        """What was acknowledged before this process must be there in it."""
        if not process.said("ready"):
            return
        standing = dict(line.rsplit(" ", 1) for line in process.said("is"))
        is_past_opening = bool(process.said("run")) or any(
            process.said(word) for word in ("owner", "end", "proposed", "approved")
        )
        before = self._heard
        if not is_past_opening:
            return
        if any(line.startswith("owner ") for line in before) and not process.said("run"):
            self.add("lost", "the run that was acknowledged is gone")
        if process.said("run"):
            for name in [line.partition(" ")[2] for line in before if line.startswith("done ")]:
                # The list of a process that was killed while it said it is not whole.
                if standing.get(name, "completed") != "completed":
                    self.add("lost", f"{name} was acknowledged and is {standing[name]}")
            if "cancelled" in before and process.said("run")[0].split(" ")[1] != "cancelled":
                self.add("lost", f"the cancel was acknowledged, and the run is {process.said('run')[0]}")
        for question in process.said("asks"):
            if f"answered {question}" in before:
                self.add("lost", f"answered, and asked again: {question}")


def _is_in_a_step(process: Forked) -> bool:
    ended = {line.split(" ")[0] for line in process.said("done")}
    failed = set(process.said("failed"))
    return any(line.split(" ")[0] not in ended and line not in failed for line in process.said("start"))


def _place(told: str) -> str:
    """`write state.db-wal`: what was done to which sort of file; told by the library as `write /.mplp/…`."""
    what, _, path = told.partition(" ")
    name = path.rsplit("/", 1)[-1]
    sorts: list[tuple[Callable[[str], bool], str]] = [
        (lambda name: name.endswith(".tmp"), "a file that replaces another"),
        (lambda name: name.startswith("state.db"), name),
        (lambda name: ".events.ndjson" in name, "a timeline"),
        (lambda name: ".trace.json" in name, "a trace"),
        (lambda name: "." not in name, "a folder or copy"),
    ]
    sort = next((words for fits, words in sorts if fits(name)), "another file")
    return f"{what} of {sort}"


def counted(process: Forked) -> Counter[str]:
    """Words by which a process's lines begin; for tests."""
    return Counter(line.split(" ", 1)[0] for line in process.lines)
