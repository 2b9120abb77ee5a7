"""From what is offered to LSP items: quotes, commas, layout, tab stops; accepting leaves sound JSON.

Every item is a plain TextEdit, also for clients that know insert and replace: half of a JSON string left
behind the inserted one is never what anybody wants.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lsprotocol import types

from mplp_lsp.features.completion_place import Place
from mplp_lsp.features.completion_text import Layout, Writer, has_holes
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

MOST_ITEMS = 500
_AS_IS, _ADJUSTED = types.InsertTextMode.AsIs, types.InsertTextMode.AdjustIndentation


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to put at the cursor: a value, or with `key` a whole member.

    `words` is what may be typed to find it, the label unless given. `about` is what `completionItem/resolve`
    needs to say more. Those of a lower `rank` stand first.
    """

    label: str
    value: object
    kind: types.CompletionItemKind
    detail: str = ""
    key: str | None = None
    words: str = ""
    rank: int = 0
    about: Mapping[str, object] = field(default_factory=dict)
    is_obvious: bool = False


def completion_list(
    place: Place, offers: Sequence[Offer], *, is_incomplete: bool = False
) -> dict[str, object] | None:
    """The list as plain JSON, cut to `MOST_ITEMS`; None where there is nothing to offer.

    As lsprotocol's values five hundred items would cost ten times as much as all the rest.
    """
    if not offers:
        return None
    ranked = sorted(offers, key=lambda offer: offer.rank)
    shown = ranked[:MOST_ITEMS]
    frame = _Frame(place)
    return {
        "isIncomplete": is_incomplete or len(shown) < len(ranked),
        "items": [frame.item(offer, number) for number, offer in enumerate(shown)],
    }


def plain_range(snapshot: Snapshot, document: Document, start: int, end: int) -> dict[str, object]:
    """Offsets in code points as an LSP range in plain JSON."""
    first_line, first_character = document.text.position(start, snapshot.encoding)
    last_line, last_character = document.text.position(end, snapshot.encoding)
    return {
        "start": {"line": first_line, "character": first_character},
        "end": {"line": last_line, "character": last_character},
    }


class _Frame:
    """What all items of one answer share."""

    def __init__(self, place: Place) -> None:
        cursor, snapshot, document = place.cursor, place.snapshot, place.document
        self.place = place
        self.client = snapshot.client
        start, end = place.base + cursor.start, place.base + cursor.end
        self.range = plain_range(snapshot, document, start, end)
        # An edit has to hold the cursor (LSP 3.17, "Completion Request"), which may stand before a quote.
        is_behind_quote = cursor.is_quoted and place.offset > start
        self.range_behind_quote = plain_range(snapshot, document, start + 1, end) if is_behind_quote else None
        is_closed = is_behind_quote and start + len(cursor.written) + 2 == end > place.offset
        self.range_in_quotes = plain_range(snapshot, document, start + 1, end - 1) if is_closed else None
        self.before, self.comma = "", None
        if cursor.comma_before is not None and cursor.comma_before == cursor.start:
            self.before = ", "
        elif cursor.comma_before is not None:
            at = place.base + cursor.comma_before
            self.comma = {"range": plain_range(snapshot, document, at, at), "newText": ","}
        self.after = self._after()

    def _after(self) -> str:
        """A comma where something follows; and a blank where that stands on the same line."""
        place = self.place
        if not place.cursor.comma_after:
            return ""
        behind = place.document.text.slice(place.base + place.cursor.end, place.base + place.cursor.end + 1)
        return "," if behind in ("\r", "\n", " ", "\t") else ", "

    def item(self, offer: Offer, number: int) -> dict[str, object]:
        """One item."""
        item: dict[str, object] = {
            "label": offer.label,
            "kind": int(offer.kind),
            "sortText": f"{number:04}",
            "data": {"uri": self.place.document.uri, **offer.about},
        }
        if offer.detail:
            item["detail"] = offer.detail
        if isinstance(offer.value, str) and offer.key is None:
            text = f"{self.before}{_quoted(offer.value)}{self.after}"
        else:
            text = self._structured(offer, item)
        words, where = offer.words or offer.label, self.range
        # Quotes that stand there already stay where they can: some clients look only for what is typed behind
        # the first one, and leave the last one standing.
        if self.range_behind_quote is not None and text.startswith('"'):
            where, text = self.range_behind_quote, text[1:]
            if self.range_in_quotes is not None and text.endswith('"') and text.count('"') == 1:
                where, text = self.range_in_quotes, text[:-1]
        elif self.range_behind_quote is not None:
            words = f'"{words}'
        if words != offer.label:
            item["filterText"] = words
        item["textEdit"] = {"range": where, "newText": text}
        if self.comma is not None:
            item["additionalTextEdits"] = [self.comma]
        if offer.is_obvious and self.client.completion_preselect:
            item["preselect"] = True
        return item

    def _structured(self, offer: Offer, item: dict[str, object]) -> str:
        """The text of a template, and in the item how it is to be read."""
        is_snippet = self.client.snippets and has_holes(offer.value)
        modes = self.client.insert_text_modes
        is_relative = is_snippet or int(_ADJUSTED) in modes
        text = self._text(offer, self.place.layout(is_relative=is_relative), is_snippet=is_snippet)
        if is_snippet:
            item["insertTextFormat"] = int(types.InsertTextFormat.Snippet)
        wanted = int(_ADJUSTED if is_relative else _AS_IS)
        if "\n" in text and wanted in modes:
            item["insertTextMode"] = wanted
        return text

    def _text(self, offer: Offer, layout: Layout | None, *, is_snippet: bool) -> str:
        writer = Writer(as_snippet=is_snippet)
        if offer.key is None:
            text = self._value(writer, offer.value, layout)
        elif self.place.cursor.has_value:
            text = writer.literal(json.dumps(offer.key))
        else:
            text = writer.member(offer.key, offer.value, layout)
        return f"{self.before}{text}{self.after}"

    def _value(self, writer: Writer, value: object, layout: Layout | None) -> str:
        is_object = isinstance(value, Mapping)
        if layout is None or not is_object or not self.place.is_bracketed:
            return writer.value(value, layout)
        inner = layout.inner()
        return f"{inner.line_end}{writer.value(value, inner)}{layout.line_end}"


def _quoted(text: str) -> str:
    # Only with its own settings does `json` keep an encoder ready.
    return json.dumps(text) if text.isascii() else json.dumps(text, ensure_ascii=False)
