"""One character too many, too few or wrong: found by trying which single one makes the text sound again.

Reading on over a fault guesses from left to right; where that leaves several problems, or a bracket that
nothing explains, one slip of the hand may still explain everything. The search knows only the text near the
place where strict reading stops, so that its answer follows from a bounded piece of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple

from mplp_lsp.text.json_gaps import repair_data
from mplp_lsp.text.json_lexer import real_number, whole_number
from mplp_lsp.text.json_scan import plain_scanner
from mplp_lsp.text.problems import Problem

# How much text behind the fault must hold the end of what is being repaired, and how much may stand before.
AHEAD = 4_096
BEHIND = 16_384
# How far before the place where strict reading stops the slip may be.
_NEAR = 200
# An escape that a quote cuts short is found wanting at its backslash.
_BEYOND = 6
_SIGNS = '"{}[],:'
_ALL_SIGNS = _SIGNS + "\\"
_BLANKS = " \t\r\n"
_VALUE_STARTS = frozenset('"{[-0123456789tfn')
_VALUE_ENDS = frozenset('"}]0123456789el')


class Slip(NamedTuple):
    """What stands from `start` to `end` should be `new_text`; one character on either side at most."""

    start: int
    end: int
    new_text: str

    def mend(self, text: str) -> str:
        """The text as it was meant."""
        return text[: self.start] + self.new_text + text[self.end :]

    def back(self, offset: int) -> int:
        """The place in the text as it is of an offset in the text as it was meant."""
        if offset <= self.start:
            return offset
        return max(offset - len(self.new_text) + self.end - self.start, self.start)

    def start_back(self, offset: int) -> int:
        """The same for something that starts there."""
        if offset < self.start + len(self.new_text):
            return offset
        return offset - len(self.new_text) + self.end - self.start

    def start_meant(self, offset: int) -> int:
        """Where something that starts at an offset of the text as it is starts in that as it was meant."""
        return offset if offset < self.end else offset + len(self.new_text) - (self.end - self.start)

    def undone(self, meant: str, wrong: str) -> str:
        """The text as it is, of the text as it was meant and of what stands at the slip."""
        return meant[: self.start] + wrong + meant[self.start + len(self.new_text) :]

    def in_text(self, problem: Problem) -> Problem:
        """A problem of the text as it was meant, in the text as it is."""
        start = self.start_back(problem.start)
        data = {
            key: (self.start_back(value) if key.endswith("_start") else self.back(value))
            if isinstance(value, int) and key.endswith(("_start", "_end"))
            else value
            for key, value in problem.data.items()
        }
        return problem._replace(start=start, end=max(self.back(problem.end), start), data=data)

    def moved(self, distance: int) -> Slip:
        """The same, counted from somewhere else."""
        return Slip(self.start + distance, self.end + distance, self.new_text)


_scan = plain_scanner(real_number, whole_number)


def scanned(text: str, at: int) -> tuple[object, int, int]:
    """Value and end of the sound value at `at`; else an end of -1. Last the place where reading stopped."""
    try:
        value, stop = _scan(text, at)
    except StopIteration as nothing:
        return None, -1, int(nothing.value)
    except RecursionError:
        return None, -1, len(text)
    except JSONDecodeError as fault:
        # A string without its end is read to the end of the text.
        return None, -1, len(text) if fault.msg.startswith("Unterm") else fault.pos
    except ValueError:
        return None, -1, at
    return value, stop, stop


def has_duplicates(text: str, at: int) -> bool:
    """Whether an object of the sound value at `at` has a key twice."""
    found: list[bool] = []

    def whole(pairs: list[tuple[str, object]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            found.append(True)

    JSONDecoder(object_pairs_hook=whole, parse_int=whole_number).raw_decode(text, at)
    return bool(found)


def past_blanks(text: str, at: int) -> int:
    """Where the next sign stands."""
    end = len(text)
    while at < end and text[at] in _BLANKS:
        at += 1
    return at


def char_at(text: str, at: int) -> str:
    """The character there; empty at the end."""
    return text[at] if at < len(text) else ""


def slips(text: str, low: int, fault: int) -> Iterator[Slip]:
    """What may have slipped between two places, likeliest first: near `fault`, and signs rather than gaps."""
    end = min(fault + 1, len(text))
    for at in (*range(end, low - 1, -1), *range(end + 1, min(end + _BEYOND, len(text)))):
        char = char_at(text, at)
        if char and char in "()":
            for sign in "[]{}":
                yield Slip(at, at + 1, sign)
        if char and char in _ALL_SIGNS:
            yield Slip(at, at + 1, "")
            for sign in _SIGNS:
                if sign != char:
                    yield Slip(at, at + 1, sign)
        yield from _insertions(text, at, char)


def _insertions(text: str, at: int, char: str) -> Iterator[Slip]:
    before = text[at - 1] if at else ""
    if char in _BLANKS and before in _BLANKS:
        return
    left, right = before, char
    if before and before in _BLANKS:
        left = text[:at].rstrip(_BLANKS)[-1:]
    if char and char in _BLANKS:
        right = char_at(text, past_blanks(text, at))
    # Right behind what it follows, for the blanks before an entry belong to that entry.
    if before in _VALUE_ENDS and right in _VALUE_STARTS:
        yield Slip(at, at, ",")
    if left == '"' and right in _VALUE_STARTS:
        yield Slip(at, at, ":")
    if right in _VALUE_STARTS and left in ":[,":
        yield Slip(at, at, "[")
        if right == '"':
            yield Slip(at, at, "{")
    if (left in _VALUE_ENDS or left in "{[") and right in ",}]" and char not in _BLANKS:
        yield Slip(at, at, "}")
        yield Slip(at, at, "]")
    if not (before.isalnum() and char.isalnum()):
        yield Slip(at, at, '"')


def doubts(slip: Slip, meant: str) -> int:
    """What speaks against a slip: signs of the structure in the string it touches or makes."""
    for match in _TOKENS.finditer(meant):
        if match.end() < slip.start:
            continue
        if match.start() > slip.start + 1:
            break
        word = match.group()
        if len(word) > 2 and word[0] == '"':
            is_key = char_at(meant, past_blanks(meant, match.end())) == ":"
            if (is_key and _SIGN.search(word, 1, len(word) - 1)) or _STRUCTURE.search(word):
                return 1
    return 0


def window_start(text: str, fault: int) -> int:
    """From where on the slip may be: the line before that of the last sign before the fault."""
    last = len(text[:fault].rstrip(_BLANKS))
    line = max(text.rfind("\n", 0, last), text.rfind("\r", 0, last))
    above = len(text[: max(line, 0)].rstrip(_BLANKS))
    line = max(text.rfind("\n", 0, above), text.rfind("\r", 0, above), 0)
    return max(line, fault - _NEAR, 0)


# What a slip is called


def problem_of(slip: Slip, text: str) -> Problem:
    """How a slip in `text` is told: what it is, where it shows, and what would repair it."""
    code, message, start, end = _told(slip, text)
    data = {"expected": slip.new_text, **repair_data(*slip)}
    return Problem(code, message, start, end, data)


def _told(slip: Slip, text: str) -> tuple[str, str, int, int]:
    """Code, sentence and range."""
    wrong, right = text[slip.start : slip.end], slip.new_text
    if wrong and right:
        return "json-syntax", f"`{right}` expected here, not `{wrong}`.", slip.start, slip.end
    if wrong:
        return *_EXTRA[wrong], slip.start, slip.end
    meant = slip.mend(text)
    if right == '"':
        return _quote_missing(slip, meant)
    if right in "}]":
        opener = _opener_of(meant, slip.start)
        return "json-bracket-unclosed", f"This `{meant[opener]}` is never closed.", opener, opener + 1
    if right == ":":
        return "json-syntax", "Colon expected after this key.", *_string_before(meant, slip.start)
    start = past_blanks(text, slip.start)
    match = _TOKEN.match(text, start)
    stop = max(match.end() if match else start, min(start + 1, len(text)))
    is_key = char_at(text, start) == '"' and char_at(text, past_blanks(text, stop)) == ":"
    what = "key" if is_key else "value"
    if right == ",":
        return "json-comma-missing", f"Comma expected before this {what}.", start, stop
    return "json-syntax", f"`{right}` expected before this {what}.", start, stop


_EXTRA = {
    '"': ("json-syntax", "This quote is one too many."),
    ",": ("json-syntax", "This comma is one too many."),
    ":": ("json-syntax", "This colon is one too many."),
    "\\": ("json-syntax", "This does not belong here."),
    **{sign: ("json-bracket-extra", f"This `{sign}` opens nothing.") for sign in "{["},
    **{sign: ("json-bracket-extra", f"This `{sign}` closes nothing.") for sign in "}]"},
}
_SIGN = re.compile(r"[{}\[\],:]")
_STRUCTURE = re.compile(r'[}\]] ?,|: ?[{\[]|^"[,:}\]]|[,:{\[] ?"$|[{\[,] *\\"|\\": ')
_TOKEN = re.compile(r'"(?:[^"\\\r\n]|\\.)*"|[^\s{}\[\]:,"]+|.')
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


def _quote_missing(slip: Slip, meant: str) -> tuple[str, str, int, int]:
    start, stop = slip.start, slip.start + 1
    for match in _TOKENS.finditer(meant):
        if match.end() > slip.start:
            start, stop = match.span()
            break
    what = "key" if char_at(meant, past_blanks(meant, stop)) == ":" else "string"
    if start == slip.start:
        message = f"This {what} has no opening quote."
        return "json-string-unterminated", message, start, max(stop - 1, start + 1)
    message = f"This {what} has no closing quote."
    return "json-string-unterminated", message, start, max(slip.start, start + 1)


def _opener_of(meant: str, closer: int) -> int:
    """Where the bracket opens that the one at `closer` closes."""
    stack = [0]
    for match in _TOKENS.finditer(meant):
        if match.start() >= closer:
            break
        if match.group() in "{[":
            stack.append(match.start())
        elif match.group() in "}]" and len(stack) > 1:
            stack.pop()
    return stack[-1]


def _string_before(meant: str, at: int) -> tuple[int, int]:
    """The range of the last string that ends at or before a place."""
    found = (max(at - 1, 0), at)
    for match in _TOKENS.finditer(meant):
        if match.start() >= at:
            break
        if match.group() not in "{}[]":
            found = match.span()
    return found
