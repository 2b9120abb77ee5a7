"""The elements of a table: the items of a top-level list, each with the text up to and with its comma."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from mplp_lsp.text.json_judge import Gap
from mplp_lsp.text.places import Placing
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.spans import Block, Spans

BLOCK_SIZE = 64


class Element:
    """One item of a table. It never changes; an edit that does not touch its text keeps the object.

    Its text is `lead` code points before the value, the value itself (`size`), and the rest up to and with
    the comma (`length` in all). Problems count from the start of the value; those before it are negative.
    This class is the sound element between two commas; `LooseElement` is every other. For layers above there
    are `cache`, `facts` (what others may depend on) and `sound_to` (the check that found nothing here).
    """

    __slots__ = ("_cache", "facts", "lead", "length", "placing", "size", "sound_to", "value")

    problems: Sequence[Problem] = ()
    entry: Gap = Gap.COMMA
    exit: Gap = Gap.COMMA

    def __init__(self, value: object, lead: int, size: int, length: int) -> None:
        self.value = value
        self.lead = lead
        self.size = size
        self.length = length
        self.placing: Placing | None = None
        self._cache: dict[str, object] | None = None
        # What nearly every element of a large document has; a `cache` for each would cost more than they.
        self.facts: object = None
        self.sound_to: str | None = None

    @property
    def reach(self) -> int:
        """How much text decided about this element, from where its text starts."""
        return self.length

    @property
    def cache(self) -> dict[str, object]:
        """For layers above: whatever follows from this element alone."""
        if self._cache is None:
            self._cache = {}
        return self._cache

    @property
    def is_broken(self) -> bool:
        """Whether something is wrong inside the value, so that what it lacks is not missing for sure."""
        return any(
            problem.is_error
            and problem.start >= 0
            and not (problem.start == 0 and problem.code == "json-comma-missing")
            for problem in self.problems
        )


class LooseElement(Element):
    """An element that is first or last, has problems, or was decided by text behind it."""

    __slots__ = ("_reach", "entry", "exit", "problems")

    def __init__(
        self,
        value: object,
        extent: tuple[int, int, int],
        problems: tuple[Problem, ...],
        gaps: tuple[Gap, Gap],
        reach: int,
    ) -> None:
        super().__init__(value, *extent)
        self.problems = problems
        self.entry, self.exit = gaps
        self._reach = reach

    @property
    def reach(self) -> int:
        """How much text decided about this element, from where its text starts."""
        return self._reach


text_length: Callable[[Element], int] = attrgetter("length")
"""How much text an element takes."""


class Rows(NamedTuple):
    """The elements of one table as the text has them, wherever it stands."""

    spans: Spans[Element]
    entry: Gap
    exit: Gap
    indent: int | None
    # How much text behind the elements was looked at to see that the table ends there.
    end_reach: int

    @property
    def length(self) -> int:
        """How much text the elements take."""
        return self.spans.length

    @property
    def error_count(self) -> int:
        """How many errors are in and before the elements."""
        return sum(
            problem.is_error
            for block in self.spans.blocks
            for index in _faulty(block)
            for problem in block.elements[index].problems
        )

    @property
    def begins_badly(self) -> bool:
        """Whether the first element has errors."""
        return bool(self.spans.count) and any(problem.is_error for problem in self.spans[0].problems)

    def safe_until(self, first: int, offset: int) -> int:
        """The end of the run of elements from `first` on that only text before `offset` decided about."""
        spans = self.spans
        if first >= spans.count or offset <= spans.start_of(first):
            return first
        last, start = spans.locate(min(offset, spans.length))
        if start + spans[last].length <= offset:
            last += 1
        follower = spans.start_of(last) + (spans[last].lead if last < spans.count else self.end_reach)
        if follower >= offset:
            # What follows an element decides whether its last bracket is believed.
            last -= 1
        for number, block in enumerate(spans.blocks[: spans.place(last - 1)[0] + 1] if last > 0 else ()):
            for inner in _far_reaching(block):
                index = spans.index_in(number, inner)
                if first <= index < last and spans.start_of(index) + block.elements[inner].reach > offset:
                    return index
        return last


def _far_reaching(block: Block[Element]) -> Sequence[int]:
    """Which elements of a block were decided by text behind them."""
    found = block.cache.get("far")
    if found is None:
        found = tuple(index for index, element in enumerate(block.elements) if element.reach > element.length)
        block.cache["far"] = found
    return found  # type: ignore[return-value]


class ElementTable:
    """A table at its place in a text. Cheap to make; the elements and blocks are shared between texts."""

    __slots__ = ("_rows", "key", "start")

    def __init__(self, key: str, rows: Rows, start: int) -> None:
        self.key = key
        self._rows = rows
        # Where the text of the first element starts: right after the opening bracket.
        self.start = start

    @property
    def rows(self) -> Rows:
        """The elements without their place."""
        return self._rows

    @property
    def end(self) -> int:
        """Where the text of the last element ends."""
        return self.start + self._rows.length

    @property
    def blocks(self) -> tuple[Block[Element], ...]:
        """Runs of elements; those no edit touched are the same objects as before it."""
        return self._rows.spans.blocks

    @property
    def count(self) -> int:
        """How many elements there are."""
        return self._rows.spans.count

    def element(self, index: int) -> Element:
        """One element. Raises IndexError."""
        return self._rows.spans[index]

    def start_of(self, index: int) -> int:
        """Offset of the value of an element; its problems count from here. Raises IndexError."""
        element = self._rows.spans[index]
        return self.start + self._rows.spans.start_of(index) + element.lead

    def values(self) -> list[object]:
        """The values of all elements."""
        return [element.value for element in self._rows.spans]

    def index_at(self, offset: int) -> int | None:
        """The element whose text an offset is in; None in an empty table."""
        if not self.count:
            return None
        return self._rows.spans.locate(max(offset - self.start, 0))[0]

    def problems(self) -> list[Problem]:
        """What is wrong in and before the elements, in absolute offsets."""
        found: list[Problem] = []
        start = self.start
        for block in self.blocks:
            for index in _faulty(block):
                element = block.elements[index]
                value_start = start + block.start_of(index) + element.lead
                found.extend(problem.moved(value_start) for problem in element.problems)
            start += block.length
        return found


def _faulty(block: Block[Element]) -> Sequence[int]:
    found = block.cache.get("faulty")
    if found is None:
        found = tuple(index for index, element in enumerate(block.elements) if element.problems)
        block.cache["faulty"] = found
    return found  # type: ignore[return-value]
