"""How odd a reading of a broken statement looks, to choose between several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from mplp_runtime.rules.settings_values import value_findings
from mplp_runtime.rules.words import nearest
from mplp_runtime.settings.table import BINDING_COMMON, BINDING_KEYS, TABLES, TOP_LEVEL, Key

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_SIGN = re.compile(r"[\"',=\[\]{}#\n]")
_COMMENT = re.compile(r"#([^\n\"']*[=\"\]\[{},][^\n]*)\Z", re.MULTILINE)
_GLUED = re.compile(r"[A-Za-z0-9_\[-]#")
_MOST_SIGNS = 40


@cache
def _keys() -> Mapping[str, Key]:
    """Every key that has a place somewhere in mplp.toml."""
    found: dict[str, Key] = dict(BINDING_COMMON)
    for keys in (*BINDING_KEYS.values(), *TABLES.values()):
        found.update(keys)
    return found


def nearest_key(word: str, *, is_table: bool = False) -> str | None:
    """The known key (or table) that a word with a slip stands for; the word itself where it is one."""
    known = TOP_LEVEL if is_table else tuple(_keys())
    return word if word in known else nearest(word, known)


def oddness(statement: str, value: Mapping[str, object]) -> float:
    """0 for a statement as people write it in mplp.toml, more for each thing that nobody would."""
    hidden = sum(len(_SIGN.findall(match[1])) for match in _COMMENT.finditer(statement))
    is_header = statement.lstrip().startswith("[")
    total = min(hidden, _MOST_SIGNS) * 0.3 + len(_GLUED.findall(statement)) * 1.0
    if not value:
        # All of it is a comment then.
        return total + 3.0
    if is_header:
        return total + sum(_header(value))
    return total + sum(_pairs(value))


def _header(value: Mapping[str, object]) -> Iterator[float]:
    depth = 0
    found: object = value
    while isinstance(found, Mapping) and len(found) == 1:
        name, found = next(iter(found.items()))
        if not depth and name not in TOP_LEVEL:
            yield 1.5
        if not depth and name in ("roles", "steps") and found in ({}, [{}]):
            yield 1.0
        if depth == 1 and next(iter(value)) not in ("roles", "steps") and found in ({}, [{}]):
            yield 1.5
        if not _BARE.match(name) and (depth != 1 or not name.strip() or _SIGN.search(name)):
            yield 2.0
        depth += 1
        if isinstance(found, list):
            yield 2.0
            found = found[0] if found else None
    if isinstance(found, Mapping) and found:
        # A header and what stood behind it on its line.
        yield from _pairs(found)
    elif depth > 2:
        yield (depth - 2) * 1.5


def _pairs(value: Mapping[str, object]) -> Iterator[float]:
    for name, entry in value.items():
        key = _keys().get(name)
        if key is None:
            yield 1.0
        elif not isinstance(entry, Mapping) and any(value_findings((), name, entry, key)):
            yield 0.8
        if not _BARE.match(name):
            yield 2.0
        if isinstance(entry, Mapping):
            yield 0.7
        yield from _odd_values(entry)


def _odd_values(value: object) -> Iterator[float]:
    pending = [value]
    while pending:
        entry = pending.pop()
        if isinstance(entry, str):
            yield min(len(_SIGN.findall(entry)), _MOST_SIGNS) * 0.3
            if not entry.strip():
                yield 1.0
        elif isinstance(entry, list):
            if not entry:
                yield 0.8
            if len({type(inner) for inner in entry}) > 1:
                yield 1.0
            if any(isinstance(inner, list) for inner in entry):
                yield 1.5
            pending.extend(entry)
        elif isinstance(entry, Mapping):
            for name, inner in entry.items():
                if not _BARE.match(name):
                    yield 1.0
                pending.append(inner)
