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
from mplp_lsp.features.places import range_between

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
) -> types.CompletionList | None:
    """The list as the client can take it, cut to `MOST_ITEMS`; None where there is nothing to offer."""
    if not offers:
        return None
    ranked = sorted(offers, key=lambda offer: offer.rank)
    shown = ranked[:MOST_ITEMS]
    frame = _Frame(place)
    return types.CompletionList(
        is_incomplete=is_incomplete or len(shown) < len(ranked),
        items=[frame.item(offer, number) for number, offer in enumerate(shown)],
    )


class _Frame:
    """What all items of one answer share."""

    def __init__(self, place: Place) -> None:
        cursor, snapshot, document = place.cursor, place.snapshot, place.document
        self.place = place
        self.client = snapshot.client
        start, end = place.base + cursor.start, place.base + cursor.end
        self.range = range_between(snapshot, document, start, end)
        self.prefix = '"' if cursor.is_quoted else ""
        self.before, self.comma = "", None
        if cursor.comma_before is not None and cursor.comma_before == cursor.start:
            self.before = ", "
        elif cursor.comma_before is not None:
            at = place.base + cursor.comma_before
            self.comma = types.TextEdit(range=range_between(snapshot, document, at, at), new_text=",")
        self.after = self._after()

    def _after(self) -> str:
        """A comma where something follows; and a line end where it would stand on the same line."""
        place = self.place
        if not place.cursor.comma_after:
            return ""
        behind = place.document.text.slice(place.base + place.cursor.end, place.base + place.cursor.end + 1)
        return "," if behind in ("\r", "\n", " ", "\t") else ", "

    def item(self, offer: Offer, number: int) -> types.CompletionItem:
        """One item; the texts that are the same for many are written once."""
        is_snippet = self.client.snippets and has_holes(offer.value)
        modes = self.client.insert_text_modes
        is_relative = is_snippet or int(_ADJUSTED) in modes
        is_simple = isinstance(offer.value, str | int | float) and offer.key is None
        layout = None if is_simple else self.place.layout(is_relative=is_relative)
        text = self._text(offer, layout, is_snippet=is_snippet)
        mode = None
        if "\n" in text:
            wanted = _ADJUSTED if is_relative else _AS_IS
            mode = wanted if int(wanted) in modes else None
        words = offer.words or offer.label
        filter_text = self.prefix + words
        return types.CompletionItem(
            label=offer.label,
            kind=offer.kind,
            detail=offer.detail or None,
            sort_text=f"{number:04}",
            filter_text=filter_text if filter_text != offer.label else None,
            insert_text_format=types.InsertTextFormat.Snippet if is_snippet else None,
            insert_text_mode=mode,
            text_edit=types.TextEdit(range=self.range, new_text=text),
            additional_text_edits=[self.comma] if self.comma is not None else None,
            preselect=True if offer.is_obvious else None,
            data={"uri": self.place.document.uri, **offer.about} if offer.about else None,
        )

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
