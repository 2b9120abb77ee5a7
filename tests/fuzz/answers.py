"""What must be true of every answer, whatever the text: places inside documents, edits apart, sizes sane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from mplp_lsp.text.snapshot import Encoding, TextSnapshot

TextOf = Callable[[str], TextSnapshot | None]
"""The text of a document by URI; None where nobody knows it."""

_HELD_BACK = frozenset({"data", "arguments"})
_OWN_RANGES = ("range", "selectionRange", "originSelectionRange", "editRange", "insert", "replace")
_TARGET_RANGES = ("targetRange", "targetSelectionRange")


class Places:
    """Looks for places that are in no document, in answers as plain JSON."""

    def __init__(self, text_of: TextOf, encoding: Encoding) -> None:
        self._text_of = text_of
        self._encoding = encoding

    def faults(self, value: Any, uri: str) -> Iterator[str]:
        """Every place in `value` that lies outside its document: the one it names, else that at `uri`."""
        if isinstance(value, list):
            for item in value:
                yield from self.faults(item, uri)
            if value and all(isinstance(item, Mapping) and "newText" in item for item in value):
                yield from self.overlaps(value)
            return
        if not isinstance(value, Mapping):
            return
        uri = self._document_of(value, uri)
        for name in _OWN_RANGES:
            if name in value:
                yield from self.range_faults(value[name], uri)
        for name in _TARGET_RANGES:
            if name in value:
                yield from self.range_faults(value[name], value["targetUri"])
        if "position" in value:
            yield from self._position_faults(value["position"], uri)
        yield from self._relations(value)
        for name, member in value.items():
            if name == "changes" and isinstance(member, Mapping):
                for changed, edits in member.items():
                    yield from self.faults(edits, changed)
            elif name not in _HELD_BACK and name != "fromRanges":
                yield from self.faults(member, uri)

    def calls(self, calls: Any, asked_uri: str, *, incoming: bool) -> Iterator[str]:
        """`fromRanges` lie in the caller's document."""
        for call in calls or []:
            uri = call["from"]["uri"] if incoming else asked_uri
            for each in call["fromRanges"]:
                yield from self.range_faults(each, uri)

    def folds(self, folds: Any, uri: str) -> Iterator[str]:
        text = self._text_of(uri)
        for fold in folds or []:
            if text is not None and not 0 <= fold["startLine"] <= fold["endLine"] < text.line_count:
                yield f"a fold outside the document: {fold}"
            for line, name in (("startLine", "startCharacter"), ("endLine", "endCharacter")):
                if fold.get(name) is not None:
                    yield from self._position_faults({"line": fold[line], "character": fold[name]}, uri)

    def tokens(self, answer: Any, uri: str) -> Iterator[str]:
        """Semantic tokens go forward, are not empty, and end in the line where they start."""
        data = (answer or {}).get("data") or []
        if len(data) % 5:
            yield "semantic tokens that are no fives"
        line = character = end = 0
        for at in range(0, len(data) - len(data) % 5, 5):
            lines, characters, length = data[at : at + 3]
            line, character = line + lines, characters if lines else character + characters
            if lines < 0 or characters < 0 or length <= 0 or (not lines and at and character < end):
                yield f"a semantic token that is empty or not behind the one before: {data[at : at + 5]}"
            end = character + length
            for place in (character, end):
                yield from self._position_faults({"line": line, "character": place}, uri)

    def selections(self, answer: Any, uri: str) -> Iterator[str]:
        """Each selection lies in the next larger one."""
        for selection in answer or []:
            inner: Any = selection
            while (outer := inner.get("parent")) is not None:
                if not _holds(outer["range"], inner["range"]) or outer["range"] == inner["range"]:
                    yield f"a selection that does not grow: {inner['range']} in {outer['range']}"
                inner = outer
            yield from self.faults(selection, uri)

    def range_faults(self, where: Any, uri: str) -> Iterator[str]:
        if not isinstance(where, Mapping) or "start" not in where:
            return
        if _key(where["start"]) > _key(where["end"]):
            yield f"a range that ends before it starts: {where}"
        yield from self._position_faults(where["start"], uri)
        yield from self._position_faults(where["end"], uri)

    def overlaps(self, edits: Any) -> Iterator[str]:
        """Two edits of one document that both change the same characters."""
        ranges = sorted(
            (edit["range"] for edit in edits if "range" in edit),
            key=lambda each: (_key(each["start"]), _key(each["end"])),
        )
        for first, second in pairwise(ranges):
            if _key(second["start"]) < _key(first["end"]):
                yield f"edits that overlap: {first} and {second}"

    def _document_of(self, value: Mapping[str, Any], uri: str) -> str:
        named = value.get("uri")
        if not isinstance(named, str):
            document = value.get("textDocument")
            named = document.get("uri") if isinstance(document, Mapping) else None
        return named if isinstance(named, str) else uri

    def _position_faults(self, place: Any, uri: str) -> Iterator[str]:
        text = self._text_of(uri)
        line, character = place["line"], place["character"]
        if text is None:
            if line or character:
                yield f"a place in a document that is not there: {uri} {line}:{character}"
            return
        if line < 0 or character < 0 or line >= text.line_count:
            yield f"a line that is not there: {line}:{character} of {text.line_count} lines"
        elif text.position(text.offset(line, character, self._encoding), self._encoding) != (line, character):
            yield f"a character that is not there: {line}:{character}"

    def _relations(self, value: Mapping[str, Any]) -> Iterator[str]:
        if (
            "selectionRange" in value
            and "range" in value
            and not _holds(value["range"], value["selectionRange"])
        ):
            yield f"a selectionRange outside its range: {value['selectionRange']} and {value['range']}"
        for child in value.get("children") or []:
            if not _holds(value["range"], child["range"]):
                yield f"a symbol outside the one that holds it: {child['range']} and {value['range']}"


def _key(place: Mapping[str, int]) -> tuple[int, int]:
    return place["line"], place["character"]


def _holds(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    return _key(outer["start"]) <= _key(inner["start"]) and _key(inner["end"]) <= _key(outer["end"])
