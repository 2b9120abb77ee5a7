"""`mplp.validateWorkspace`: looks at every document of all open projects, and counts what is found."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.runs import project_roots
from mplp_lsp.commands.services import Services
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_WORDS = {1: "errors", 2: "warnings", 3: "information", 4: "hints"}
_MOST_FILES = 1_000
_numbers = itertools.count(1)


async def validate_workspace(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Each document is looked at in a worker; the findings are published as if they had all changed."""
    documents = _documents(services)
    total: Counter[str] = Counter()
    files: list[dict[str, Any]] = []
    only = arguments.get("uri")
    if only is not None:
        root = services.project_root(only)
        documents = [one for one in documents if one[0].root == root]
    async with services.progress(f"mplp-validate-{next(_numbers)}", "Checking all documents") as progress:
        for number, (snapshot, document) in enumerate(documents):
            counts = await services.in_worker(lambda seen=snapshot, one=document: _counts(seen, one))  # type: ignore[misc]
            total.update(counts)
            if counts and len(files) < _MOST_FILES:
                files.append({"uri": document.uri, "kind": document.kind, **_in_words(counts)})
            progress.report(document.uri.rpartition("/")[2], percentage=100 * (number + 1) // len(documents))
    services.look_again()
    return {"documents": len(documents), "findings": total.total(), **_in_words(total), "files": files}


def _documents(services: Services) -> list[tuple[Snapshot, Document]]:
    """All of our documents, by URI, each with the project that it is judged in."""
    by_root: dict[object, Snapshot] = {}
    for uri, root in project_roots(services).items():
        by_root[root] = services.snapshot(uri if uri is not None else uri_of(root))
    found: list[tuple[Snapshot, Document]] = []
    for uri, document in services.snapshot().documents.items():
        if document.kind is None:
            continue
        root_of_document = services.project_root(uri)
        snapshot = by_root.get(root_of_document) or services.snapshot(uri)
        found.append((snapshot, document))
    found.sort(key=lambda pair: pair[1].uri)
    return found


def _counts(snapshot: Snapshot, document: Document) -> Counter[str]:
    counts = Counter(_WORDS[int(found.finding.severity)] for found in findings_of(snapshot, document))
    if not document.is_open:
        document.rest()
    return counts


def _in_words(counts: Mapping[str, int]) -> dict[str, int]:
    return {word: counts.get(word, 0) for word in _WORDS.values()}


VALIDATE_WORKSPACE = Command(
    "mplp.validateWorkspace",
    "Check the whole workspace",
    "Checks every document of all open projects and shows what is found. "
    "Answers `{documents, findings, errors, warnings, information, hints, files}`.",
    validate_workspace,
    {"uri": Parameter(str, required=False, about="only the project that holds this document")},
)
