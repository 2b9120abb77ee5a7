"""Search all projects for documents, steps and roles: by title, description, role or the start of an id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple

from lsprotocol import types

from mplp_lsp.analysis.located import range_of
from mplp_lsp.analysis.name_places import inside_quotes, tree_of
from mplp_lsp.analysis.names import names_called
from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import range_between
from mplp_lsp.features.symbol_haystack import Straw, haystack, pointer_of_name, straw
from mplp_lsp.features.symbol_words import kind_of_symbol
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.findings import Part, Pointer

MOST_SYMBOLS = 128
_MOST_IN_ONE_DOCUMENT = 1_000
_MOST_SCATTERED = 2_000
_SHORTEST_ID = 4

_EXACT, _PREFIX, _WORD, _INSIDE, _ID, _ROLE, _SCATTERED = range(7)


class _Hit(NamedTuple):
    """A line that answers a query; the better, the smaller."""

    rank: int
    is_part: bool
    length: int
    uri: str
    number: int
    line: str


def workspace_symbols(
    snapshots: Sequence[Snapshot], params: types.WorkspaceSymbolParams
) -> list[types.WorkspaceSymbol] | list[types.SymbolInformation]:
    """The best answers, at most `MOST_SYMBOLS`; without a query the documents.

    Clients that resolve get the place later; others get it now.
    """
    if not snapshots:
        return []
    # Each snapshot has the documents of all projects.
    snapshot = snapshots[0]
    documents = sorted(snapshot.documents.values(), key=lambda document: document.uri)
    best = nsmallest(MOST_SYMBOLS, _hits(documents, params.query))
    if len(best) < MOST_SYMBOLS and params.query.strip():
        known = {(hit.uri, hit.number) for hit in best}
        more = (hit for hit in _scattered(documents, params.query) if (hit.uri, hit.number) not in known)
        best += nsmallest(MOST_SYMBOLS - len(best), more)
    found = [
        (document, straw(document, hit.number, hit.line), hit.rank)
        for hit in best
        if (document := snapshot.document(hit.uri)) is not None
    ]
    if snapshot.client.symbol_resolve:
        return [_unresolved(document, each, rank) for document, each, rank in found]
    trees: dict[str, Tree | None] = {}
    for document, _, _ in found:
        checkpoint()
        if document.uri not in trees:
            trees[document.uri] = tree_of(document)
    return [
        types.SymbolInformation(
            name=_shown_name(each, rank),
            kind=kind_of_symbol(each.part),
            location=_location(snapshot, document, trees[document.uri], each.pointer, each.part),
            container_name=_container(document, each),
        )
        for document, each, rank in found
    ]


def workspace_symbol_resolve(
    snapshot: Snapshot, document: Document | None, params: types.WorkspaceSymbol
) -> types.WorkspaceSymbol:
    """The symbol with its range, by its id where it has one; as it came where it is gone."""
    data = params.data if isinstance(params.data, dict) else {}
    if document is None:
        return params
    pointer = _pointer_by_id(document, data) or _pointer(data)
    params.location = _location(snapshot, document, tree_of(document), pointer, str(data.get("part")))
    return params


def _hits(documents: Sequence[Document], query: str) -> Iterator[_Hit]:
    words = query.split()
    if len(words) > 1:
        # All words in one line, in any order.
        wanted = re.compile(
            "^" + "".join(f"(?=[^\n]*{re.escape(word)})" for word in words), re.IGNORECASE | re.MULTILINE
        )
    else:
        wanted = re.compile(re.escape(words[0]), re.IGNORECASE) if words else re.compile("^")
    for document in documents:
        checkpoint()
        most = _MOST_IN_ONE_DOCUMENT if words else 1
        for number, line in _lines_with(haystack(document), wanted, most):
            name, own_id, role = line.split("\t")
            rank = _rank(name, own_id, role, words) if words else _PREFIX
            if rank is not None:
                is_part = number > 0 or document.kind == SETTINGS
                yield _Hit(rank, is_part, len(name), document.uri, number, line)


def _lines_with(text: str, wanted: re.Pattern[str], most: int) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that have the pattern, at most so many."""
    number = at = 0
    for _ in range(most):
        match = wanted.search(text, at) if at < len(text) else None
        if match is None:
            return
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        number += text.count("\n", at, start)
        yield number, text[start:end]
        number += 1
        at = end + 1


def _rank(name: str, own_id: str, role: str, words: Sequence[str]) -> int | None:
    lower, phrase = name.lower(), " ".join(words).lower()
    at = lower.find(phrase)
    if at >= 0:
        if lower == phrase:
            return _EXACT
        if not at:
            return _PREFIX
        return _INSIDE if lower[at - 1].isalnum() else _WORD
    if len(words) > 1:
        return _INSIDE if all(word.lower() in lower for word in words) else _ROLE
    if len(phrase) >= _SHORTEST_ID and own_id.lower().startswith(phrase):
        return _ID
    return _ROLE if role.lower().startswith(phrase) else None


def _scattered(documents: Sequence[Document], query: str) -> Iterator[_Hit]:
    """Lines whose name has the letters of the query in order, the first at the beginning of a word."""
    letters = "".join(query.split())
    if len(letters) < 2:
        return
    # Each gap excludes the letter it leads to, so there is one way to match and no going back.
    gaps = "".join(f"[^{re.escape(letter)}\t\n]*{re.escape(letter)}" for letter in letters[1:])
    wanted = re.compile(rf"(?:^|(?<=[\W_])){re.escape(letters[0])}{gaps}", re.IGNORECASE | re.MULTILINE)
    left = _MOST_SCATTERED
    for document in documents:
        checkpoint()
        for number, line in _lines_with(haystack(document), wanted, min(left, MOST_SYMBOLS)):
            left -= 1
            match = wanted.search(line)
            if match is not None and match.end() <= line.index("\t"):
                length = match.end() - match.start()
                yield _Hit(_SCATTERED, number > 0, length, document.uri, number, line)


def _shown_name(found: Straw, rank: int) -> str:
    """Editors filter again by what is shown, so an id that was asked for is shown."""
    name = found.name or f"({found.part})"
    return f"{name} ({found.id})" if rank == _ID and found.id != name else name


def _container(document: Document, found: Straw) -> str:
    """For a part the document it is in, with its role; for a document its file."""
    file = document.uri.rpartition("/")[2]
    if not found.pointer or document.kind == SETTINGS:
        return file
    title = haystack(document).partition("\t")[0]
    return f"{title} · {found.role}" if found.role else title


def _unresolved(document: Document, found: Straw, rank: int) -> types.WorkspaceSymbol:
    return types.WorkspaceSymbol(
        name=_shown_name(found, rank),
        kind=kind_of_symbol(found.part),
        location=types.LocationUriOnly(uri=document.uri),
        container_name=_container(document, found),
        data={"uri": document.uri, "part": found.part, "id": found.id, "pointer": list(found.pointer)},
    )


def _location(
    snapshot: Snapshot, document: Document, tree: Tree | None, pointer: Pointer, part: str
) -> types.Location:
    """Where the name stands: the title, the description, else the id, else the opening bracket."""
    if tree is None:
        start, end = range_of(document, pointer, "key")
    else:
        named = pointer_of_name(tree, pointer, part)
        where: Part = "open" if named == pointer else "value"
        start, end = tree.range_of(named, where)
    place = inside_quotes(document, start, end)
    return types.Location(uri=document.uri, range=range_between(snapshot, document, *place))


def _pointer(data: dict[str, object]) -> Pointer:
    found = data.get("pointer")
    parts = found if isinstance(found, list) else []
    return tuple(part for part in parts if isinstance(part, str | int))


def _pointer_by_id(document: Document, data: dict[str, object]) -> Pointer:
    """Where the entry with the id stands now; () where it has none, or is gone."""
    own_id = data.get("id")
    if not isinstance(own_id, str) or not own_id or not _pointer(data):
        return ()
    named = (name.pointer for name in names_called(document, own_id) if name.is_declaration)
    return next((pointer[:2] for pointer in named if len(pointer) == 3), ())
