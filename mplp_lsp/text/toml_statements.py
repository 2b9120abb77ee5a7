"""Where the statements of a TOML text begin and end, sound or not, by the shape of their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PART = r"(?:[A-Za-z0-9_-]+|\"[^\"\n\r]*\"|'[^'\n\r]*')"
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART}){{0,9}}"
_BARE = r"(?![0-9.]+\]|(?:true|false|inf|nan)\])[A-Za-z0-9_-]+"
PAIR_START = re.compile(rf"[ \t]*{_KEY}[ \t]*=")
_HEADER = re.compile(
    rf"[ \t]*\[\[?[ \t]*{_BARE}(?:[ \t]*\.[ \t]*{_PART})*[ \t]*\]\]?[ \t]*(?:#[^\n]*)?(?=[\r\n]|\Z)"
)
_LONGEST_INDENT = 200
_QUOTED = re.compile(r"[ \t]*[\"']")
_SILENT = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\r?\n|\r?\Z)")
_OPENED_BLOCK = re.compile(r"[^\"'#\n]*=[ \t]*\{[ \t]*\r?\n")
# A text over several lines whose first quotes are one too few.
_HALF_OPENED = re.compile(r"[^\"'#\n=]*=[ \t]*(\"\"|'')(?!\"|')[ \t]*\r?\n")
_TOKEN = re.compile(
    r"\"\"\"|'''|\"(?:[^\"\\\n]|\\[^\n])*(?:\"|\\?(?=\n|\Z))|'[^'\n]*'?|#[^\n]*|[][{}\n]|[^][{}\n\"'#]+"
)


def is_start(text: str, offset: int) -> bool:
    """Whether the line at an offset begins as a pair or is the header of a table."""
    return bool(PAIR_START.match(text, offset) or _HEADER.match(text, offset))


def _is_start_in_list(text: str, offset: int) -> bool:
    """The same where a list is open: what begins with quotes is one of its entries."""
    return is_start(text, offset) and not _QUOTED.match(text, offset)


def is_silent(text: str, offset: int) -> bool:
    """Whether a line has nothing but blanks and a comment."""
    return bool(_SILENT.match(text, offset))


def line_end(text: str, offset: int) -> int:
    """Where the line of an offset ends, before its `\\n`."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def statements(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each header and each pair, with its comment, without blanks around.

    A list or a text that is not closed ends where the next line begins as a statement of its own.
    """
    offset = 0
    while offset < len(text):
        if is_silent(text, offset):
            offset = line_end(text, offset) + 1
            continue
        end = _end_of_statement(text, offset)
        inner = text[offset:end]
        start = offset + len(inner) - len(inner.lstrip(" \t"))
        yield start, max(offset + len(inner.rstrip()), start + 1)
        offset = line_end(text, end) + 1


def _end_of_statement(text: str, start: int) -> int:
    if text[start : start + _LONGEST_INDENT].lstrip(" \t").startswith("["):
        return line_end(text, start)
    block = _OPENED_BLOCK.match(text, start)
    if block:
        end = _end_of_block(text, start)
        if end is not None:
            return end
    half = _HALF_OPENED.match(text, start)
    if half and not is_silent(text, half.end()) and not is_start(text, half.end()):
        closing = text.find(half[1] + half[1][0], half.end())
        if closing >= 0 and not _next_start(text, half.end(), closing):
            return line_end(text, closing)
    return _end_of_value(text, start)


def _end_of_block(text: str, start: int) -> int | None:
    """The end of an inline table over several lines, which TOML has not; None where it is never closed."""
    depth, offset = 0, start
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None or (match[0] == "\n" and _HEADER.match(text, match.end())):
            return None
        offset = match.end()
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if not depth and match[0] in "]}":
            return line_end(text, offset)
    return None


def _end_of_value(text: str, start: int) -> int:
    depth, offset = 0, start
    last = start
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            return line_end(text, offset)
        sign, offset = match[0], match.end()
        if sign in ('"""', "'''"):
            closing = _closing(text, offset, sign)
            if closing is None:
                return _next_start(text, offset, len(text)) or len(text.rstrip())
            offset = closing
        elif sign == "\n":
            if depth <= 0 or _is_start_in_list(text, offset):
                return line_end(text, last) if depth > 0 else match.start()
        else:
            depth = max(depth + {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign, 0), 0)
        if sign.strip() and (depth <= 0 or not sign.startswith("#")):
            last = offset
    return line_end(text, last) if depth > 0 else len(text)


def _closing(text: str, offset: int, quotes: str) -> int | None:
    """Behind the quotes that close a text over several lines; up to two of its own may stand before them."""
    while True:
        found = text.find(quotes, offset)
        if found < 0:
            return None
        slashes = len(text[offset:found]) - len(text[offset:found].rstrip("\\"))
        if quotes == '"""' and slashes % 2:
            offset = found + 1
            continue
        end = found + 3
        while end < found + 5 and text[end : end + 1] == quotes[0]:
            end += 1
        return end


def _next_start(text: str, offset: int, stop: int) -> int | None:
    """The end of the line before the next one that begins as a statement."""
    while True:
        end = text.find("\n", offset, stop)
        if end < 0:
            return None
        if is_start(text, end + 1):
            return end
        offset = end + 1
