"""Rename of ids and role names, in every document of the project but those that tell what happened.

A timeline, an event and all that mplp-lsp wrote below `.mplp` are history: there a name stays as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby

from lsprotocol import types

from mplp_lsp.analysis.name_places import places_of
from mplp_lsp.analysis.names import declarations_of, name_at, uses_of
from mplp_lsp.features import checkpoint
from mplp_lsp.features.named_places import Found, range_of_name
from mplp_lsp.features.rename_refusals import is_history, refuse_name, refuse_new_text
from mplp_lsp.features.workspace_edits import AnnotatedEdit, Change, workspace_edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.names import ANY, Name

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_DECLARATIONS, _USES = "declarations", "uses"
_NOWHERE = "Only ids and the names of roles can be renamed, and the cursor is on neither."


def prepare_rename(
    snapshot: Snapshot, document: Document, offset: int, _params: types.PrepareRenameParams
) -> types.PrepareRenamePlaceholder | None:
    """The text that would be renamed; None where no name stands. Raises MplpError where it must stay."""
    name = name_at(document, offset)
    if name is None:
        return None
    refuse_name(document, name)
    return types.PrepareRenamePlaceholder(
        range=range_of_name(snapshot, document, name), placeholder=name.text
    )


def rename(
    snapshot: Snapshot, document: Document, offset: int, params: types.RenameParams
) -> types.WorkspaceEdit | None:
    """The new text at every place of the project; None where it is the old one.

    Raises MplpError for what cannot be renamed, and for a new text that is taken or that cannot stand there.
    """
    name = name_at(document, offset)
    if name is None:
        raise MplpError(_NOWHERE)
    refuse_name(document, name)
    if params.new_name == name.text:
        return None
    if not snapshot.is_complete:
        raise MplpError("The project is still being read; rename again in a moment.")
    declared = declarations_of(snapshot, name, document)
    if name.kind == ANY and declared:
        name = declared[0][1]
    refuse_new_text(snapshot, document, name, params.new_name)
    same = [pair for pair in declared if pair[1].means(name)]
    found = sorted([*same, *uses_of(snapshot, name, document)], key=lambda pair: pair[0].uri)
    changed = [pair for pair in found if not is_history(pair[0])]
    return workspace_edit(snapshot, _change(changed, params.new_name, len(found) - len(changed)))


def _change(found: Found, text: str, left: int) -> Change:
    changed: list[tuple[Document, list[AnnotatedEdit]]] = []
    for _, group in groupby(found, key=lambda pair: pair[0].uri):
        checkpoint()
        pairs = list(group)
        document = pairs[0][0]
        changed.append((document, _edits(document, [name for _, name in pairs], text)))
    return Change(changed, annotations=_annotations(found, left))


def _annotations(found: Found, left: int) -> dict[str, types.ChangeAnnotation]:
    """How an editor may group the edits in its preview; only the groups there are."""
    history = None
    if left:
        places = "1 place" if left == 1 else f"{left} places"
        history = f"{places} in timelines and events keep the old text: what happened is not changed."
    groups = {name.is_declaration for _, name in found}
    annotations: dict[str, types.ChangeAnnotation] = {}
    if True in groups:
        annotations[_DECLARATIONS] = types.ChangeAnnotation(label="Where it is declared", description=history)
    if False in groups:
        annotations[_USES] = types.ChangeAnnotation(label="Where it is used", description=history)
    return annotations


def _edits(document: Document, names: Sequence[Name], text: str) -> list[AnnotatedEdit]:
    """One edit for each place, in the order of the text, spelled as the document's format wants it."""
    toml = document.toml
    found: list[AnnotatedEdit] = []
    if toml is None:
        inner = json.dumps(text, ensure_ascii=False)[1:-1]
        places = zip(names, places_of(document, names), strict=True)
        found = [AnnotatedEdit(start, end, inner, _group(name)) for name, (start, end) in places]
    else:
        quoted = json.dumps(text, ensure_ascii=False)
        for name in names:
            if name.part == "key":
                for start, end in toml.keys_of(name.pointer):
                    is_bare = _BARE_KEY.match(text) and _BARE_KEY.match(document.text.slice(start, end))
                    found.append(AnnotatedEdit(start, end, text if is_bare else quoted, _group(name)))
            else:
                found.append(AnnotatedEdit(*toml.range_of(name.pointer), quoted, _group(name)))
    return sorted(found, key=lambda edit: edit.start)


def _group(name: Name) -> str:
    return _DECLARATIONS if name.is_declaration else _USES
