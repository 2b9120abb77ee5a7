"""One decision about a run from the terminal: which run and step are meant, and who carries it on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import APPROVED_ANEW, complain
from mplp_lsp.cli.opening import opened_with_trust
from mplp_lsp.cli.style import MOST_NAMED, printable, write
from mplp_lsp.cli.terminal import COMPLETED, REFUSED, USAGE, AtTerminal
from mplp_lsp.cli.trace import chosen_run
from mplp_lsp.cli.trust import complain_of_trust
from mplp_runtime.errors import MplpError, RunRefused, RunUnknown, WorkspaceNotTrusted
from mplp_runtime.sources import system_clock

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView, StepView
    from mplp_runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Decided:
    """The flags of all decisions. `run` and `step` are as the person wrote them."""

    run: str
    step: str | None = None
    root: str = "."
    trust: bool = False
    yes: bool = False
    repeat: bool = False
    force: bool = False
    accept: bool = False
    success: bool | None = None
    reason: str = ""
    output: str = ""


class StepUnclear(MplpError):
    """No step is meant, or several; `steps` are those that may be."""

    def __init__(self, sentence: str, steps: Sequence[StepView]) -> None:
        super().__init__(sentence)
        self.steps = steps


@dataclass(slots=True)
class At:
    """One decision: the run as it is before it, and where it is told."""

    runtime: Runtime
    view: RunView
    options: Decided
    out: TextIO
    is_carrying: bool = False

    @property
    def name(self) -> str:
        """The run, as the beginning of a sentence."""
        return f"Run {self.view.generation} of “{printable(self.view.title)}”"

    @property
    def inner_name(self) -> str:
        return f"r{self.name[1:]}"

    @property
    def elsewhere(self) -> str:
        return f", in process {self.view.owner_pid}" if self.view.owner_pid is not None else ""

    def say(self, text: str) -> None:
        write(self.out, text + "\n")

    def step(self, fits: Callable[[StepView], bool], word: str) -> StepView:
        """The step that the person named by its id, the beginning of it, or what it does; else the only one
        that fits. Raises MplpError.
        """
        named = self.options.step
        if named is None:
            found = [step for step in self.view.steps.values() if fits(step)]
            if len(found) == 1:
                return found[0]
            what = f"no step is {word}" if not found else f"{len(found)} steps are {word}"
            raise StepUnclear(f"In {self.inner_name} {what}; name the step.", found or self._all_steps())
        steps = self._all_steps()
        found = [step for step in steps if step.description == named]
        found = found or [step for step in steps if step.step_id.startswith(named)]
        if len(found) == 1:
            return found[0]
        what = "has no step" if not found else f"has {len(found)} steps"
        raise StepUnclear(f"{self.name} {what} that begins with {named}, or is called so.", found or steps)

    def asking(self) -> StepView:
        """The step that the person named and that asks something; else the only one. Raises MplpError."""
        asked = {question.step_id for question in self.view.questions}
        step = self.step(lambda step: step.step_id in asked, "waiting for an answer")
        if step.step_id not in asked:
            waiting = [each for each in self._all_steps() if each.step_id in asked]
            raise StepUnclear(f"{named_step(step)} asks nothing.", waiting)
        return step

    def _all_steps(self) -> list[StepView]:
        return list(self.view.steps.values())

    async def decide(self, begin: Callable[[], Awaitable[RunView]], told: str) -> int:
        """Has it done by the process that carries the run; else carries on with it here, to the end."""
        if not self.view.is_live:
            return await self.carry(begin)
        await begin()
        self.say(f"{told}{self.elsewhere}.")
        return COMPLETED

    async def carry(self, begin: Callable[[], Awaitable[RunView]]) -> int:
        """The exit code of a run that goes on here."""
        self.is_carrying = True
        terminal = AtTerminal(self.runtime.root, self.out, system_clock, is_trusted=True)
        return await terminal.follow(self.runtime, begin, is_going_on=True)


def decided(options: Decided, work: Callable[[At], Awaitable[int]], out: TextIO | None) -> int:
    """What `work` says, or REFUSED; makes no state where there is none. Raises MplpError."""
    from mplp_lsp.workspace.projects import root_of

    project = root_of(Path(options.root).absolute())
    try:
        return asyncio.run(_with_runtime(project, options, work, out or sys.stdout))
    except WorkspaceNotTrusted as error:
        complain_of_trust(error)
        return REFUSED


async def _with_runtime(
    project: Path, options: Decided, work: Callable[[At], Awaitable[int]], out: TextIO
) -> int:
    from mplp_runtime.state_opening import has_state

    if not has_state(project):
        raise RunUnknown(f"No plan has run in {project} yet.")
    refusal = "This folder is not trusted, so nothing of its runs is decided. Trust it first."
    runtime = opened_with_trust(project, trust=options.trust, refusal=refusal)
    at: At | None = None
    try:
        views = runtime.runs.all()
        if not views:
            raise RunUnknown(f"No plan has run in {project} yet.")
        at = At(runtime, chosen_run(options.run, views, project), options, out)
        return await work(at)
    except StepUnclear as error:
        complain(str(error))
        for step in error.steps[:MOST_NAMED]:
            print(f"  {step.step_id}  {step.status}  {printable(step.description)}", file=sys.stderr)
        return USAGE
    except RunRefused as error:
        complain(str(error))
        for way in _ways_on(error, at):
            print(f"  {way}", file=sys.stderr)
        return REFUSED
    finally:
        if at is None or not at.is_carrying:
            await runtime.close()


def _ways_on(error: RunRefused, at: At | None) -> list[str]:
    """What to type next."""
    known: Mapping[str, str] = {
        "not-approved": "--yes proposes and approves the plan as it stands.",
        "built-upon": "--force rolls it back all the same.",
        "interrupted": "Go on with that run (mplp-lsp resume RUN), or give it up (mplp-lsp cancel RUN).",
        "in-progress": "End the run with mplp-lsp cancel RUN, or wait for it: mplp-lsp trace --list.",
    }
    ways = [known[error.code]] if error.code in known else []
    if error.code == "not-approved" and at is not None and at.view.status == "interrupted":
        ways = [APPROVED_ANEW]
    elif error.code == "not-approved" and at is not None and at.options.yes:
        ways = []
    if at is None or at.is_carrying:
        return ways
    now = at.runtime.runs.view(at.view.run_id)
    if error.code == RunRefused.code and now.is_live and now.owner_pid is not None:
        ways.append(
            f"Process {now.owner_pid} carries the run (an editor, or another terminal). If it hangs, end it: "
            "the run is interrupted then, and mplp-lsp resume goes on with it."
        )
    return ways


def named_step(step: StepView) -> str:
    """The step, as the beginning of a sentence."""
    return f"Step “{printable(step.description)}”"
