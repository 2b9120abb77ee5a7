"""Hover: what is under the cursor means, what it stands for, how that is doing, and what is wrong here."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.analysis.names import declarations_of, name_at
from mplp_lsp.features.hover_events import event_cards
from mplp_lsp.features.hover_findings import finding_cards, findings_at
from mplp_lsp.features.hover_markup import Card, code, line, markdown, plain
from mplp_lsp.features.hover_roles import role_card
from mplp_lsp.features.hover_schema import schema_card
from mplp_lsp.features.hover_settings import settings_cards
from mplp_lsp.features.hover_spot import Spot, spot_at
from mplp_lsp.features.hover_steps import step_card, step_cards
from mplp_lsp.features.hover_things import document_card, document_cards, thing_card
from mplp_lsp.features.hover_values import moment_card, status_card, status_facts
from mplp_lsp.features.places import STEPS, range_between
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import DOCUMENT_KINDS, LOCAL_KINDS, ROLE_NAME, STEP, Name, element_names


def hover(
    snapshot: Snapshot, document: Document, offset: int, params: types.HoverParams
) -> types.Hover | None:
    """Findings here first, then the card of the key, value or id; None where there is nothing to say."""
    del params
    spot = spot_at(snapshot, document, offset)
    pointer, extent = _place(document, offset, spot)
    found = findings_at(snapshot, document, offset, pointer)
    cards = list(finding_cards(document, found))
    about = list(_cards(snapshot, document, offset, spot, pointer) if extent is not None else ())
    cards += about
    if not cards:
        return None
    start, end = extent if about and extent is not None else (found[0].start, found[0].end)
    if snapshot.client.markdown_hover:
        contents = types.MarkupContent(types.MarkupKind.Markdown, markdown(cards))
    else:
        contents = types.MarkupContent(types.MarkupKind.PlainText, plain(cards))
    return types.Hover(contents, range_between(snapshot, document, start, end))


def _place(document: Document, offset: int, spot: Spot | None) -> tuple[Pointer, tuple[int, int] | None]:
    """What stands at an offset, and the range of it; no range where the offset is between things."""
    if spot is not None:
        return spot.place, (spot.start, spot.end)
    if document.toml is not None:
        return _place_in_toml(document.toml, offset)
    parsed = document.tree or document.timeline
    return (() if parsed is None else parsed.at(offset).pointer), None


def _place_in_toml(toml: TomlTree, offset: int) -> tuple[Pointer, tuple[int, int] | None]:
    """In a table's header the cursor is in the table too; there the words of the header are meant."""
    hit = toml.at(offset)
    value: object = toml.value
    for part in hit.pointer:
        is_item = isinstance(value, list) and isinstance(part, int) and part < len(value)
        value = value[part] if is_item else value.get(part) if isinstance(value, dict) else None  # type: ignore[index]
    if hit.part == "key" or (hit.pointer and not isinstance(value, dict)):
        return hit.pointer, (hit.start, hit.end)
    for length in range(len(hit.pointer), 0, -1):
        start, end = toml.range_of(hit.pointer[:length], "key")
        if start <= offset <= end:
            return hit.pointer[:length], (start, end)
    return hit.pointer, None


def _cards(
    snapshot: Snapshot, document: Document, offset: int, spot: Spot | None, pointer: Pointer
) -> Iterator[Card]:
    if document.toml is not None:
        yield from settings_cards(snapshot, document, pointer, name_at(document, offset))
    elif spot is not None:
        name = name_at(document, offset) if spot.part == "value" else None
        found = list(_named(spot, name)) if name is not None else list(_valued(spot))
        yield from found
        # Of an id that nobody uses there is nothing to tell but what it is for.
        if not any(card.sentences or card.facts for card in found):
            yield from _schema(spot)


def _named(spot: Spot, name: Name) -> Iterator[Card]:
    """What an id or a role name stands for."""
    snapshot, document = spot.snapshot, spot.document
    if name.kind == ROLE_NAME:
        yield role_card(snapshot, name.text)
    elif name.kind == STEP:
        if name.is_declaration and spot.kind == "plan":
            yield step_card(snapshot, document, int(name.pointer[1]), document)
        else:
            yield from step_cards(snapshot, name, document, spot.plan_id)
    elif name.kind in OWN_ID:
        yield from document_cards(snapshot, name, document)
    else:
        declared = [(document, name)] if name.is_declaration else declarations_of(snapshot, name, document)
        for where, each in declared[:1]:
            is_here = name.is_declaration
            yield thing_card(snapshot, where, each, document, is_here=is_here)
        if not declared and name.kind not in DOCUMENT_KINDS:
            yield Card(
                line(code(name.text), f" · {name.kind}"), (), [line("Declared nowhere in this project")]
            )


def _valued(spot: Spot) -> Iterator[Card]:
    """Values that say more than their schema, and the things that are known by them."""
    if spot.part == "key":
        return
    if spot.part == "value":
        card = status_card(spot) or moment_card(spot)
        if card is not None:
            yield card
            return
    yield from event_cards(spot)
    pointer = spot.pointer
    if spot.kind == "plan" and _is_step(pointer) and (len(pointer) == 2 or pointer[2:] == ("description",)):
        yield step_card(spot.snapshot, spot.document, int(pointer[1]), spot.document)
    elif len(pointer) == 2 and isinstance(spot.value, dict):
        field, index = str(pointer[0]), pointer[1]
        for name in element_names(spot.kind, field, spot.value):
            if name.is_declaration and name.kind in LOCAL_KINDS:
                declared = name.below((field, index))
                yield thing_card(spot.snapshot, spot.document, declared, spot.document, is_here=True)
                return
    elif pointer in {(), ("title",), ("name",), ("objective",)} and spot.document.timeline is None:
        facts = spot.snapshot.index.facts(spot.document.uri) or spot.document.facts
        if facts is not None:
            yield document_card(spot.snapshot, facts, spot.document)


def _is_step(pointer: Pointer) -> bool:
    return len(pointer) >= 2 and pointer[0] == STEPS and isinstance(pointer[1], int)


def _schema(spot: Spot) -> Iterator[Card]:
    card = schema_card(spot.kind, spot.header, spot.pointer)
    if card is None:
        return
    rows = [*card.facts]
    if spot.pointer and spot.pointer[-1] == "status":
        following = list(status_facts(spot))
        # The states and their order say all that the bare list of words would.
        rows = following or rows
    yield Card(card.title, card.sentences, rows)
