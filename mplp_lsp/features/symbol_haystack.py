"""The texts of a document that a search for symbols looks at: one line for the document, one for each entry.

A line is `name TAB id TAB role`. Lines cost a fraction of the objects they stand for, so those of a thousand
closed documents can be kept; those of an open one are kept block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mplp_lsp.analysis.name_places import tree_of
from mplp_lsp.features.document_symbols import MAIN_LISTS
from mplp_lsp.features.symbol_words import (
    document_named_by,
    name_of_document,
    name_of_part,
    named_by,
)
from mplp_lsp.text.elements import Element
from mplp_lsp.text.sound_json import sound_value
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_runtime.kinds import SETTINGS, TIMELINE
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Pointer

_KEPT = "haystack"
_NAMED_TABLES = {"roles": "role", "steps": "step"}
_ROLES = {"step": "agent_role", "participant": "role_id", "node": "role_id"}


@dataclass(frozen=True, slots=True)
class Straw:
    """One line, taken apart: the name, the id, the role, what it is, and where its name stands."""

    name: str
    id: str
    role: str
    part: str
    pointer: Pointer


def haystack(document: Document) -> str:
    """All lines of a document; "" for timelines (too many to be found) and what is not ours."""
    if document.kind in {None, TIMELINE}:
        return ""
    known = document.cache.get(_KEPT)
    if isinstance(known, str):
        return known
    text = "\n".join(_lines(document))
    document.cache[_KEPT] = text
    return text


def straw(document: Document, number: int, line: str) -> Straw:
    """What the line with this number stands for."""
    name, own_id, role = line.split("\t")
    if document.kind == SETTINGS:
        table, key = list(_tables(document))[number]
        return Straw(name, own_id, role, _NAMED_TABLES[table], (table, key))
    kind = str(document.kind)
    if number == 0:
        return Straw(name, own_id, role, kind, ())
    field, part = MAIN_LISTS[kind]
    return Straw(name, own_id, role, part, (field, number - 1))


def pointer_of_name(tree: Tree, found: Pointer, part: str) -> Pointer:
    """Where the name of a document or an entry stands: its title, its description, else its id."""
    if not found:
        member = document_named_by(tree.header) or OWN_ID.get(part)
    else:
        table = tree.tables.get(str(found[0]))
        index = int(found[1])
        is_there = table is not None and index < table.count
        member = named_by(part, table.element(index).value) if table is not None and is_there else None
    return found if member is None else (*found, member)


def _lines(document: Document) -> Iterator[str]:
    kind = str(document.kind)
    if kind == SETTINGS:
        for table, key in _tables(document):
            yield _line(key, key if table == "steps" else "", key if table == "roles" else "")
        return
    field, part = MAIN_LISTS.get(kind, ("", ""))
    # Nobody has most documents open: their values are needed once, and no places in them.
    told = None if document.is_open else sound_value(document.text.text)
    if told is not None:
        value = told[0] if isinstance(told[0], dict) else {}
        yield _of_document(document, kind, value)
        entries = value.get(field)
        for entry in entries if isinstance(entries, list) else ():
            yield _of_entry(entry, part)
        return
    tree = tree_of(document)
    if tree is None:
        return
    yield _of_document(document, kind, tree.header if isinstance(tree.header, dict) else {})
    listed = tree.tables.get(field)
    for block in () if listed is None else listed.blocks:
        yield _of_block(block, part)


def _of_document(document: Document, kind: str, header: Mapping[str, object]) -> str:
    own = header.get(OWN_ID.get(kind, ""))
    own_id = own if isinstance(own, str) else ""
    return _line(name_of_document(kind, header, own_id, document.uri.rpartition("/")[2]), own_id, "")


def _of_block(block: Block[Element], part: str) -> str:
    key = f"{_KEPT} {part}"
    known = block.cache.get(key)
    if isinstance(known, str):
        return known
    text = "\n".join([_of_entry(element.value, part) for element in block.elements])
    block.cache[key] = text
    return text


def _of_entry(entry: object, part: str) -> str:
    value = entry if isinstance(entry, dict) else {}
    own_id, role = value.get(f"{part}_id"), value.get(_ROLES.get(part, ""))
    name = name_of_part(part, value) or ""
    return _line(name, own_id if isinstance(own_id, str) else "", role if isinstance(role, str) else "")


def _line(name: str, own_id: str, role: str) -> str:
    return "\t".join(" ".join(word.split()) for word in (name, own_id, role))


def _tables(document: Document) -> Iterator[tuple[str, str]]:
    """Roles and steps of mplp.toml, as (table, key)."""
    value = document.toml.value if document.toml is not None else {}
    for table in _NAMED_TABLES:
        inner = value.get(table)
        if isinstance(inner, dict):
            for key in inner:
                yield table, key
