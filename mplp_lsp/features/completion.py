"""Completion: what can be written at the cursor, and nothing where nothing is to be completed.

`completion` says where the cursor stands and asks those who know: `completion_keys` for members that are
missing, `completion_values` for values, `completion_settings` for mplp.toml.
"""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.features.completion_items import completion_list
from mplp_lsp.features.completion_keys import key_offers
from mplp_lsp.features.completion_place import Place, place_at
from mplp_lsp.features.completion_resolve import documented
from mplp_lsp.features.completion_values import value_offers
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_BLANK = " \t"


def completion(
    snapshot: Snapshot, document: Document, offset: int, params: types.CompletionParams
) -> dict[str, object] | None:
    """What can be written at an offset; None where there is nothing, or where nobody asked for it.

    LSP 3.17, "Completion Request". A character typed by itself (`"`, `:`, …) asks only where a value or a
    key has just begun, so that nothing pops up in the middle of a text.
    """
    return documented(snapshot, document, _found(snapshot, document, offset, params))


def _found(
    snapshot: Snapshot, document: Document, offset: int, params: types.CompletionParams
) -> dict[str, object] | None:
    typed = typed_character(params.context)
    if document.toml is not None:
        from mplp_lsp.features.completion_settings import settings_completion

        return settings_completion(snapshot, document, offset, typed)
    place = place_at(snapshot, document, offset)
    if place is None or (typed is not None and not _asks(place, typed, offset)):
        return None
    if place.cursor.role == "key":
        return completion_list(place, key_offers(place))
    offers, is_incomplete = value_offers(place)
    # While the project is being read more may come.
    return completion_list(place, offers, is_incomplete=is_incomplete or not snapshot.is_complete)


def typed_character(context: types.CompletionContext | None) -> str | None:
    """The trigger character that asked; None where the author, or a word being typed, asked."""
    if context is None or context.trigger_kind != types.CompletionTriggerKind.TriggerCharacter:
        return None
    return context.trigger_character


def _asks(place: Place, typed: str, offset: int) -> bool:
    """Whether a character has just begun something that can be completed."""
    cursor = place.cursor
    if typed == '"':
        return cursor.is_quoted and not cursor.typed
    if cursor.is_quoted or cursor.typed or cursor.role == "key" or not cursor.pointer:
        return False
    before = place.document.text.slice(max(place.base, offset - 200), offset)
    last = before.rstrip(_BLANK)[-1:]
    if isinstance(cursor.pointer[-1], str):
        return typed in (":", " ") and last == ":"
    # After a comma most people go to the next line; they ask there, or type a quote.
    is_one_line = "\n" not in place.document.text.slice(place.base + cursor.opened, offset)
    item = place.describe(cursor.pointer)
    return typed in (",", " ") and last == "," and is_one_line and item.get("type") != "object"
