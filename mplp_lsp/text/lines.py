"""The lines of a text, as places in it: a large text has a hundred thousand, and few are looked at."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from mplp_lsp.text.spans import Block, Spans

BLOCK_SIZE = 256
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Where `str.splitlines` would split and LSP would not (LSP 3.17, "Text Documents").
_OTHER_LINE_ENDS = ("\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
# Much of a text at once, and yet little memory for lines that are measured and dropped again.
_PIECE = 65_536


class LineBlock(Block[str]):
    """A run of lines that are cut out of a text when they are asked for."""

    __slots__ = ("_begin", "_source")

    def __init__(self, source: str, begin: int, lengths: Iterable[int]) -> None:
        super().__init__((), lengths)
        self._source = source
        self._begin = begin

    @classmethod
    def joined(cls, lines: Sequence[str], lengths: Iterable[int]) -> LineBlock:
        """The block of these lines."""
        return cls("".join(lines), 0, lengths)

    @property
    def text(self) -> str:
        """All of the lines."""
        return self._source[self._begin : self._begin + self.length]

    def cut(self, start: int, stop: int) -> str:
        """Part of `text`, counted from its start."""
        return self._source[self._begin + start : self._begin + stop]

    @property
    def elements(self) -> tuple[str, ...]:
        text = self.text
        return tuple([text[start:stop] for start, stop in pairwise([*self._starts, self.length])])

    def item(self, index: int) -> str:
        starts, begin = self._starts, self._begin
        stop = starts[index + 1] if index + 1 < len(starts) else self.length
        return self._source[begin + starts[index] : begin + stop]


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends; the last one has none and may be empty."""
    lines = _LINE.findall(text) if _has_other_ends(text) else text.splitlines(keepends=True)
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def text_of(blocks: Iterable[Block[str]]) -> str:
    """The text that lines make."""
    # Block by block: to copy small pieces is quicker than to ask the system for large ones.
    return "".join(
        [block.text if isinstance(block, LineBlock) else "".join(block.elements) for block in blocks]
    )


def stretch_of(lines: Spans[str], start: int, end: int) -> str:
    """What stands between two offsets of the text that lines make; both lie in it."""
    parts: list[str] = []
    while start < end:
        block, _, begin = lines.block_at(start)
        stop = min(end, begin + block.length)
        if isinstance(block, LineBlock):
            parts.append(block.cut(start - begin, stop - begin))
        else:
            parts.append("".join(block.elements)[start - begin : stop - begin])
        start = stop
    return "".join(parts)


def lines_of(text: str) -> Spans[str]:
    """All lines of a text as `split_lines` has them; joined they are the text."""
    lengths = _lengths(text)
    blocks: list[LineBlock] = []
    begin = 0
    for first in range(0, len(lengths), BLOCK_SIZE):
        block = LineBlock(text, begin, lengths[first : first + BLOCK_SIZE])
        begin += block.length
        blocks.append(block)
    return Spans(tuple(blocks), len, BLOCK_SIZE, LineBlock.joined)


def _lengths(text: str) -> array[int]:
    lengths = array("I")
    if _has_other_ends(text):
        lengths.extend(match.end() - match.start() for match in _LINE.finditer(text))
    else:
        for piece in _pieces(text):
            lengths.extend(map(len, piece.splitlines(keepends=True)))
    if not text or text.endswith(("\n", "\r")):
        lengths.append(0)
    return lengths


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that end where a line ends."""
    start = 0
    while start < len(text):
        stop = text.find("\n", start + _PIECE) + 1 or len(text)
        yield text[start:stop]
        start = stop


def _has_other_ends(text: str) -> bool:
    return any(mark in text for mark in _OTHER_LINE_ENDS)
