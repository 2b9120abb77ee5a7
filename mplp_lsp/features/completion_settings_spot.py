"""The line of mplp.toml that is being typed: what stands before the cursor, and in which table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lsprotocol import types

from mplp_lsp.features.completion_items import plain_range
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.settings.table import TABLES, Key, binding_keys

_HEADER = re.compile(r"^[ \t]*\[\[?[ \t]*([^\]\r\n]*?)[ \t]*\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spot:
    """The line at the cursor: what stands before it, where its parts start, and the table it is in."""

    snapshot: Snapshot
    document: Document
    offset: int
    line: str
    rest: str
    line_start: int
    table: tuple[str, ...]

    @property
    def value(self) -> Mapping[str, object]:
        """The table as it is now."""
        found: object = self.document.toml.value if self.document.toml is not None else {}
        for part in self.table:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    @property
    def keys(self) -> Mapping[str, Key]:
        """The keys this table may have."""
        if len(self.table) == 1:
            return TABLES.get(self.table[0], {})
        if len(self.table) == 2 and self.table[0] in ("roles", "steps"):
            action = self.value.get("action")
            return binding_keys(action if isinstance(action, str) else None)
        return {}


def spot_at(snapshot: Snapshot, document: Document, offset: int) -> Spot:
    """The spot at an offset of mplp.toml."""
    text = document.text
    number, _ = text.position(offset, "utf-32")
    start = text.line_start(number)
    line = text.line(number)
    before, rest = line[: offset - start], line[offset - start :].rstrip("\r\n")
    headers = _HEADER.findall(text.slice(0, start))
    table = tuple(_parts(headers[-1])) if headers else ()
    return Spot(snapshot, document, offset, before, rest, start, table)


def _parts(name: str) -> Iterator[str]:
    for quoted, bare in re.findall(r'"([^"]*)"|([^."\s]+)', name):
        yield quoted or bare


def settings_item(
    spot: Spot,
    where: tuple[int, int],
    label: str,
    text: str,
    kind: types.CompletionItemKind,
    detail: str,
    words: str,
    about: list[str],
    *,
    is_plain: bool = False,
) -> dict[str, object]:
    """One item as plain JSON: puts `text` between two offsets; `about` is what its documentation is of."""
    item: dict[str, object] = {
        "label": label,
        "kind": int(kind),
        "textEdit": {"range": plain_range(spot.snapshot, spot.document, *where), "newText": text},
        "data": {"uri": spot.document.uri, "setting": about},
    }
    if detail:
        item["detail"] = detail
    if words != label:
        item["filterText"] = words
    if spot.snapshot.client.snippets and not is_plain and "$" in text:
        item["insertTextFormat"] = int(types.InsertTextFormat.Snippet)
    return item
