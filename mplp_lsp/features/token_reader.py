"""Semantic tokens of a piece of JSON text, sound or not, by the keys around each value.

It reads the text itself and no tree: ten thousand steps are coloured in the time it takes to scan them, and
broken text keeps its colours.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mplp_lsp.features.token_legend import (
    DECLARATION,
    ENUM_MEMBER,
    NUMBER,
    PROPERTY,
    STATE_OF_WORD,
    TYPE,
    VARIABLE,
)
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.names import PLACES, ROLE_NAME
from mplp_schemas import describe

_ROLE_MEANINGS = frozenset({"?role", "?handoff", ROLE_NAME})
_MARKS = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n])*"?|[{}\[\],]|\r\n|\n|\r')
_COLON = re.compile(r"[ \t\r\n]*:")
_TIME = re.compile(r'"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d')

Path = tuple[str, ...]


class Token(NamedTuple):
    """One token of a piece; in line 0 `character` counts from the start of the piece. Units of the client."""

    line: int
    character: int
    length: int
    type: int
    modifiers: int


class TokenReader:
    """Reads pieces of one document in order; what is open at the end of one piece is open in the next."""

    def __init__(self, kind: str, encoding: Encoding, path: Path = ()) -> None:
        self._kind = kind
        self._encoding = encoding
        self._base = path
        self._open: list[str] = []
        self._keys: list[str] = []

    def read(self, text: str) -> tuple[list[Token], int, int]:
        """The tokens of `text`, how many lines it ends, and the width of what stands after the last end."""
        tokens: list[Token] = []
        is_plain = text.isascii()
        line = line_start = 0
        for match in _MARKS.finditer(text):
            mark = match.group()
            first = mark[0]
            if first == '"':
                kind, modifiers = self._meaning(text, mark, match.end())
                if kind is not None:
                    start = match.start()
                    character = start - line_start if is_plain else self._width(text[line_start:start])
                    length = len(mark) if is_plain else self._width(mark)
                    tokens.append(Token(line, character, length, kind, modifiers))
            elif first in "\r\n":
                line += 1
                line_start = match.end()
            elif first in "{[":
                self._open.append(first)
                self._keys.append("*" if first == "[" else "")
            elif first in "}]" and self._open:
                self._open.pop()
                self._keys.pop()
        tail = text[line_start:]
        return tokens, line, len(tail) if is_plain else self._width(tail)

    def _meaning(self, text: str, mark: str, end: int) -> tuple[int | None, int]:
        if self._open and self._open[-1] == "{" and _COLON.match(text, end):
            self._keys[-1] = mark.strip('"')
            return PROPERTY, 0
        inner = mark[1:-1] if len(mark) > 1 and mark.endswith('"') else mark[1:]
        meaning, is_listed = _place(self._kind, (*self._base, *self._keys))
        if is_id(inner):
            return VARIABLE, DECLARATION if meaning.startswith("+") else 0
        if meaning.removeprefix("+") in _ROLE_MEANINGS:
            return TYPE, DECLARATION if meaning.startswith("+") else 0
        if is_listed:
            return ENUM_MEMBER, STATE_OF_WORD.get(inner, 0)
        return (NUMBER, 0) if _TIME.match(mark) else (None, 0)

    def _width(self, text: str) -> int:
        if self._encoding == "utf-16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        if self._encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text)


@lru_cache(maxsize=4_096)
def _place(kind: str, path: Path) -> tuple[str, bool]:
    """What a name there means ("" for none), and whether the schema lists the words that may stand there."""
    meaning = PLACES.get(kind, {}).get("/".join(path), "")
    described = describe(kind, tuple(0 if part == "*" else part for part in path)) or {}
    return meaning, "enum" in described or "const" in described
