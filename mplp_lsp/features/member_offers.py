"""Quick fixes for several findings at once: all members an object lacks, all findings of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.fix_all import all_of_code
from mplp_lsp.features.fixes import fixes
from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.json_edits import members_added
from mplp_lsp.features.lines_alone import LineAlone
from mplp_lsp.features.offers import Offer
from mplp_lsp.features.workspace_edits import Change
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer
from mplp_schemas import describe

QUICK_FIX = "quickfix"


def gathered_offers(
    snapshot: Snapshot, document: Document, here: Sequence[Located], counts: Mapping[str, int]
) -> Iterator[Offer]:
    """For the findings `here`; `counts` says how often each code is found in the whole document."""
    missing: dict[Pointer, list[Located]] = {}
    for found in here:
        if isinstance(found.finding.data.get("missing"), str) and "insert_default" in found.finding.data:
            missing.setdefault(found.finding.place.pointer, []).append(found)
    for pointer, lacking in missing.items():
        if len(lacking) > 1:
            title = f"Add all {len(lacking)} missing members"
            yield Offer(title, QUICK_FIX, partial(_added, document, pointer, lacking), key=repr(pointer))
    for code in dict.fromkeys(found.finding.code for found in here):
        first = next(found for found in here if found.finding.code == code)
        if counts.get(code, 0) > 1 and any(fix.is_preferred for fix in fixes(document, first)):
            title = f"Fix all {counts[code]} of `{code}` in this document"
            if "findings-capped" in counts:
                # There may be more than are shown, and only what is shown is known.
                title = f"Fix the {counts[code]} of `{code}` that are shown"
            yield Offer(title, QUICK_FIX, partial(all_of_code, snapshot, document, code), key=code)


def _added(document: Document, pointer: Pointer, lacking: Sequence[Located]) -> Change | None:
    if document.timeline is not None:
        line = LineAlone(document, document.timeline, lacking[0])
        edit = _members(line.document, pointer[1:], [line.located(found) for found in lacking])
        return None if edit is None else Change([(document, [line.edit(edit)])])
    edit = _members(document, pointer, lacking)
    return None if edit is None else Change([(document, [edit])])


def _members(document: Document, pointer: Pointer, lacking: Sequence[Located]) -> Edit | None:
    members: dict[str, object] = {}
    for number, found in enumerate(lacking):
        data = found.finding.data
        value = data["insert_default"]
        if data.get("insert_format") == "uuid":
            value = fresh_uuid(document, found.start + number)
        members[str(data["missing"])] = value
    # As a person would write them: in the order in which the schema names them.
    properties = (describe(document.kind or "", pointer) or {}).get("properties", {})
    ordered = {key: members[key] for key in properties if key in members}
    return members_added(document, pointer, ordered | members)
