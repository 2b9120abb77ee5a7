"""Which names a TOML text gives, each of them once: tables, keys, and where two of them clash."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import NamedTuple

Path = tuple[str, ...]

_KEY = re.compile(r"(?:[^=\"'\n]|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')*")


@lru_cache(maxsize=8_192)
def _content(statement: str) -> dict[str, object]:
    """What a sound statement says; nobody changes it, so that an edit elsewhere finds it read."""
    return tomllib.loads(statement)


class Clash(NamedTuple):
    """A name that is taken: what is said (with `{line}` for where it stands first), and where.

    No message: what belongs to a table that clashed already. `value_of`: the name that has a value at
    `first`, where a table by that name cannot stand.
    """

    message: str
    start: int
    end: int
    first: int = -1
    value_of: str = ""


class Names:
    """Builds the value of sound statements, one after the other."""

    def __init__(self) -> None:
        self.value: dict[str, object] = {}
        self._table: dict[str, object] | None = self.value
        self._path: Path = ()
        # Where each table and key stands first, and what may not be added to any more.
        self._places: dict[tuple[int, str], int] = {}
        self._headers: dict[int, int] = {}
        self._dotted: set[int] = set()
        self._closed: set[int] = set()
        self._lists: set[int] = set()
        # What a table that stands twice added to the first; None for other tables.
        self._added: list[str] | None = None

    def take(self, statement: str, start: int) -> Clash | None:
        """Adds one statement, which starts at an offset; a clash where it is not to be added."""
        try:
            content = _content(statement)
        except (ValueError, RecursionError):
            return Clash("", start, start + len(statement))
        if statement.startswith("["):
            return self._header(content, statement, start)
        return self._pair(content, statement, start)

    def _header(self, content: dict[str, object], statement: str, start: int) -> Clash | None:
        is_list = statement.startswith("[[")
        self._added = None
        names = _names(content)
        stop = start + len(statement.partition("\n")[0].partition("]")[0]) + 1 + is_list
        self._path = names
        table = self.value
        for name in names[:-1]:
            inner = table.setdefault(name, {})
            if isinstance(inner, list) and id(inner) in self._lists:
                inner = inner[-1]
            if not isinstance(inner, dict) or id(inner) in self._closed:
                return self._lost(table, name, start, stop)
            self._places.setdefault((id(table), name), start)
            table = inner
        name = names[-1]
        known = table.get(name)
        if is_list:
            if known is None:
                known = table[name] = []
                self._lists.add(id(known))
                self._places[id(table), name] = start
            if not isinstance(known, list) or id(known) not in self._lists:
                return self._lost(table, name, start, stop)
            self._table = {}
            known.append(self._table)
            return None
        if known is None:
            known = table[name] = {}
            self._places[id(table), name] = start
        if isinstance(known, list) and id(known) in self._lists and known:
            known = known[-1]
        elif not isinstance(known, dict) or id(known) in self._closed:
            return self._lost(table, name, start, stop)
        self._table = known
        first = self._headers.get(id(known))
        if first is None and id(known) in self._dotted:
            first = self._places[id(table), name]
        if first is not None or isinstance(table[name], list):
            shown = _shown(names)
            where = first if first is not None else self._places[id(table), name]
            message = f"The table [{shown}] is there already, in line {{line}}."
            self._added = []
            return Clash(message, start, stop, where)
        self._headers[id(known)] = start
        return None

    def _lost(self, table: dict[str, object], name: str, start: int, stop: int) -> Clash:
        self._table = None
        message = f"`{name}` is no table that more can be added to: it is given in line {{line}}."
        value_of = "" if isinstance(table[name], dict | list) else name
        return Clash(message, start, stop, self._places.get((id(table), name), 0), value_of)

    def _pair(self, content: dict[str, object], statement: str, start: int) -> Clash | None:
        key = _KEY.match(statement)
        written = key[0].rstrip() if key else ""
        if self._table is None:
            return Clash("", start, start + len(statement))
        names = _names(_content(f"{written} = 0"))
        if names[0] in self._table and self._added is not None:
            # Two tables of one name that do not go together: the first counts, as a whole.
            for name in self._added:
                del self._table[name]
            self._table = None
            return Clash("", start, start + len(statement))
        value: object = content
        for name in names:
            value = value[name] if isinstance(value, dict) else None
        table = self._table
        for name in names[:-1]:
            inner = table.get(name)
            if inner is None:
                inner = table[name] = {}
                self._dotted.add(id(inner))
                self._places[id(table), name] = start
            if not isinstance(inner, dict) or id(inner) in self._closed or id(inner) in self._headers:
                return self._taken(table, name, start, statement)
            table = inner
        if names[-1] in table:
            return self._taken(table, names[-1], start, statement)
        table[names[-1]] = value
        if self._added is not None and len(names) == 1:
            self._added.append(names[-1])
        self._places[id(table), names[-1]] = start
        self._close(value)
        return None

    def _taken(self, table: dict[str, object], name: str, start: int, statement: str) -> Clash:
        where = f" in [{_shown(self._path)}]" if self._path else ""
        message = f"`{name}` is given twice{where}; line {{line}} has it already, and that one counts."
        length = len(statement.partition("\n")[0].rstrip())
        return Clash(message, start, start + length, self._places.get((id(table), name), 0))

    def _close(self, value: object) -> None:
        pending = [value]
        while pending:
            inner = pending.pop()
            if isinstance(inner, dict):
                self._closed.add(id(inner))
                pending.extend(inner.values())


def _names(content: dict[str, object]) -> Path:
    """The only way down."""
    found: list[str] = []
    inner: object = content
    while isinstance(inner, dict) and inner:
        name, inner = next(iter(inner.items()))
        found.append(name)
        if isinstance(inner, list):
            break
    return tuple(found)


def _shown(names: Path) -> str:
    return ".".join(names)
