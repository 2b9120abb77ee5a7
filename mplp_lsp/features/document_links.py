"""Links in documents: to other documents of the project that are named by path, and to web pages."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.analysis.file_mentions import meant_by, mentions
from mplp_lsp.analysis.located import range_of
from mplp_lsp.analysis.name_places import inside_quotes
from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import range_between
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_WEB = ("https://", "http://")


def document_links(
    snapshot: Snapshot, document: Document, _params: types.DocumentLinkParams
) -> list[types.DocumentLink] | None:
    """In the order of the text; only to files the project is known to have. None for foreign documents."""
    if document.kind is None:
        return None
    found = sorted({*_to_documents(snapshot, document), *_to_the_web(document)})
    return [
        types.DocumentLink(range=range_between(snapshot, document, start, end), target=target)
        for start, end, target in found
    ]


def _to_documents(snapshot: Snapshot, document: Document) -> Iterator[tuple[int, int, str]]:
    for mention in mentions(document):
        checkpoint()
        meant = meant_by(snapshot, document, mention.text)
        target = None if meant is None else snapshot.document(uri_of(meant[0]))
        if target is not None and target.uri != document.uri:
            yield mention.start, mention.end, target.uri


def _to_the_web(document: Document) -> Iterator[tuple[int, int, str]]:
    """Web addresses at the top of a document (`$schema`, `run_url`, `repo_url`); the server opens none."""
    header = document.tree.header if document.tree is not None else None
    for key, value in (header if isinstance(header, dict) else {}).items():
        if isinstance(value, str) and value.startswith(_WEB) and not any(map(str.isspace, value)):
            yield *inside_quotes(document, *range_of(document, (key,))), value
