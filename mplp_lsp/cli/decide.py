"""What a person decides about a run that exists, from the terminal: the same as the editor's commands.

A run is carried by one process: an editor, or another terminal. What is decided about it there is left in the
project's state, and this waits until it took effect. Where nobody carries the run, and it goes on, this does.
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.deciding import At, Decided, StepUnclear, decided, named_step
from mplp_lsp.cli.style import MOST_NAMED, counted_files, printable
from mplp_lsp.cli.terminal import COMPLETED, FAILED
from mplp_runtime.errors import MplpError, RunRefused, RunUnknown

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView, StepView


def cancel(options: Decided, out: TextIO | None = None) -> int:
    """Ends a run and its processes, whoever carries it; an interrupted one is given up."""

    async def work(at: At) -> int:
        if not at.view.is_live and at.view.status != "interrupted":
            raise RunRefused(f"{at.name} is {at.view.status} already.")
        view = await at.runtime.runs.cancel(at.view.run_id)
        at.say(f"{at.name} is {view.status}.")
        return COMPLETED

    return decided(options, work, out)


def pause(options: Decided, out: TextIO | None = None) -> int:
    """Has the process that carries a run begin nothing more."""

    async def work(at: At) -> int:
        await at.runtime.runs.pause(at.view.run_id)
        at.say(
            f"{at.name} is paused: what is under way ends, and nothing more begins. "
            f"Go on with it: mplp-lsp resume {at.view.run_id[:8]}"
        )
        return COMPLETED

    return decided(options, work, out)


def resume(options: Decided, out: TextIO | None = None) -> int:
    """Has a paused run go on where it is carried; an interrupted one is carried here to its end."""

    async def work(at: At) -> int:
        repeat = True if options.repeat else None

        def begin() -> Awaitable[RunView]:
            return at.runtime.runs.resume(at.view.run_id, repeat=repeat, trusted=True)

        if at.view.status == "interrupted":
            return await at.carry(begin)
        await begin()
        at.say(f"{at.name} goes on{at.elsewhere}.")
        return COMPLETED

    return decided(options, work, out)


def retry(options: Decided, out: TextIO | None = None) -> int:
    """Tries a failed step again; of a run that nobody carries, the run that goes on is carried here."""

    async def work(at: At) -> int:
        step = at.step(lambda step: step.status == "failed", "failed")

        def begin() -> Awaitable[RunView]:
            return at.runtime.retry(at.view.run_id, step.step_id, trusted=True, approve=options.yes)

        return await at.decide(begin, f"{named_step(step)} is tried again")

    return decided(options, work, out)


def skip(options: Decided, out: TextIO | None = None) -> int:
    """Goes on without a step; of a run that nobody carries, the run that goes on is carried here."""

    async def work(at: At) -> int:
        step = at.step(lambda step: step.status == "failed" or step.interrupted, "failed or interrupted")

        def begin() -> Awaitable[RunView]:
            return at.runtime.skip(
                at.view.run_id, step.step_id, options.reason, trusted=True, approve=options.yes
            )

        return await at.decide(begin, f"{named_step(step)} is skipped")

    return decided(options, work, out)


def answer(options: Decided, out: TextIO | None = None) -> int:
    """Answers what a run asks; says what it asks where no answer is given.

    An interrupted run asks nothing: an answer takes it up, and it is carried on here.
    """

    async def work(at: At) -> int:
        is_decided = options.success is not None or options.repeat
        if at.view.status == "interrupted":
            under_way = [step for step in at.view.steps.values() if step.interrupted]
            if not is_decided:
                raise StepUnclear(
                    f"{at.name} is interrupted and asks again when it goes on: --yes, --no or --repeat takes "
                    f"it up and answers, mplp-lsp resume {at.view.run_id[:8]} only takes it up.",
                    under_way,
                )
            named = at.step(lambda step: step.interrupted, "known to wait") if options.step else None
            return await at.carry(lambda: _taken_up_and_answered(at, named))
        if not at.view.is_live or not at.view.questions:
            raise MplpError(
                f"{at.name} asks nothing{'' if at.view.is_live else f': it is {at.view.status}'}."
            )
        if not is_decided and not options.output:
            named = at.asking() if options.step is not None else None
            for question in at.view.questions:
                if named is None or question.step_id == named.step_id:
                    choices = f" ({', '.join(question.choices)})" if question.choices else ""
                    at.say(f"{question.step_id[:8]}  {printable(question.text)}{choices}")
            return COMPLETED
        step = at.asking()
        await _answered(at, step)
        at.say(f"{named_step(step)} has its answer.")
        return COMPLETED

    return decided(options, work, out)


async def _taken_up_and_answered(at: At, named: StepView | None) -> RunView:
    """The interrupted run, under way again, once a step that asks has its answer."""
    run_id, runs = at.view.run_id, at.runtime.runs

    def is_told() -> bool:
        at.view = runs.view(run_id)
        asked = {question.step_id for question in at.view.questions}
        working = {step.step_id for step in at.view.steps.values() if step.status == "in_progress"}
        is_asked = bool(asked) if named is None else named.step_id in asked
        # Where all that is under way waits for a person, nothing else will be asked.
        return not at.view.is_live or is_asked or (bool(asked) and working <= asked)

    await runs.resume(run_id, trusted=True)
    await runs.notices.until(is_told, float("inf"))
    if at.view.questions:
        await _answered(at, at.asking())
    else:
        at.say(f"{at.name} went on and asked nothing.")
    return runs.view(run_id)


async def _answered(at: At, step: StepView) -> None:
    """Gives the answer of the flags. Raises MplpError where they do not fit what is asked."""
    options = at.options
    question = next(each for each in at.view.questions if each.step_id == step.step_id)
    success = options.success
    if success is None and not options.repeat:
        if not question.choices:
            raise MplpError("--output says what came of it; say --yes or --no, too.")
        success = True
    if success and question.choices and not options.output.strip():
        raise MplpError(
            f"A name is asked for; give it with --output: {printable(', '.join(question.choices))}."
        )
    await at.runtime.runs.answer(
        at.view.run_id,
        step.step_id,
        success=bool(success),
        output=options.output,
        repeat=options.repeat,
    )


def roll_back(options: Decided, out: TextIO | None = None) -> int:
    """Takes back what the file operations of a run did; FAILED where something had to be left as it is."""

    async def work(at: At) -> int:
        done = await at.runtime.roll_back(at.view.run_id, trusted=True, force=options.force)
        at.say(printable(done.sentence))
        for snapshot_id in done.snapshots:
            at.say(f"  A snapshot from before a risky step of the run is kept: {snapshot_id}")
        return FAILED if done.left else COMPLETED

    return decided(options, work, out)


def drift(options: Decided, out: TextIO | None = None) -> int:
    """Looks at all files and says which are not what a run relied on or left; FAILED where some are not.

    `accept` takes them as they are from now on, all of them or the one file that `step` names.
    """

    async def work(at: At) -> int:
        runtime, run_id = at.runtime, at.view.run_id
        await runtime.drift.look(lambda: runtime.list_files(runtime.root))
        found = runtime.runs.view(run_id).drift
        chosen = [each for each in found if options.step in {None, each.path}]
        if options.step is not None and not chosen:
            raise MplpError(f"{options.step} is as {at.inner_name} expects it, or unknown to it.")
        if options.accept and not chosen:
            at.say(f"Nothing has changed that {at.inner_name} could take as it is.")
            return COMPLETED
        if options.accept:
            await runtime.runs.interventions.accept(run_id, options.step)
            verb = "is" if len(chosen) == 1 else "are"
            told = f"{counted_files(len(chosen))} {verb} taken as found"
            at.say(f"{told}; {at.inner_name} expects them so from now on.")
            return COMPLETED
        for each in chosen[:MOST_NAMED]:
            step = at.view.steps.get(each.step_id or "")
            wrote = f", which “{printable(step.description)}” wrote," if step is not None else ""
            what = "is gone" if each.change == "deleted" else "has changed"
            at.say(f"{printable(each.path)}{wrote} {what} since {at.inner_name}.")
        if len(chosen) > MOST_NAMED:
            at.say(f"and {len(chosen) - MOST_NAMED} more")
        if not chosen:
            at.say(f"Nothing has changed of what {at.inner_name} relied on or left.")
        return FAILED if chosen else COMPLETED

    try:
        return decided(options, work, out)
    except RunUnknown as error:
        if options.step is None and (Path(options.root) / options.run).is_file():
            raise RunUnknown(
                f"{error} To look at that file only: mplp-lsp drift last {options.run}"
            ) from error
        raise
