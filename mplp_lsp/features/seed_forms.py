"""Conversion of an integration event from the seeds' form to the frozen one: an envelope around the event."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.offers import REWRITE, Offer
from mplp_lsp.features.workspace_edits import Change
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import EventRejected

_KINDS = frozenset({"event", "file-update", "git", "ci", "tool"})
_SOURCE = "editor"


def seed_form_offers(snapshot: Snapshot, document: Document) -> Iterator[Offer]:
    """Only where the event is one of the seeds' form, and says all that the frozen form needs."""
    tree = document.tree
    if document.kind not in _KINDS or tree is None or document.is_broken:
        return
    value = tree.value
    if not isinstance(value, dict):
        return
    from mplp_runtime.events.families import Stamper
    from mplp_runtime.integration.envelope import normalised

    numbers = iter(range(tree.text.length, tree.text.length + 100))
    stamper = Stamper(lambda: snapshot.taken_at, lambda: fresh_uuid(document, next(numbers)))
    try:
        found = normalised(value, stamper=stamper, source=_SOURCE)
    except EventRejected:
        return
    if not found.notes:
        return

    def made() -> Change:
        text = json.dumps(found.envelope, ensure_ascii=False, indent=2)
        line_end = "\r\n" if "\r\n" in document.text.text else "\n"
        return Change([(document, [Edit(*tree.range_of(()), text.replace("\n", line_end))])])

    yield Offer("Convert to the frozen form, with an envelope", REWRITE, made)
