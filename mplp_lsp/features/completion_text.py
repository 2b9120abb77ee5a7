"""JSON as a completion writes it: laid out like its surroundings, with tab stops or without."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

_SPECIAL = re.compile(r"[\\$]")
_SPECIAL_INSIDE = re.compile(r"[\\$}]")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for the author to fill in. `value` is what stands there until then, sound as it is."""

    value: object


@dataclass(frozen=True, slots=True)
class Layout:
    """Members on lines of their own: a line end with the indentation of the line, and one level more."""

    line_end: str
    unit: str

    def inner(self) -> Layout:
        """One level deeper."""
        return Layout(self.line_end + self.unit, self.unit)


def has_holes(value: object) -> bool:
    """Whether anything in a template is to be filled in."""
    if isinstance(value, Hole):
        return True
    if isinstance(value, Mapping):
        return any(map(has_holes, value.values()))
    return isinstance(value, list) and any(map(has_holes, value))


def plain(value: object) -> object:
    """The JSON value of a template, each hole with what stands in it at first."""
    if isinstance(value, Hole):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class Writer:
    """Writes templates as text; with tab stops `$1`, `${2:word}` (LSP, "Snippet Syntax") where asked for."""

    def __init__(self, *, as_snippet: bool) -> None:
        self._stops: Iterator[int] | None = count(1) if as_snippet else None

    def literal(self, text: str) -> str:
        """Text that means itself."""
        return text if self._stops is None else _SPECIAL.sub(r"\\\g<0>", text)

    def member(self, key: str, value: object, layout: Layout | None) -> str:
        """A key with its value."""
        return f"{self.literal(json.dumps(key))}: {self.value(value, layout)}"

    def value(self, value: object, layout: Layout | None) -> str:
        """A value; on one line where there is no layout."""
        if isinstance(value, Hole):
            return self._hole(value.value)
        if isinstance(value, Mapping):
            inner = layout.inner() if layout is not None else None
            return self._joined("{}", [self.member(key, each, inner) for key, each in value.items()], layout)
        if isinstance(value, list):
            # Lists of words stay on their line.
            is_deep = any(isinstance(each, dict | list) for each in value)
            outer = layout if is_deep else None
            inner = outer.inner() if outer is not None else None
            return self._joined("[]", [self.value(each, inner) for each in value], outer)
        return self.literal(json.dumps(value, ensure_ascii=False))

    def _joined(self, brackets: str, parts: list[str], layout: Layout | None) -> str:
        if not parts:
            return brackets
        if layout is None:
            return f"{brackets[0]}{', '.join(parts)}{brackets[1]}"
        lines = f",{layout.inner().line_end}".join(parts)
        return f"{brackets[0]}{layout.inner().line_end}{lines}{layout.line_end}{brackets[1]}"

    def _hole(self, value: object) -> str:
        if self._stops is None:
            return json.dumps(value, ensure_ascii=False)
        number = next(self._stops)
        if isinstance(value, dict | list) and not value:
            return f"{{${number}}}" if isinstance(value, dict) else f"[${number}]"
        if value == "":
            return f'"${number}"'
        text = json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str):
            return f"${{{number}:{_SPECIAL_INSIDE.sub(_escaped, text)}}}"
        return f'"${{{number}:{_SPECIAL_INSIDE.sub(_escaped, text[1:-1])}}}"'


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match.group()
