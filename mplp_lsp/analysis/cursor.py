"""What stands at an offset of a JSON text, sound or half typed: which key or value is being written there.

The tolerant tree says where everything stands that is there; an author who asks for help is mostly at a
place where something is not there yet. So the text from the start of the element up to the cursor is read
once more, token by token, with a stack of what is open; what follows the cursor is looked at a little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mplp_lsp.text.tree import Tree
from mplp_runtime.rules.findings import Pointer

Role = Literal["key", "value"]
_LastSeen = Literal["open", "key", "colon", "value", "comma"]

_LOOK_AHEAD = 16_384
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n\ufeff]+|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))"
    r'|(?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*(?P<closed>")?)'
    r"|(?P<mark>[{}\[\],:])"
    r'|(?P<word>[^\s{}\[\],:"\ufeff]+|.)',
    re.DOTALL,
)
# At the end of a line without a closing quote, brackets and a comma belong to the structure.
_TAIL = re.compile(r"[ \t]*[\]}]*[ \t]*,?[ \t]*\Z")
# A string that ends with these and is glued to a word has taken the opening quote of the next string.
_SWALLOWED = re.compile(r"[ \t]*[\]}]*[ \t]*(?:,[ \t]*|[\]}][ \t]*)\Z")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The key or value that is written at an offset, and what a text put there has to bring along.

    `pointer` is the place of the value, or of the object whose key it is. `start` and `end` enclose what is
    typed already, quotes included; `written` is that without quotes, `typed` the part of it before the
    cursor. `keys` are the other keys of the object (for a value: of the object around it). A key that
    `has_value` stands before a colon. `comma_before` says where a comma is missing in front, `comma_after`
    whether one is needed behind. `opened` is right behind the bracket of what is around, `is_alone` whether
    nothing else stands in it.
    """

    role: Role
    pointer: Pointer
    start: int
    end: int
    typed: str = ""
    written: str = ""
    is_quoted: bool = False
    keys: frozenset[str] = frozenset()
    has_value: bool = False
    comma_before: int | None = None
    comma_after: bool = False
    opened: int = 0
    is_alone: bool = False


@dataclass(slots=True)
class _Frame:
    """An open object or list, and what stood last in it."""

    is_object: bool
    opened: int
    seen: _LastSeen = "open"
    key: str = ""
    index: int = 0
    keys: list[str] = field(default_factory=list)

    @property
    def part(self) -> str | int:
        return self.key if self.is_object else self.index


class _Token(NamedTuple):
    kind: Literal["blank", "string", "mark", "word"]
    start: int
    end: int
    is_closed: bool


def cursor_at(tree: Tree, offset: int) -> Cursor | None:
    """What is written at an offset; None inside comments and wherever nothing can be put in.

    Costs as much as the text of one element, or of what stands around the elements.
    """
    offset = min(max(offset, 0), tree.text.length)
    return _Look(tree, offset).cursor()


class _Look:
    """One look at one offset: reads up to the cursor, then a little further."""

    def __init__(self, tree: Tree, offset: int) -> None:
        self.tree = tree
        self.offset = offset
        self.frames: list[_Frame] = []
        self.has_root = False
        self.last_end = -1
        """Where the last thing before the cursor that is no blank ends; -1 at the start of the document."""

    def cursor(self) -> Cursor | None:
        """See `cursor_at`."""
        for begin, stop in self._pieces():
            text = self.tree.text.slice(begin, min(stop, self.offset + _LOOK_AHEAD))
            for token in _tokens(text, begin):
                if token.start >= self.offset and not (token.start == self.offset and self._is_value(token)):
                    return self._between()
                if self._is_at_cursor(token):
                    return None if token.kind == "blank" else self._on(token)
                if token.end > self.offset:
                    return self._between()
                self._read(token, text[token.start - begin : token.end - begin])
        return self._between()

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """The stretches to read: from the start of an element, or around the tables before the cursor."""
        at = 0
        for table in sorted(self.tree.tables.values(), key=lambda each: each.start):
            if self.offset < table.start:
                break
            is_near = self.offset - table.end < _LOOK_AHEAD
            is_inside = is_near and not self.tree.text.slice(table.end, self.offset).strip()
            if is_inside and table.count:
                # Blanks behind the last element belong to it as long as nothing has ended it.
                index = table.index_at(min(self.offset, table.end))
                if index is None:
                    break
                start = table.start + table.rows.spans.start_of(index)
                if start == self.offset and index:
                    # Between two elements the one that ends here knows whether a comma is there.
                    index -= 1
                    start = table.start + table.rows.spans.start_of(index)
                self.frames = [_Frame(True, 0, "colon", table.key), _Frame(False, table.start)]
                has_comma = index and self.tree.text.slice(start - 1, start) == ","
                self.frames[-1].index = index if has_comma or not index else index - 1
                self.frames[-1].seen = ("comma" if has_comma else "value") if index else "open"
                self.has_root = True
                self.last_end = start
                yield start, self.tree.text.length
                return
            if not table.count:
                continue
            yield at, table.start
            if len(self.frames) == 2 and not self.frames[-1].is_object:
                frame, last = self.frames[-1], table.element(table.count - 1)
                text = self.tree.text.slice(table.end - last.length + last.lead + last.size, table.end)
                frame.seen = "comma" if "," in text else "value"
                frame.index = table.count if frame.seen == "comma" else table.count - 1
                self.last_end = table.end - len(text) + len(text.rstrip(" \t\r\n"))
            at = table.end
        yield at, self.tree.text.length

    # Up to the cursor

    def _is_value(self, token: _Token) -> bool:
        """Whether the cursor right before this token means the token: a value behind its colon does."""
        behind_colon = bool(self.frames) and self.frames[-1].is_object and self.frames[-1].seen == "colon"
        return behind_colon and token.kind in ("string", "word")

    def _is_at_cursor(self, token: _Token) -> bool:
        if token.kind == "blank":
            comment = token.end - token.start > 1 and self._starts_comment(token)
            return comment and token.start < self.offset <= token.end
        if token.kind == "mark":
            return False
        if token.start == self.offset:
            return self._is_value(token)
        is_open_end = token.kind == "word" or not token.is_closed
        return token.start < self.offset < token.end or (is_open_end and self.offset == token.end)

    def _starts_comment(self, token: _Token) -> bool:
        return self.tree.text.slice(token.start, token.start + 1) == "/"

    def _read(self, token: _Token, text: str) -> None:
        if token.kind == "blank":
            return
        frame = self.frames[-1] if self.frames else None
        if token.kind == "mark":
            self._read_mark(text, token.end, frame)
        elif frame is None:
            self.has_root = True
        elif frame.is_object and frame.seen in ("open", "comma", "value"):
            frame.key = text.strip('"')
            frame.keys.append(frame.key)
            frame.seen = "key"
        else:
            frame.seen = "value"
        self.last_end = token.end

    def _read_mark(self, mark: str, end: int, frame: _Frame | None) -> None:
        if mark in "{[":
            if frame is not None and frame.is_object and frame.seen not in ("key", "colon"):
                frame.key = ""
            self.has_root = True
            self.frames.append(_Frame(mark == "{", end))
        elif mark in "}]":
            matching = [number for number, each in enumerate(self.frames) if each.is_object is (mark == "}")]
            if matching:
                del self.frames[matching[-1] :]
                if self.frames:
                    self.frames[-1].seen = "value"
        elif frame is not None and mark == ",":
            if not frame.is_object:
                frame.index += 1
            frame.seen = "comma"
        elif frame is not None and frame.is_object:
            frame.seen = "colon"

    # At the cursor

    @property
    def _pointer(self) -> Pointer:
        return tuple(frame.part for frame in self.frames[:-1])

    def _on(self, token: _Token) -> Cursor | None:
        """The cursor stands in or at the end of a string or a word."""
        quoted = token.kind == "string"
        end = token.end
        if quoted and not token.is_closed:
            end = max(end, self.offset)
        first = token.start + int(quoted)
        typed = self.tree.text.slice(first, self.offset)
        written = self.tree.text.slice(first, end - int(quoted and token.is_closed))
        return self._made(token.start, end, typed, written, quoted=quoted)

    def _between(self) -> Cursor | None:
        """The cursor stands in blank space; a value that follows its colon is what would be replaced."""
        if not self.frames:
            is_empty = not self.has_root and self._following(self.offset) is None
            return self._made(self.offset, self.offset, "", "", quoted=False) if is_empty else None
        frame = self.frames[-1]
        if frame.seen == "value" or (frame.is_object and frame.seen == "key"):
            is_new_line = "\n" in (gap := self.tree.text.slice(self.last_end, self.offset)) or "\r" in gap
            if frame.seen == "key" or not is_new_line:
                return None
        if frame.is_object and frame.seen == "colon":
            follows = self._following(self.offset)
            if follows is not None and follows.kind in ("string", "word") and not self._is_key(follows):
                gap = self.tree.text.slice(self.offset, follows.start)
                if "\n" not in gap and "\r" not in gap:
                    return self._made(self.offset, follows.end, "", "", quoted=False)
            if follows is not None and self.tree.text.slice(follows.start, follows.end) in ("{", "["):
                return None
        return self._made(self.offset, self.offset, "", "", quoted=False)

    def _made(self, start: int, end: int, typed: str, written: str, *, quoted: bool) -> Cursor | None:
        if not self.frames:
            return None if self.has_root else Cursor("value", (), start, end, typed, written, quoted)
        frame = self.frames[-1]
        follows = self._following(end)
        mark = "" if follows is None else self.tree.text.slice(follows.start, follows.start + 1)
        is_key = frame.is_object and frame.seen in ("open", "comma", "value")
        if frame.is_object and frame.seen == "key":
            return None
        is_alone = frame.seen == "open" and mark in ("}" if frame.is_object else "]") and bool(mark)
        keys = self._keys(frame, written if is_key else frame.key, end)
        has_value = is_key and mark == ":"
        # Behind a member only a key calls for a comma; a bracket there means that one is not closed.
        next_ones = ("string", "word") if frame.is_object else ("string", "word", "mark")
        follows_more = follows is not None and follows.kind in next_ones and mark not in (",", "}", "]", ":")
        pointer = self._pointer if is_key else (*self._pointer, self._index(frame))
        return Cursor(
            "key" if is_key else "value",
            pointer,
            start,
            end,
            typed,
            written,
            quoted,
            keys,
            has_value,
            self.last_end if frame.seen == "value" else None,
            not has_value and follows_more,
            frame.opened,
            is_alone,
        )

    def _index(self, frame: _Frame) -> str | int:
        if frame.is_object:
            return frame.key
        return frame.index + 1 if frame.seen == "value" else frame.index

    # Behind the cursor

    def _following(self, offset: int) -> _Token | None:
        """The first thing behind an offset that is no blank."""
        text = self.tree.text.slice(offset, offset + _LOOK_AHEAD)
        return next((token for token in _tokens(text, offset) if token.kind != "blank"), None)

    def _is_key(self, token: _Token) -> bool:
        follows = self._following(token.end)
        return follows is not None and self.tree.text.slice(follows.start, follows.end) == ":"

    def _keys(self, frame: _Frame, own: str, end: int) -> frozenset[str]:
        """Keys of the object, the one at the cursor left out."""
        if not frame.is_object:
            return frozenset()
        before = frame.keys[:-1] if frame.seen in ("key", "colon") else frame.keys
        header = self.tree.header
        if len(self.frames) == 1 and isinstance(header, dict):
            return frozenset(before) | (header.keys() - {own})
        return frozenset(before) | frozenset(self._later_keys(end))

    def _later_keys(self, end: int) -> Iterator[str]:
        """Keys of the same object behind what is written at the cursor."""
        text = self.tree.text.slice(end, end + _LOOK_AHEAD)
        depth = 0
        latest = ""
        for token in _tokens(text, end):
            if token.kind == "string" and not depth:
                latest = text[token.start - end : token.end - end].strip('"')
            if token.kind != "mark":
                continue
            mark = text[token.start - end]
            if mark in "{[":
                depth += 1
            elif mark in "}]":
                depth -= 1
                if depth < 0:
                    return
            elif mark == ":" and not depth and latest:
                yield latest
            latest = ""


def _tokens(text: str, base: int) -> Iterator[_Token]:
    """The tokens of a piece of text, at their offsets in the document."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return
        kind = match.lastgroup if match.lastgroup != "closed" else "string"
        end = match.end()
        is_closed = match["closed"] is not None
        if kind == "string":
            inner = match.start() + 1
            if not is_closed:
                tail = _TAIL.search(text, inner, end)
                end = tail.start() if tail else end
            elif end < len(text) and (text[end].isalnum() or text[end] == "_"):
                swallowed = _SWALLOWED.search(text, inner, end - 1)
                if swallowed:
                    end, is_closed = swallowed.start(), False
        yield _Token(kind, base + match.start(), base + end, is_closed)  # type: ignore[arg-type]
        at = max(end, at + 1)
