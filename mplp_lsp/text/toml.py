"""TOML documents (`mplp.toml`): the value by `tomllib`, the places by tree-sitter.

Whether a text is TOML at all is for `tomllib` alone to say. A text that is not is read as it was meant
(`toml_reader`): what is known of it then is known of a sound text, and counted back to the one that is there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cached_property

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.places import Placing
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.toml_places import Walk, syntax
from mplp_lsp.text.toml_reader import Offsets, Reading, read
from mplp_lsp.text.tree import SIZE_LIMIT, Hit
from mplp_runtime.rules.findings import Part, Pointer, Severity

_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Long dotted keys cost `tomllib` the square of their length.
_LONG_KEY = re.compile(r"(?<![\w.\"'-])(?>(?>[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){100}")
_TOO_LARGE, _TOO_DEEP = "document-too-large", "toml-nesting-too-deep"
_UNREAD = frozenset({_TOO_LARGE, _TOO_DEEP})


class TomlTree:
    """A TOML document, sound or not; the same questions as `Tree`. It never changes."""

    def __init__(self, text: TextSnapshot, reading: Reading) -> None:
        self.text = text
        self.value = reading.value
        self.problems = reading.problems
        self._reading = reading

    @classmethod
    def parse(cls, text: TextSnapshot) -> TomlTree:
        """The tree of a text, whatever the text is. Never raises; above 5 MB of UTF-8 nothing is read."""
        source = _SURROGATE.sub("\ufffd", text.text)
        if len(source.encode()) > SIZE_LIMIT:
            message = f"This document is larger than {SIZE_LIMIT // (1024 * 1024)} MB and is not checked."
            problem = Problem(_TOO_LARGE, message, 0, 1, {}, Severity.INFORMATION)
            return cls(text, Reading({}, (problem,), "", ()))
        return cls(text, _read(source))

    def edited(self, edits: Sequence[Edit], after: TextSnapshot) -> TomlTree:
        """The tree of `after`. Settings are small: they are read as a whole."""
        return TomlTree.parse(after) if edits else TomlTree(after, self._reading)

    @property
    def header(self) -> dict[str, object]:
        """The whole value: a TOML document has no element tables here."""
        return self.value

    @cached_property
    def _placing(self) -> Placing:
        return self._walk.placing

    @cached_property
    def _walk(self) -> Walk:
        sound, edits = self._reading.sound, self._reading.edits
        walk = Walk(sound, Placing())
        if not any(problem.code in _UNREAD for problem in self.problems):
            walk.document(syntax(sound).root_node)
        if edits:
            place = Offsets(edits).before
            walk.placing.remap(place)
            walk.keys = [(pointer, place(start), place(stop)) for pointer, start, stop in walk.keys]
        return walk

    def keys_of(self, pointer: Pointer) -> list[tuple[int, int]]:
        """Every place that spells the last part of `pointer` as a key, with its quotes, in text order.

        `[roles.tester]` and `[roles.tester.limits]` both spell `tester`.
        """
        return sorted((start, stop) for at, start, stop in self._walk.keys if at == pointer)

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """As `Tree.range_of`. A table that is spread over several headers is where it stands first."""
        spot, is_own = self._placing.nearest(pointer)
        if spot is None or spot.stop < spot.start:
            return 0, min(1, self.text.length)
        if not is_own and spot.key_start >= 0:
            return spot.range_of("key")
        if not spot.pointer and not is_own:
            return 0, min(1, self.text.length)
        return spot.range_of(part)

    def at(self, offset: int) -> Hit:
        """As `Tree.at`."""
        found = self._placing.at(min(max(offset, 0), self.text.length))
        if found is None:
            return Hit((), "value", 0, self.text.length)
        spot, part = found
        return Hit(spot.pointer, part, *spot.range_of(part))

    def is_broken(self, pointer: Pointer) -> bool:
        """Whether something is wrong inside a value, or at all for the whole document."""
        if not pointer:
            return bool(self.problems)
        spot, is_own = self._placing.nearest(pointer)
        if spot is None or not is_own:
            return False
        # A problem that ends where the value starts made it what it is.
        return any(spot.start <= p.end and p.start <= spot.stop for p in self.problems)


def _read(source: str) -> Reading:
    """All of a text, sound or not."""
    problems: list[Problem] = []
    text = source
    if text.startswith("\ufeff"):
        message = "The file starts with a byte order mark, which TOML does not want."
        data = {"repair_start": 0, "repair_end": 1, "repair_text": ""}
        problems.append(Problem("toml-syntax", message, 0, 1, data))
        text = " " + text[1:]
    long_key = _LONG_KEY.search(text)
    if long_key:
        message = "A key with more than 100 parts; the document is not read."
        problems.append(Problem(_TOO_DEEP, message, long_key.start(), long_key.end()))
        return Reading({}, tuple(problems), "", ())
    try:
        return Reading(tomllib.loads(text), tuple(problems), text, ())
    except RecursionError:
        message = "Nested too deep; the document is not read."
        problems.append(Problem(_TOO_DEEP, message, 0, min(1, len(source))))
        return Reading({}, tuple(problems), "", ())
    except ValueError:
        reading = read(text)
        return reading._replace(problems=(*problems, *reading.problems))
