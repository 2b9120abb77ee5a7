"""Code lenses: what can be done with a plan, above it; answers to a step's question, above the step."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.features.doors import doors
from mplp_lsp.features.places import range_at, step_pointers, top_of
from mplp_lsp.features.plan_state import plan_state
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot


def code_lens(
    snapshot: Snapshot, document: Document, params: types.CodeLensParams
) -> list[types.CodeLens] | None:
    """Complete lenses, command and arguments included, so that no editor has to resolve one.

    None for documents that are no plan. A question at a step that the text no longer has stands at the top.
    """
    state = plan_state(snapshot, document)
    if state is None:
        return None
    offered = [door for door in doors(state, params.text_document.uri) if door.is_lens]
    pointers = step_pointers(document, {door.step_id for door in offered if door.step_id is not None})
    top = top_of(snapshot, document)
    return [
        types.CodeLens(
            range=range_at(snapshot, document, pointers[door.step_id], "open")
            if door.step_id in pointers
            else top,
            command=types.Command(title=door.title, command=door.command, arguments=[dict(door.arguments)]),
        )
        for door in offered
    ]
