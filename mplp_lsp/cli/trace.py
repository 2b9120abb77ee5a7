"""`mplp-lsp trace`: what a run did, from the record it left."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mplp_lsp.cli.live import failure_lines, seconds, step_line
from mplp_lsp.cli.opening import opened_to_look
from mplp_lsp.cli.project import absolute, shown_path
from mplp_lsp.cli.style import Style, printable, write
from mplp_runtime.disk import read_regular, why
from mplp_runtime.errors import RunUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mplp_runtime.orchestrator.views import RunView

LAST = "last"
"""The newest run; no id begins so."""

_COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow", "interrupted": "yellow"}

SEALED_TRACE = "kept encrypted; `mplp-lsp trace {run} --json` shows it"
"""What stands in the place of the path of a trace that only the state's key opens."""


def trace_command(
    run: str | None, *, root: str, as_json: bool = False, all_runs: bool = False, out: TextIO | None = None
) -> int:
    """Prints one run (the newest, if none is named), the trace document itself, or the list of runs."""
    from mplp_lsp.workspace.projects import root_of

    stream = out or sys.stdout
    project = root_of(Path(root).absolute())
    views = known_runs(project)
    return _print(run, views, project, as_json=as_json, all_runs=all_runs, out=stream)


def known_runs(project: Path) -> Sequence[RunView]:
    """The runs of a project, the newest last; makes no state.

    Raises RunUnknown where there are none, and what `opened_to_look` raises.
    """
    from mplp_runtime.state_opening import has_state

    views = asyncio.run(_runs(project)) if has_state(project) else ()
    if not views:
        raise RunUnknown(f"No plan has run in {project} yet.")
    return views


async def _runs(project: Path) -> Sequence[RunView]:
    async with opened_to_look(project) as runtime:
        return runtime.runs.all()


def _print(
    run: str | None, views: Sequence[RunView], root: Path, *, as_json: bool, all_runs: bool, out: TextIO
) -> int:
    style = Style.of(out)
    if all_runs:
        for view in views:
            write(out, _headline(view, style) + "\n")
        return 0
    view = chosen_run(run, views, root)
    if as_json:
        write(out, trace_document(root, view))
        return 0
    for line in _described(view, root, style):
        write(out, line + "\n")
    return 0


def chosen_run(run: str | None, views: Sequence[RunView], project: Path) -> RunView:
    """The run whose id, or whose trace's id, begins so; without, and for `last`, the newest.

    For the path of a plan, from the current folder or the project's, the newest run of it. Raises RunUnknown.
    """
    if run is None or run == LAST:
        return views[-1]
    if not run:
        raise RunUnknown("The name of the run is empty; see mplp-lsp trace --list.")
    found = [view for view in views if view.run_id.startswith(run) or view.trace_id.startswith(run)]
    if not found:
        paths = {absolute(run), absolute(str(project / run))}
        found = [view for view in views if absolute(str(project / view.plan_path)) in paths][-1:]
    if not found:
        raise RunUnknown(f"No run or trace of this project begins with {run}; see mplp-lsp trace --list.")
    if len(found) > 1:
        raise RunUnknown(f"{len(found)} runs begin with {run}; write more of the id.")
    return found[0]


def trace_document(root: Path, view: RunView) -> str:
    """The text of a run's trace; of one that left no file to read, from the state. Raises RunUnknown."""
    if view.trace_path is None:
        return recorded(root, view)[0]
    try:
        return read_regular(root / view.trace_path)
    except (OSError, UnicodeDecodeError) as error:
        raise RunUnknown(f"The trace of run {view.run_id} cannot be read: {why(error)}.") from error


def recorded(project: Path, view: RunView) -> tuple[str, list[Mapping[str, Any]]]:
    """The text of a run's trace and the events of its timeline, from the state.

    Files may be encrypted, damaged, or tidied away. Raises RunUnknown.
    """
    return asyncio.run(_recorded(project, view))


async def _recorded(project: Path, view: RunView) -> tuple[str, list[Mapping[str, Any]]]:
    from mplp_runtime.orchestrator.live import shown_record
    from mplp_runtime.orchestrator.state import load_state

    async with opened_to_look(project) as runtime:
        state = runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
        if state is None:
            raise RunUnknown(f"The run {view.run_id} is no longer in the state.")
        return shown_record(state, runtime.vsl, runtime.clock)


def _headline(view: RunView, style: Style) -> str:
    status = style.paint(view.status, _COLOURS.get(view.status, "blue"), "bold")
    simulated = " (simulated)" if view.simulated else ""
    began = view.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{view.run_id}  {status}{simulated}  {began}  {printable(view.title)}"


def _described(view: RunView, root: Path, style: Style) -> list[str]:
    lines = [_headline(view, style)]
    if view.finished_at is not None:
        lines.append(f"took {seconds((view.finished_at - view.started_at).total_seconds())}")
    if view.error:
        lines.append(printable(view.error))
    waiting = {question.step_id for question in view.questions}
    for step in view.steps.values():
        lines.append(step_line(step, style, waiting=step.step_id in waiting))
        if step.status == "failed" or step.interrupted:
            lines.extend(failure_lines(step, style))
    if view.trace_path:
        lines.append(f"trace:    {printable(shown_path(root / view.trace_path))}")
    if view.is_sealed:
        lines.append(f"trace:    {SEALED_TRACE.format(run=view.run_id[:8])}")
    if view.timeline_path:
        lines.append(f"timeline: {printable(shown_path(root / view.timeline_path))}")
    return lines
