"""A persistent sequence of items that have lengths: the lines of a text, the elements of a table."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Block(Generic[Item]):
    """A run of neighbouring items; immutable but for `cache`, where layers above keep what they derived.

    An edit replaces the blocks it touches and shares all others by identity.
    """

    __slots__ = ("_elements", "_starts", "cache", "length")

    def __init__(self, elements: Sequence[Item], lengths: Iterable[int]) -> None:
        self._elements = tuple(elements)
        # Numbers, not objects: a large text has a hundred thousand of them.
        starts = array("I", accumulate(lengths, initial=0))
        self.length = starts.pop()
        self._starts = starts
        self.cache: dict[str, object] = {}

    @property
    def elements(self) -> tuple[Item, ...]:
        """The items; one of them is better asked for by `item`."""
        return self._elements

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self._starts)

    def item(self, index: int) -> Item:
        """One of `elements`."""
        return self._elements[index]

    def start_of(self, index: int) -> int:
        """Where an item starts, counted from the start of the block."""
        return self._starts[index]

    def index_at(self, offset: int) -> int:
        """The last item that starts at or before `offset` (from the start of the block)."""
        return max(bisect_right(self._starts, offset) - 1, 0)


MakeBlock = Callable[[Sequence[Item], Iterable[int]], Block[Item]]


class Spans(Generic[Item]):
    """Items laid end to end. Finding by offset is logarithmic; replacing costs the touched blocks.

    `measure` gives the length of one item and must always give the same answer for the same item;
    `make_block` makes a block of items and their lengths.
    """

    __slots__ = ("_counts", "_make_block", "_measure", "_offsets", "_size", "blocks", "count", "length")

    def __init__(
        self,
        blocks: tuple[Block[Item], ...],
        measure: Callable[[Item], int],
        block_size: int,
        make_block: MakeBlock[Item] = Block,
    ) -> None:
        self.blocks = blocks
        self._measure = measure
        self._size = block_size
        self._make_block = make_block
        counts = list(accumulate((block.count for block in blocks), initial=0))
        offsets = list(accumulate((block.length for block in blocks), initial=0))
        self.count = counts.pop()
        self.length = offsets.pop()
        self._counts = counts
        self._offsets = offsets

    @classmethod
    def of(cls, items: Sequence[Item], measure: Callable[[Item], int], block_size: int = 256) -> Spans[Item]:
        """All `items`, in fresh blocks of `block_size`."""
        return cls(tuple(_blocks(items, measure, block_size, Block)), measure, block_size)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Item:
        block, inner = self.place(index)
        return self.blocks[block].item(inner)

    def __iter__(self) -> Iterator[Item]:
        return chain.from_iterable(block.elements for block in self.blocks)

    def place(self, index: int) -> tuple[int, int]:
        """The block an item is in, and its index there. Raises IndexError."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        block = bisect_right(self._counts, index) - 1
        return block, index - self._counts[block]

    def index_in(self, block: int, inner: int) -> int:
        """The index of an item of a block."""
        return self._counts[block] + inner

    def locate(self, offset: int) -> tuple[int, int]:
        """Index and start of the item that holds `offset`; at or past the end, the last item.

        Raises IndexError where there are no items.
        """
        if not self.count:
            raise IndexError(offset)
        number = max(bisect_right(self._offsets, offset) - 1, 0)
        block = self.blocks[number]
        start = self._offsets[number]
        inner = block.index_at(offset - start)
        return self._counts[number] + inner, start + block.start_of(inner)

    def block_at(self, offset: int) -> tuple[Block[Item], int, int]:
        """The block that holds `offset`, the index of its first item and where it starts, as `locate`."""
        if not self.count:
            raise IndexError(offset)
        number = max(bisect_right(self._offsets, offset) - 1, 0)
        return self.blocks[number], self._counts[number], self._offsets[number]

    def start_of(self, index: int) -> int:
        """Where an item starts; `start_of(count)` is the end of everything."""
        if index == self.count:
            return self.length
        block, inner = self.place(index)
        return self._offsets[block] + self.blocks[block].start_of(inner)

    def items(self, first: int, last: int) -> Iterator[Item]:
        """The items `first` up to and without `last`."""
        if first >= last:
            return
        number, inner = self.place(first)
        left = last - first
        while left > 0 and number < len(self.blocks):
            part = self.blocks[number].elements[inner : inner + left]
            yield from part
            left -= len(part)
            number += 1
            inner = 0

    def replace(self, first: int, last: int, items: Iterable[Item]) -> Spans[Item]:
        """The same sequence with `items` in place of those from `first` up to and without `last`."""
        joint = Joint(self._measure, self._size, self._make_block)
        joint.take(self, 0, first)
        joint.add(items)
        joint.take(self, last, self.count)
        return joint.spans()


class Joint(Generic[Item]):
    """Builds a sequence of parts of others and of new items; whole blocks of the parts are shared."""

    def __init__(
        self,
        measure: Callable[[Item], int],
        block_size: int = 256,
        make_block: MakeBlock[Item] = Block,
    ) -> None:
        self._measure = measure
        self._size = block_size
        self._make_block = make_block
        self._blocks: list[Block[Item]] = []
        self._loose: list[Item] = []

    def add(self, items: Iterable[Item]) -> None:
        """Append new items."""
        self._loose.extend(items)

    def take(self, spans: Spans[Item], first: int, last: int) -> None:
        """Append the items `first` up to and without `last` of another sequence."""
        if first >= last:
            return
        number, inner = spans.place(first)
        end_number, end_inner = spans.place(last - 1)
        blocks = spans.blocks
        if inner == 0 and end_inner + 1 == blocks[end_number].count:
            whole_from, whole_to = number, end_number + 1
        elif number == end_number:
            self._loose.extend(blocks[number].elements[inner : end_inner + 1])
            return
        else:
            whole_from, whole_to = number, end_number + 1
            if inner:
                self._loose.extend(blocks[number].elements[inner:])
                whole_from += 1
            if end_inner + 1 < blocks[end_number].count:
                whole_to -= 1
        if whole_from < whole_to:
            # Few loose items join the next block, so that many small edits do not leave many small blocks.
            if 0 < len(self._loose) < self._size // 4 and not self._blocks:
                self._loose.extend(blocks[whole_from].elements)
                whole_from += 1
            self._settle()
            self._blocks.extend(blocks[whole_from:whole_to])
        if whole_to <= end_number:
            self._loose.extend(blocks[end_number].elements[: end_inner + 1])

    def _settle(self) -> None:
        """Make blocks of the loose items."""
        if not self._loose:
            return
        if len(self._loose) < self._size // 4 and self._blocks:
            self._loose[:0] = self._blocks.pop().elements
        self._blocks.extend(_blocks(self._loose, self._measure, self._size, self._make_block))
        self._loose = []

    def spans(self) -> Spans[Item]:
        """Everything that was appended."""
        self._settle()
        return Spans(tuple(self._blocks), self._measure, self._size, self._make_block)


def _blocks(
    items: Sequence[Item], measure: Callable[[Item], int], size: int, make_block: MakeBlock[Item]
) -> Iterator[Block[Item]]:
    """Cut evenly; a run of up to twice the size stays one block, so that blocks do not flicker."""
    if not items:
        return
    if len(items) <= 2 * size:
        yield make_block(items, map(measure, items))
        return
    for start in range(0, len(items), size):
        part = items[start : start + size]
        yield make_block(part, map(measure, part))
