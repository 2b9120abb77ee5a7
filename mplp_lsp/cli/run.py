"""`mplp-lsp run`: one plan, from the terminal, by the same engine as in the editor."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import APPROVED_ANEW, complain
from mplp_lsp.cli.opening import opened, opened_to_look
from mplp_lsp.cli.project import absolute, read_projects
from mplp_lsp.cli.terminal import REFUSED, AtTerminal
from mplp_runtime.errors import MplpError, RunRefused, WorkspaceNotTrusted
from mplp_runtime.project_documents import read_text
from mplp_runtime.sources import Clock, system_clock

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView
    from mplp_runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags of `mplp-lsp run`."""

    simulate: bool = False
    yes: bool = False
    trust: bool = False
    resume: bool = False
    repeat: bool = False
    anew: bool = False


def run_command(
    plan: str, options: RunOptions, *, out: TextIO | None = None, clock: Clock = system_clock
) -> int:
    """0 completed, 1 failed, cancelled or left waiting, 3 refused.

    Raises MplpError where the plan cannot be read or the flags contradict each other.
    """
    if options.repeat and not options.resume:
        raise MplpError("--repeat says how to go on with an interrupted run; it needs --resume.")
    if options.resume and options.anew:
        raise MplpError("--resume goes on with the interrupted run, --anew gives it up; say one of them.")
    if options.resume and (options.simulate or options.yes):
        raise MplpError("--resume goes on with a run as it was started; leave out --simulate and --yes.")
    path = absolute(plan)
    try:
        return asyncio.run(_run(path, _read(path), options, out or sys.stdout, clock))
    except RunRefused as error:
        complain(str(error))
        way = _way_on(error.code, plan, options)
        if way:
            print(f"  {way}", file=sys.stderr)
        return REFUSED


def _way_on(code: str, plan: str, options: RunOptions) -> str:
    """What to type next, for refusals that a flag answers."""
    if code == "not-approved" and (options.yes or options.resume):
        return APPROVED_ANEW if options.resume else ""
    return {
        "not-trusted": "Trust the folder for this run with --trust, for good with `mplp-lsp trust DIR`, "
        "or try the plan with --simulate.",
        "not-approved": "--yes proposes and approves the plan as it stands.",
        "not-valid": f"All findings: mplp-lsp check {plan}",
        "interrupted": "--resume goes on with it; --anew gives it up and runs the plan from the beginning.",
        "not-bound": "Try the plan without its actions: --simulate.",
    }.get(code, "")


def _read(path: Path) -> str:
    if path.is_dir():
        raise MplpError(f"{path} is a folder; name the plan document in it.")
    return read_text(path)


async def _run(path: Path, text: str, options: RunOptions, out: TextIO, clock: Clock) -> int:
    from mplp_runtime.trust import Trust

    on_disk = read_projects([path])
    document = on_disk.document(path)
    if document is not None and document.kind != "plan":
        raise MplpError(f"{path} is a document of kind {document.kind}; only plans are run.")
    root = on_disk.root_for(path)
    plan_id = document.facts.id if document is not None and document.facts is not None else None
    # Without trust nothing is written (D23).
    is_trusted = options.trust or Trust().is_trusted(root)
    if options.resume and not is_trusted:
        async with opened_to_look(root) as looking:
            _interrupted(looking, plan_id)
        raise WorkspaceNotTrusted("This folder is not trusted, so nothing in it is run. Trust it first.")
    if is_trusted and not options.simulate:
        for sentence in await asyncio.to_thread(_narrowed, root):
            complain(sentence)
    runtime = opened(root, in_memory=not is_trusted)

    async def begin() -> RunView:
        from mplp_runtime.orchestrator.manager import StartRequest

        if options.resume:
            interrupted = _interrupted(runtime, plan_id)
            repeat = True if options.repeat else None
            return await runtime.runs.resume(interrupted.run_id, repeat=repeat, trusted=is_trusted)
        return await runtime.runs.start(
            StartRequest(
                plan_path=path,
                plan_text=text,
                world=on_disk.snapshot(path).index,
                simulate=options.simulate,
                approve=options.yes,
                trusted=is_trusted,
                anew=options.anew,
            )
        )

    terminal = AtTerminal(root, out, clock, is_trusted=is_trusted)
    return await terminal.follow(runtime, begin, is_going_on=options.resume)


def _narrowed(root: Path) -> list[str]:
    """What mplp.toml asks for and no step gets; of a file that cannot be used the start says why."""
    from mplp_runtime.runtime import SETTINGS_FILE
    from mplp_runtime.settings import wider_limits

    path = root / SETTINGS_FILE
    with suppress(MplpError):
        return wider_limits(read_text(path)) if path.exists() else []
    return []


def _interrupted(runtime: Runtime, plan_id: str | None) -> RunView:
    runs = [view for view in runtime.runs.all() if view.status == "interrupted" and view.plan_id == plan_id]
    if not runs:
        raise RunRefused("There is no interrupted run of this plan to go on with; start it without --resume.")
    return runs[-1]
