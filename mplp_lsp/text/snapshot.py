"""Immutable texts with a line index, and positions in the three encodings of LSP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from mplp_lsp.text.lines import lines_of, split_lines, stretch_of, text_of
from mplp_lsp.text.spans import Spans

Encoding = Literal["utf-8", "utf-16", "utf-32"]

# Up to here lines are counted rather than split, while nobody has asked for all of them.
_NEAR = 16_384


class TextSnapshot:
    """A text that never changes. Everything is counted in code points; LSP positions only at the border.

    Lines end at `\\r\\n`, `\\n` and `\\r`. The last line has no end and may be empty.
    """

    __slots__ = ("_lines", "_text", "length")

    def __init__(self, text: str | None, lines: Spans[str] | None, length: int) -> None:
        self._text = text
        self._lines = lines
        self.length = length

    @classmethod
    def of(cls, text: str) -> TextSnapshot:
        """The snapshot of a whole text; lines are found when they are first asked for."""
        return cls(text, None, len(text))

    @property
    def text(self) -> str:
        """The whole text, joined once."""
        if self._text is None:
            self._text = text_of(self.lines.blocks)
        return self._text

    @property
    def lines(self) -> Spans[str]:
        """All lines with their ends; joined they are the text."""
        if self._lines is None:
            self._lines = lines_of(self._text or "")
        return self._lines

    @property
    def line_count(self) -> int:
        """At least 1: an empty text has one empty line."""
        return self.lines.count

    def line(self, number: int) -> str:
        """One line with its end. Raises IndexError for a line that is not there."""
        return self.lines[number]

    def slice(self, start: int, end: int) -> str:
        """The text between two offsets; offsets outside the text are brought to its ends."""
        start = max(0, start)
        end = min(self.length, end)
        if start >= end:
            return ""
        if self._text is not None:
            return self._text[start:end]
        return stretch_of(self.lines, start, end)

    def line_start(self, number: int) -> int:
        """Offset of the first character of a line."""
        return self.lines.start_of(number)

    def position(self, offset: int, encoding: Encoding) -> tuple[int, int]:
        """Line and character of an offset; an offset outside the text counts as the nearest end.

        An offset between `\\r` and `\\n` is shown at the end of that line: LSP has no place between them.
        """
        offset = min(max(offset, 0), self.length)
        known = self._near_the_start(offset) if self._lines is None else None
        if known is not None:
            return known[0], _units(known[1], offset - known[2], encoding)
        number, start = self.lines.locate(offset)
        line = self.lines[number]
        inner = min(offset - start, _content_length(line))
        return number, _units(line, inner, encoding)

    def positions(self, start: int, end: int, encoding: Encoding) -> tuple[tuple[int, int], tuple[int, int]]:
        """The positions of the two ends of a stretch of text."""
        line, character = first = self.position(start, encoding)
        if self._lines is not None:
            content = self.line(line)
            if content.isascii() and 0 <= end - start < len(content) - character - 1:
                # Most stretches are one word, and the end of the line is behind it.
                return first, (line, character + end - start)
        return first, self.position(end, encoding)

    def many_positions(
        self, stretches: Iterable[tuple[int, int]], encoding: Encoding
    ) -> Iterator[tuple[int, int, int, int]]:
        """Line and character of both ends of each stretch; in the order of the text several times as fast."""
        block, first, begin = self.lines.block_at(0)
        for start, end in stretches:
            if not begin <= start < begin + block.length:
                block, first, begin = self.lines.block_at(start)
            inner = block.index_at(start - begin)
            content = block.item(inner)
            line_start = begin + block.start_of(inner)
            last = line_start + len(content) - (2 if content.endswith("\r\n") else 1)
            # Most stretches are one word in a line that goes on, or ends, behind it.
            if line_start <= start <= end <= last and content.isascii():
                line = first + inner
                yield line, start - line_start, line, end - line_start
            else:
                yield *self.position(start, encoding), *self.position(end, encoding)

    def _near_the_start(self, offset: int) -> tuple[int, str, int] | None:
        """Number, text and start of the line around an offset, without looking for all lines.

        None where that would take longer, or where it takes care to tell where lines end.
        """
        text = self._text
        if text is None or offset > _NEAR:
            return None
        stop = text.find("\n", offset, offset + _NEAR)
        if stop < 0 or text.find("\r", 0, stop) >= 0:
            return None
        start = text.rfind("\n", 0, offset) + 1
        return text.count("\n", 0, start), text[start:stop], start

    def offset(self, line: int, character: int, encoding: Encoding) -> int:
        """Offset of an LSP position.

        A character past the end of its line counts as the end of that line, a line past the last one
        as the end of the text (LSP 3.17, "Position"); negative numbers count as 0, and a place inside
        a surrogate pair or a UTF-8 sequence as the start of that character.
        """
        if line < 0:
            return 0
        if line >= self.lines.count:
            return self.length
        text = self.lines[line]
        return self.lines.start_of(line) + _code_points(text, character, encoding)

    def edited(self, start: int, end: int, new_text: str) -> TextSnapshot:
        """The text with `new_text` in place of what stands between two offsets (clamped, put in order)."""
        start, end = sorted((min(max(start, 0), self.length), min(max(end, 0), self.length)))
        lines = self.lines
        first, first_start = lines.locate(start)
        last = lines.locate(end)[0] if end > start else first
        # `\r` and `\n` that come to stand side by side are one line end, so the neighbours are read again.
        if start == first_start and first > 0 and lines[first - 1].endswith("\r"):
            first -= 1
            first_start = lines.start_of(first)
        head = "".join(lines.items(first, last + 1))
        changed = head[: start - first_start] + new_text + head[end - first_start :]
        if changed.endswith("\r") and last + 1 < lines.count and lines[last + 1].startswith("\n"):
            last += 1
            changed += lines[last]
        fresh = split_lines(changed)
        if last + 1 < lines.count and not fresh[-1]:
            fresh.pop()
        length = self.length - (end - start) + len(new_text)
        return TextSnapshot(None, lines.replace(first, last + 1, fresh), length)


def _content_length(line: str) -> int:
    if line.endswith("\r\n"):
        return len(line) - 2
    if line.endswith(("\n", "\r")):
        return len(line) - 1
    return len(line)


def _width(character: str, encoding: Encoding) -> int:
    """Units of one character; a lone surrogate is one unit of UTF-16 and three of UTF-8."""
    code = ord(character)
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 2 if code > 0xFFFF else 1
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def _units(line: str, inner: int, encoding: Encoding) -> int:
    """How many units the first `inner` code points of a line are."""
    if encoding == "utf-32" or line.isascii():
        return inner
    part = line[:inner]
    if encoding == "utf-16":
        return len(part.encode("utf-16-le", "surrogatepass")) // 2
    return len(part.encode("utf-8", "surrogatepass"))


def _code_points(line: str, character: int, encoding: Encoding) -> int:
    """How many code points of a line lie before `character` units, rounded down and clamped to its end."""
    content = _content_length(line)
    if character <= 0:
        return 0
    if encoding == "utf-32" or line.isascii():
        return min(character, content)
    # No character is shorter than one unit, so the rest of the line cannot matter.
    content_text = line[: min(content, character)]
    try:
        if encoding == "utf-16":
            before = content_text.encode("utf-16-le")[: 2 * character].decode("utf-16-le", "ignore")
        else:
            before = content_text.encode("utf-8")[:character].decode("utf-8", "ignore")
    except UnicodeEncodeError:
        return _whole_characters(content_text, character, encoding)
    return len(before)


def _whole_characters(content: str, units: int, encoding: Encoding) -> int:
    """One by one: the codecs would join two lone surrogates that stand side by side."""
    left = units
    for index, character in enumerate(content):
        left -= _width(character, encoding)
        if left < 0:
            return index
    return len(content)
