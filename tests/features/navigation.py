"""What the tests of navigation share: projects with a cursor, and places told in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from lsprotocol import types

from mplp_lsp.features.ready_json import ReadyItems, ReadyJson
from mplp_lsp.server.params import shared_converter
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from tests.project import ABLE_CLIENT, project, uri

Value = TypeVar("Value")
LINKING = replace(ABLE_CLIENT, link_support=True)


class Asked(NamedTuple):
    """A position feature's arguments."""

    snapshot: Snapshot
    document: Document
    offset: int


def asked(text: str, **more: Any) -> Asked:
    """The project of `text`, its document with the cursor, and the cursor."""
    seen = project(text, **more)
    where, offset = seen.cursor
    document = seen.snapshot.document(where)
    assert document is not None
    return Asked(seen.snapshot, document, offset)


def text_at(snapshot: Snapshot, where: str, spot: types.Range) -> str:
    """What a range covers."""
    document = snapshot.document(where)
    assert document is not None
    start = document.text.offset(spot.start.line, spot.start.character, snapshot.encoding)
    end = document.text.offset(spot.end.line, spot.end.character, snapshot.encoding)
    return document.text.slice(start, end)


def told(snapshot: Snapshot, found: Iterable[types.Location] | None) -> list[str]:
    """`file:line` of each location, lines from 1."""
    return [f"{location.uri.rsplit('/', 1)[1]}:{location.range.start.line + 1}" for location in found or ()]


def read_as(answer: ReadyJson | ReadyItems, form: type[Value]) -> Value:
    """An answer that is JSON already, as the client reads it."""
    return shared_converter().structure(json.loads(answer.json), form)


def position_of(asked_for: Asked) -> tuple[types.TextDocumentIdentifier, types.Position]:
    """The cursor as LSP puts it."""
    line, character = asked_for.document.text.position(asked_for.offset, asked_for.snapshot.encoding)
    return types.TextDocumentIdentifier(asked_for.document.uri), types.Position(line, character)


__all__ = ["LINKING", "Asked", "asked", "position_of", "read_as", "text_at", "told", "uri"]
