"""What follows from each block of a table, worked out again only for the blocks that an edit touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from mplp_lsp.text.elements import Element
from mplp_lsp.text.spans import Block

T = TypeVar("T")
Blocks = tuple[Block[Element], ...]


class BlockResults(NamedTuple):
    """One result per block, and which blocks they belong to."""

    blocks: Blocks
    results: list[object]


class BlockWindow(NamedTuple):
    """The blocks from `first` to before `old_stop` became those from `first` to before `new_stop`."""

    first: int
    old_stop: int
    new_stop: int


def changed_blocks(old: Blocks, new: Blocks) -> BlockWindow:
    """Which blocks differ; blocks that no edit touched are the same objects."""
    first = 0
    for one, other in zip(old, new, strict=False):
        if one is not other:
            break
        first += 1
    old_stop, new_stop = len(old), len(new)
    while old_stop > first and new_stop > first and old[old_stop - 1] is new[new_stop - 1]:
        old_stop -= 1
        new_stop -= 1
    return BlockWindow(first, old_stop, new_stop)


def by_block(
    lineage: dict[str, object], name: str, blocks: Blocks, of_block: Callable[[Block[Element]], T]
) -> list[T]:
    """What `of_block` gives for each block, in order; not to be changed by the caller.

    `lineage` is the document's. `of_block` must follow from the block alone (and from `name`).
    """
    known = lineage.get(name)
    results: list[T]
    if isinstance(known, BlockResults):
        earlier: list[T] = known.results  # type: ignore[assignment]
        if known.blocks is blocks:
            return earlier
        first, old_stop, new_stop = changed_blocks(known.blocks, blocks)
        results = [*earlier[:first], *map(of_block, blocks[first:new_stop]), *earlier[old_stop:]]
    else:
        results = list(map(of_block, blocks))
    lineage[name] = BlockResults(blocks, results)  # type: ignore[arg-type]
    return results
