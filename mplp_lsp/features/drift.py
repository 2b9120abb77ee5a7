"""Drift where the author sees it: documents and steps whose files are no longer what a run relied on.

Findings follow the newest run of each plan and what the graph knows of files; they go when the file is as it
was, when the plan runs again, and when a person says that the change is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lsprotocol import types

from mplp_lsp.analysis.located import Located, range_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.rules.findings import Finding, Place, Pointer, Severity, Stage

if TYPE_CHECKING:
    from mplp_runtime.drift.dependence import RunDrift

CODE = "run-drift"
_KIND = "mplp.run"


def drift_findings(snapshot: Snapshot, document: Document) -> list[Located]:
    """What runs say about this document, and at the steps of a plan about the files that they wrote."""
    found = []
    for run, drift, pointer in _drifts(snapshot, document):
        finding = Finding(
            CODE,
            _sentence(run, drift),
            Severity.INFORMATION,
            Stage.LIFECYCLE,
            Place(pointer) if pointer else Place((), "open"),
            data={"run_id": run.run_id, "path": drift.path, "change": drift.change},
        )
        found.append(Located(finding, *_range(document, pointer)))
    return found


def drift_actions(
    snapshot: Snapshot, document: Document, uri: str, where: tuple[int, int]
) -> Iterator[types.CodeAction | types.Command]:
    """What can be done about drift at the asked place: it is meant, or a snapshot comes back."""
    here = [
        (run, drift)
        for run, drift, pointer in _drifts(snapshot, document)
        if _touches(_range(document, pointer), where)
    ]
    for run, drift in here:
        title = f"The change of {drift.path} since run {run.generation} is meant"
        argument = {"run": run.run_id, "path": drift.path}
        yield _action(snapshot, title, "mplp.reconcileDrift", argument)
    if here and snapshot.is_trusted:
        yield _action(snapshot, "Restore a snapshot", "mplp.restoreSnapshot", {"uri": uri})


def _drifts(snapshot: Snapshot, document: Document) -> Iterator[tuple[RunView, RunDrift, Pointer]]:
    root, path, facts = snapshot.root, document.path, document.facts
    if root is None or path is None or not path.is_relative_to(root):
        return
    name = path.relative_to(root).as_posix()
    of_steps: list[tuple[RunView, RunDrift]] = []
    for run in snapshot.runs.values():
        is_own = facts is not None and facts.kind == "plan" and facts.id == run.plan_id
        for drift in run.drift:
            if drift.step_id is None and drift.path == name:
                yield run, drift, ()
            elif drift.step_id is not None and is_own:
                of_steps.append((run, drift))
    if facts is None or not of_steps:
        return
    # Asked after each keystroke: a plan is only gone through for steps that have drifted.
    wanted = {drift.step_id for _, drift in of_steps}
    places = {step.step_id: index for index, step in enumerate(facts.steps) if step.step_id in wanted}
    for run, drift in of_steps:
        if drift.step_id in places:
            yield run, drift, ("steps", places[drift.step_id], "step_id")


def _sentence(run: RunView, drift: RunDrift) -> str:
    what = "is gone" if drift.change == "deleted" else "has changed"
    who = f"run {run.generation} of \u201c{run.title}\u201d"
    if drift.step_id is not None:
        ways = "Run the plan again, restore a snapshot, or say that the change is meant."
        return f"`{drift.path}`, which this step wrote in {who}, {what} since. {ways}"
    if run.is_live or run.status == "interrupted":
        return f"`{drift.path}` {what} since {who} began, which goes on with what it began with."
    return (
        f"`{drift.path}` {what} since {who} relied on it, so its result may no longer hold. "
        "Run the plan again, restore a snapshot, or say that the change is meant."
    )


def _range(document: Document, pointer: Pointer) -> tuple[int, int]:
    if pointer:
        return range_of(document, pointer)
    end = document.text.text.find("\n") if document.tree is None else document.tree.range_of((), "open")[1]
    return (0, end if end >= 0 else document.text.length)


def _touches(place: tuple[int, int], where: tuple[int, int]) -> bool:
    return place[0] <= where[1] and where[0] <= place[1]


def _action(
    snapshot: Snapshot, title: str, name: str, argument: Mapping[str, object]
) -> types.CodeAction | types.Command:
    command = types.Command(title=title, command=name, arguments=[dict(argument)])
    if not snapshot.client.code_action_literals:
        return command
    return types.CodeAction(title=f"MPLP: {title}", kind=_KIND, command=command)
