"""What a person decides about a run that exists, from the terminal: the same as the editor's commands.

A run is carried by one process: an editor, or another terminal. What is decided about it there is left in the
project's state, and this waits until it took effect. Where nobody carries the run, and it goes on, this does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import complain
from mplp_lsp.cli.style import printable, write
from mplp_lsp.cli.terminal import COMPLETED, FAILED, REFUSED, USAGE, AtTerminal
from mplp_lsp.cli.trace import chosen_run
from mplp_lsp.cli.trust import TRUST_IT
from mplp_runtime.errors import MplpError, RunRefused, RunUnknown, WorkspaceNotTrusted
from mplp_runtime.sources import system_clock

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView, StepView
    from mplp_runtime.runtime import Runtime

_MOST_NAMED = 20


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


def cancel(options: Decided, out: TextIO | None = None) -> int:
    """Ends a run and its processes, whoever carries it; an interrupted one is given up."""

    async def work(at: _At) -> int:
        if not at.view.is_live and at.view.status != "interrupted":
            raise RunRefused(f"{at.name} is {at.view.status} already.")
        view = await at.runtime.runs.cancel(at.view.run_id)
        at.say(f"{at.name} is {view.status}.")
        return COMPLETED

    return _decided(options, work, out)


def pause(options: Decided, out: TextIO | None = None) -> int:
    """Has the process that carries a run begin nothing more."""

    async def work(at: _At) -> int:
        await at.runtime.runs.pause(at.view.run_id)
        at.say(
            f"{at.name} is paused: what is under way ends, and nothing more begins. "
            f"Go on with it: mplp-lsp resume {at.view.run_id[:8]}"
        )
        return COMPLETED

    return _decided(options, work, out)


def resume(options: Decided, out: TextIO | None = None) -> int:
    """Has a paused run go on where it is carried; an interrupted one is carried here to its end."""

    async def work(at: _At) -> int:
        repeat = True if options.repeat else None

        def begin() -> Awaitable[RunView]:
            return at.runtime.runs.resume(at.view.run_id, repeat=repeat, trusted=True)

        if at.view.status == "interrupted":
            return await at.carry(begin)
        await begin()
        at.say(f"{at.name} goes on{at.elsewhere}.")
        return COMPLETED

    return _decided(options, work, out)


def retry(options: Decided, out: TextIO | None = None) -> int:
    """Tries a failed step again; of a run that nobody carries, the run that goes on is carried here."""

    async def work(at: _At) -> int:
        step = at.step(lambda step: step.status == "failed", "failed")

        def begin() -> Awaitable[RunView]:
            return at.runtime.retry(at.view.run_id, step.step_id, trusted=True, approve=options.yes)

        return await at.decide(begin, f"{_named(step)} is tried again")

    return _decided(options, work, out)


def skip(options: Decided, out: TextIO | None = None) -> int:
    """Goes on without a step; of a run that nobody carries, the run that goes on is carried here."""

    async def work(at: _At) -> int:
        step = at.step(lambda step: step.status == "failed", "failed")

        def begin() -> Awaitable[RunView]:
            return at.runtime.skip(
                at.view.run_id, step.step_id, options.reason, trusted=True, approve=options.yes
            )

        return await at.decide(begin, f"{_named(step)} is skipped")

    return _decided(options, work, out)


def answer(options: Decided, out: TextIO | None = None) -> int:
    """Answers what a run asks; says what it asks where no answer is given."""

    async def work(at: _At) -> int:
        asked = {question.step_id: question for question in at.view.questions}
        if not at.view.is_live or not asked:
            raise MplpError(
                f"{at.name} asks nothing{'' if at.view.is_live else f': it is {at.view.status}'}."
            )
        if options.success is None and not options.repeat:
            for question in at.view.questions:
                choices = f" ({', '.join(question.choices)})" if question.choices else ""
                at.say(f"{question.step_id[:8]}  {printable(question.text)}{choices}")
            return COMPLETED
        step = at.step(lambda step: step.step_id in asked, "waiting for an answer")
        await at.runtime.runs.answer(
            at.view.run_id,
            step.step_id,
            success=bool(options.success),
            output=options.output,
            repeat=options.repeat,
        )
        at.say(f"{_named(step)} has its answer.")
        return COMPLETED

    return _decided(options, work, out)


def roll_back(options: Decided, out: TextIO | None = None) -> int:
    """Takes back what the file operations of a run did; FAILED where something had to be left as it is."""

    async def work(at: _At) -> int:
        done = await at.runtime.roll_back(at.view.run_id, trusted=True, force=options.force)
        at.say(printable(done.sentence))
        for snapshot_id in done.snapshots:
            at.say(f"  A snapshot from before a risky step of the run is kept: {snapshot_id}")
        return FAILED if done.left else COMPLETED

    return _decided(options, work, out)


def drift(options: Decided, out: TextIO | None = None) -> int:
    """Looks at all files and says which are not what a run relied on or left; FAILED where some are not.

    `accept` takes them as they are from now on, all of them or the one file that `step` names.
    """

    async def work(at: _At) -> int:
        runtime, run_id = at.runtime, at.view.run_id
        await runtime.drift.look(lambda: runtime.list_files(runtime.root))
        found = runtime.runs.view(run_id).drift
        chosen = [each for each in found if options.step in {None, each.path}]
        if options.step is not None and not chosen:
            raise MplpError(f"{options.step} is as {at.inner_name} expects it, or unknown to it.")
        if options.accept:
            await runtime.runs.interventions.accept(run_id, options.step)
            at.say(f"{_files(len(chosen))} taken as they are; {at.inner_name} expects them so from now on.")
            return COMPLETED
        for each in chosen[:_MOST_NAMED]:
            step = at.view.steps.get(each.step_id or "")
            wrote = f", which “{printable(step.description)}” wrote," if step is not None else ""
            what = "is gone" if each.change == "deleted" else "has changed"
            at.say(f"{printable(each.path)}{wrote} {what} since {at.inner_name}.")
        if len(chosen) > _MOST_NAMED:
            at.say(f"and {len(chosen) - _MOST_NAMED} more")
        if not chosen:
            at.say(f"Nothing has changed of what {at.inner_name} relied on or left.")
        return FAILED if chosen else COMPLETED

    return _decided(options, work, out)


class _StepUnclear(MplpError):
    """No step is meant, or several; `steps` are those that may be."""

    def __init__(self, sentence: str, steps: Sequence[StepView]) -> None:
        super().__init__(sentence)
        self.steps = steps


@dataclass(slots=True)
class _At:
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
            raise _StepUnclear(f"In {self.inner_name} {what}; name the step.", found or self._all_steps())
        steps = self._all_steps()
        found = [step for step in steps if step.description == named]
        found = found or [step for step in steps if step.step_id.startswith(named)]
        if len(found) == 1:
            return found[0]
        what = "has no step" if not found else f"has {len(found)} steps"
        raise _StepUnclear(f"{self.name} {what} that begins with {named}, or is called so.", found or steps)

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


def _decided(options: Decided, work: Callable[[_At], Awaitable[int]], out: TextIO | None) -> int:
    """What `work` says, or REFUSED; makes no state where there is none. Raises MplpError."""
    from mplp_lsp.workspace.projects import root_of

    project = root_of(Path(options.root).absolute())
    try:
        return asyncio.run(_with_runtime(project, options, work, out or sys.stdout))
    except WorkspaceNotTrusted as error:
        complain(str(error))
        print(f"  {TRUST_IT}", file=sys.stderr)
        return REFUSED


async def _with_runtime(
    project: Path, options: Decided, work: Callable[[_At], Awaitable[int]], out: TextIO
) -> int:
    from mplp_lsp.workspace.scan import project_files
    from mplp_runtime.runtime import Runtime
    from mplp_runtime.state_opening import has_state
    from mplp_runtime.trust import Trust

    if not has_state(project):
        raise RunUnknown(f"No plan has run in {project} yet.")
    if not (options.trust or Trust().is_trusted(project)):
        # Also for those that only write what was decided: `[state]` of such a folder may name any address.
        raise WorkspaceNotTrusted(
            "This folder is not trusted, so nothing of its runs is decided. Trust it first."
        )
    runtime = Runtime.open(project, list_files=lambda folder: project_files(folder).files)
    at: _At | None = None
    try:
        views = runtime.runs.all()
        if not views:
            raise RunUnknown(f"No plan has run in {project} yet.")
        at = _At(runtime, chosen_run(options.run, views), options, out)
        return await work(at)
    except _StepUnclear as error:
        complain(str(error))
        for step in error.steps[:_MOST_NAMED]:
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


def _ways_on(error: RunRefused, at: _At | None) -> list[str]:
    """What to type next."""
    known: Mapping[str, str] = {
        "not-approved": "--yes proposes and approves the plan as it stands.",
        "built-upon": "--force rolls it back all the same.",
        "interrupted": "Go on with that run (mplp-lsp resume RUN), or give it up (mplp-lsp cancel RUN).",
        "in-progress": "End the run with mplp-lsp cancel RUN, or wait for it: mplp-lsp trace --list.",
    }
    ways = [known[error.code]] if error.code in known else []
    if at is None or at.is_carrying:
        return ways
    now = at.runtime.runs.view(at.view.run_id)
    if error.code == RunRefused.code and now.is_live and now.owner_pid is not None:
        ways.append(
            f"Process {now.owner_pid} carries the run (an editor, or another terminal). If it hangs, end it: "
            "the run is interrupted then, and mplp-lsp resume goes on with it."
        )
    return ways


def _named(step: StepView) -> str:
    return f"Step “{printable(step.description)}”"


def _files(number: int) -> str:
    return "1 file is" if number == 1 else f"{number} files are"
