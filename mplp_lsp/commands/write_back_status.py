"""`mplp.writeBackStatus`: writes the statuses of a run into its plan, as an edit in the editor (D7)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.runs import root_of_run
from mplp_lsp.commands.services import Services
from mplp_lsp.features.json_edits import member_added
from mplp_lsp.features.places import STEPS, range_between
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import DocumentInvalid, MplpError, RunUnknown
from mplp_runtime.orchestrator.records import RUN_PLAN
from mplp_runtime.orchestrator.state import frozen_plan
from mplp_runtime.orchestrator.views import RunView

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

_OF_PLAN = {
    "pending": "in_progress",
    "running": "in_progress",
    "interrupted": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}


async def write_back_status(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Refuses where the plan's text is no longer what ran; statuses do not count as a change."""
    run_id = arguments["run"]
    root = await root_of_run(services, run_id)

    async def known(runtime: Runtime) -> tuple[RunView, Mapping[str, Any] | None]:
        frozen = runtime.vsl.read(lambda reading: reading.read_node(RUN_PLAN, run_id))
        return runtime.runs.view(run_id), None if frozen is None else frozen_plan(frozen)

    view, ran = await services.on_runtime(root, known)
    if view.simulated:
        raise MplpError("A dry run has done nothing, so there are no statuses to write.")
    path = root / view.plan_path
    snapshot, document = _plan_document(services, str(path))
    if document is None or document.tree is None:
        raise RunUnknown(f"{view.plan_path}, the plan of this run, is not there any more.")
    read: Document = document

    def planned() -> list[Edit]:
        _refuse_if_changed(view, read, ran)
        return list(_edits(read, view))

    # Of ten thousand steps this takes a quarter of a second.
    edits = await services.in_worker(planned)
    answer = {"run_id": run_id, "uri": document.uri, "changed": len(edits)}
    if not edits:
        return {**answer, "applied": False}
    edit = _workspace_edit(snapshot, document, edits)
    if not await services.apply_edit(edit, f"Write the statuses of run {view.generation} into the plan"):
        raise MplpError(
            f"The editor did not take the edit of {path.name}: it changed meanwhile, or the editor cannot "
            "apply edits of a server."
        )
    return {**answer, "applied": True}


def _plan_document(services: Services, path: str) -> tuple[Snapshot, Document | None]:
    """The plan as the editor spells it, in its own project."""
    for uri, document in services.snapshot().documents.items():
        if document.path is not None and str(document.path) == path:
            return services.snapshot(uri), services.snapshot(uri).document(uri)
    return services.snapshot(), None


def _refuse_if_changed(view: RunView, document: Document, ran: Mapping[str, Any] | None) -> None:
    from mplp_runtime.approval_scope import approval_scope

    tree = document.tree
    name = view.plan_path.rpartition("/")[2]
    if tree is None or any(problem.is_error for problem in tree.problems) or not isinstance(tree.value, dict):
        raise DocumentInvalid(f"{name} cannot be read as it stands; see its diagnostics.")
    now: Mapping[str, Any] = tree.value
    steps = now.get(STEPS)
    ids = [step.get("step_id") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    is_same = now.get("plan_id") == view.plan_id and ids == list(view.steps)
    if is_same and ran is not None:
        is_same = approval_scope(now, {}).plan_hash == approval_scope(ran, {}).plan_hash
    if not is_same:
        raise DocumentInvalid(
            f"{name} is not what run {view.generation} ran: its text has changed since, so the statuses of "
            "that run may not fit. Run the plan again, or set them by hand."
        )


def _edits(document: Document, view: RunView) -> Iterator[Edit]:
    """One edit per status that is different, in the order of the text."""
    tree = document.tree
    header = tree.header if tree is not None else None
    if tree is None or not isinstance(header, dict):
        return
    found: list[Edit] = []
    found.extend(_set(document, (), header, _OF_PLAN[view.status]))
    for index, element in enumerate(
        element for block in tree.tables[STEPS].blocks for element in block.elements
    ):
        value = element.value
        step = view.steps.get(value["step_id"]) if isinstance(value, dict) else None
        if step is not None and isinstance(value, dict):
            found.extend(_set(document, (STEPS, index), value, step.status))
    yield from sorted(found, key=lambda edit: edit.start)


def _set(
    document: Document, pointer: tuple[str | int, ...], owner: Mapping[str, Any], status: str
) -> Iterator[Edit]:
    if owner.get("status") == status or document.tree is None:
        return
    if "status" in owner:
        yield Edit(*document.tree.range_of((*pointer, "status")), json.dumps(status))
        return
    added = member_added(document, pointer, "status", status)
    if added is not None:
        yield added


def _workspace_edit(snapshot: Snapshot, document: Document, edits: list[Edit]) -> types.WorkspaceEdit:
    """For exactly this version, where the client can be told so."""
    texts = [
        types.TextEdit(range=range_between(snapshot, document, edit.start, edit.end), new_text=edit.new_text)
        for edit in edits
    ]
    if not snapshot.client.document_changes:
        return types.WorkspaceEdit(changes={document.uri: texts})
    target = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(text_document=target, edits=list(texts))]
    )


WRITE_BACK_STATUS = Command(
    "mplp.writeBackStatus",
    "Write statuses into the plan",
    "Writes how a run left its plan and steps into the plan's text, as an edit that can be undone. "
    "Answers `{run_id, uri, changed, applied}`.",
    write_back_status,
    {"run": Parameter(str, about="the run's id")},
)
