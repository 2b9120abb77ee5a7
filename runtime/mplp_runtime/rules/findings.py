"""What a rule says about a document: plain data, placed by JSON pointer, no text positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

Pointer = tuple[str | int, ...]
Part = Literal["value", "key", "open"]


class Severity(IntEnum):
    """LSP's numbers, so that nothing has to be translated."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 3
    HINT = 4


class Stage(IntEnum):
    """Which kind of rule speaks. Where several see one fault at one place, the lowest speaks."""

    SYNTAX = 0
    HABIT = 1
    SCHEMA = 2
    INVARIANT = 3
    GRAPH = 4
    LIFECYCLE = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding points: a value, its key, or the bracket that opens it.

    `document` is the URI of another document; None means the one the finding is about.
    `value` stands for the whole value, `open` for its opening bracket only (used for "something is
    missing inside", so that a squiggle does not cover hundreds of lines).
    """

    pointer: Pointer = ()
    part: Part = "value"
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that explains a finding: an edge of a cycle, the other duplicate."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: a stable code, a sentence for a person, a place, and data for the fix."""

    code: str
    message: str
    severity: Severity
    stage: Stage
    place: Place
    related: tuple[Related, ...] = ()
    unnecessary: bool = False
    deprecated: bool = False
    data: Mapping[str, object] = field(default_factory=dict)

    def below(self, prefix: Pointer) -> Finding:
        """The same finding, for a value that stands at `prefix` in a larger document."""
        if not prefix:
            return self

        def moved(place: Place) -> Place:
            return place if place.document else replace(place, pointer=prefix + place.pointer)

        related = tuple(Related(moved(r.place), r.message) for r in self.related)
        return replace(self, place=moved(self.place), related=related)
