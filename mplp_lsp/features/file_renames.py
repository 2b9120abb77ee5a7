"""Files that are about to be renamed in the editor: the paths in documents that must follow them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from lsprotocol import types

from mplp_lsp.analysis.file_mentions import Moves, meant_by, mentions, moved, moves_of, spelled
from mplp_lsp.features import checkpoint
from mplp_lsp.features.rename_refusals import is_history
from mplp_lsp.features.workspace_edits import Change, workspace_edit
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot


def will_rename_files(
    snapshots: Sequence[Snapshot], params: types.RenameFilesParams
) -> types.WorkspaceEdit | None:
    """Edits of all projects' documents, made before the files move; None where no path has to follow.

    Paths of files and of what is in renamed folders follow, each spelled the way it was. What tells of the
    past (events, timelines, everything below `.mplp`) keeps the old paths.
    """
    moves = moves_of([(file.old_uri, file.new_uri) for file in params.files])
    changed: dict[str, tuple[Document, list[Edit]]] = {}
    for snapshot in snapshots if moves else ():
        for document in snapshot.documents.values():
            checkpoint()
            if document.uri not in changed and _is_of(snapshot, document):
                edits = list(_edits(snapshot, document, moves))
                if edits:
                    changed[document.uri] = document, edits
    if not changed:
        return None
    edits_by_uri = [changed[uri] for uri in sorted(changed)]
    return workspace_edit(snapshots[0], Change(edits=edits_by_uri))


def _is_of(snapshot: Snapshot, document: Document) -> bool:
    if document.kind is None or document.path is None or is_history(document):
        return False
    return snapshot.root is not None and snapshot.index.facts(document.uri) is not None


def _edits(snapshot: Snapshot, document: Document, moves: Moves) -> Iterator[Edit]:
    own, root = document.path, snapshot.root
    if own is None or root is None:
        return
    folder = moved(own, moves).parent
    for mention in mentions(document):
        meant = meant_by(snapshot, document, mention.text)
        if meant is None:
            continue
        path, style = meant
        dotted = mention.text.startswith("./")
        text = spelled(moved(path, moves), style, folder, root, dotted=dotted)
        if text is None or text == mention.text:
            continue
        if moved(path, moves) == path and spelled(path, style, own.parent, root, dotted=dotted) == text:
            # Only spelled in an unusual way (`a/../b.json`), and as right as before.
            continue
        quote = document.text.slice(mention.start - 1, mention.start)
        if quote == '"':
            yield Edit(mention.start, mention.end, json.dumps(text, ensure_ascii=False)[1:-1])
        elif "'" not in text:
            yield Edit(mention.start, mention.end, text)
