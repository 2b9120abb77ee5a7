"""Names as LSP places: ranges, locations and links, in whatever document they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from lsprotocol import types

from mplp_lsp.analysis.name_places import places_of, ranges_of
from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import range_between, range_of_text
from mplp_lsp.features.ready_json import ReadyItems
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import DOCUMENT_KINDS, Name

Found = Sequence[tuple[Document, Name]]


def range_of_name(snapshot: Snapshot, document: Document, name: Name) -> types.Range:
    """The text of a name, without quotes."""
    return range_of_text(snapshot, document, *places_of(document, [name])[0])


def locations(snapshot: Snapshot, found: Found) -> list[types.Location]:
    """The places of names, each document's in the order of its text."""
    result: list[types.Location] = []
    for document, names in _by_document(found):
        checkpoint()
        for start, end in sorted(places_of(document, names)):
            result.append(
                types.Location(uri=document.uri, range=range_of_text(snapshot, document, start, end))
            )
    return result


def ready_locations(snapshot: Snapshot, found: Found) -> ReadyItems:
    """The same as JSON: a role may be named at each of ten thousand steps."""
    items: list[str] = []
    for document, names in _by_document(found):
        checkpoint()
        head = f'{{"uri":{json.dumps(document.uri)},"range":'
        places = sorted(places_of(document, names))
        checkpoint()
        items += [f"{head}{where}}}" for where in ready_ranges(snapshot, document, places)]
    return ReadyItems(items)


def ready_ranges(snapshot: Snapshot, document: Document, places: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The JSON of the range of each pair of offsets, best in the order of the text."""
    for a, b, c, d in document.text.many_positions(places, snapshot.encoding):
        yield f'{{"start":{{"line":{a},"character":{b}}},"end":{{"line":{c},"character":{d}}}}}'


def links(snapshot: Snapshot, found: Found, origin: types.Range) -> list[types.LocationLink]:
    """The same with what each name names around it: the step, the segment, or the line of the id."""
    result: list[types.LocationLink] = []
    for document, names in _by_document(found):
        checkpoint()
        wholes = ranges_of(document, [(_whole(name), "value") for name in names])
        for name, (start, end), place in zip(names, wholes, places_of(document, names), strict=True):
            selection = range_of_text(snapshot, document, *place)
            whole = range_between(snapshot, document, min(start, place[0]), max(end, place[1]))
            result.append(
                types.LocationLink(
                    target_uri=document.uri,
                    target_range=selection if name.kind in DOCUMENT_KINDS else whole,
                    target_selection_range=selection,
                    origin_selection_range=origin,
                )
            )
    return result


def _whole(name: Name) -> Pointer:
    """Where the thing stands that a name names or is used by: an entry of a list, a line of a timeline."""
    pointer = name.pointer
    if name.part == "key":
        return pointer
    if isinstance(pointer[0], int):
        return pointer[:1]
    return pointer[:2] if len(pointer) > 2 and isinstance(pointer[1], int) else pointer


def _by_document(found: Iterable[tuple[Document, Name]]) -> Iterable[tuple[Document, list[Name]]]:
    for _, group in groupby(found, key=lambda pair: pair[0].uri):
        pairs = list(group)
        yield pairs[0][0], [name for _, name in pairs]
