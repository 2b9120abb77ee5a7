"""The scalars of JSON and of what people type instead: strings, numbers, words.

The gaps between them are `json_gaps`', the structure around them is `json_reader`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]
from math import copysign, isfinite
from sys import float_info
from typing import NamedTuple

from mplp_lsp.text.json_gaps import WORD, GapLexer, repair_data
from mplp_runtime.rules.findings import Severity

_PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]+')
_HEX4 = re.compile(r"[0-9A-Fa-f]{4}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9A-Fa-f]+)")
_WORDS = re.compile(r'[^\r\n,:\[\]{}"]{1,400}')
_QUOTE_MISSING = re.compile(r'([^"\\\r\n]{0,400})"(?=[ \t]*(?:[,:\]}\r\n]|\Z))')
_REST_WITH_QUOTE = re.compile(r'[^\r\n]{0,400}"(?=[ \t]*[,\]}]*[ \t]*(?:[\r\n]|\Z))')
_TAIL = re.compile(r"[ \t]*[\]}]*[ \t]*,?[ \t]*\Z")
_SWALLOWED = re.compile(r"[ \t]*[\]}]*[ \t]*(?:,[ \t]*|[\]}][ \t]*)\Z")
# How far `_REST_IN_LINES` looks at most.
REST_LIMIT = 430
_REST_IN_LINES = re.compile(r'(\r\n?|\n)[^"\\{}\[\]]{0,400}"(?=[ \t]{0,20}(?:[,}\]]|[\r\n]|\Z))')
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,20})?)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?(?![0-9A-Za-z:.\-\"])"
)
_ELLIPSIS = re.compile(r'(\.{2,5}|…|```\w{0,20})(?=[\s,\]}"{]|\Z)[ \t\r\n]{0,200}((?:,[ \t]{0,20})?)')
FENCE = "A Markdown fence is no part of the document."
TEXT_BARE = "Text stands in double quotes."
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: Mapping[str, object] = {"true": True, "false": False, "null": None}
LITERALS_ELSEWHERE: Mapping[str, str] = {
    "True": "true",
    "TRUE": "true",
    "yes": "true",
    "False": "false",
    "FALSE": "false",
    "no": "false",
    "None": "null",
    "NULL": "null",
    "Null": "null",
    "nil": "null",
    "undefined": "null",
}
_CONSTANTS = frozenset({"NaN", "Infinity", "+Infinity", "-Infinity", "-NaN", "+NaN", "Inf", "-Inf"})
DIGITS_LIMIT = 4300  # CPython refuses longer integers (CVE-2020-10735).


class Token(NamedTuple):
    """A scalar: its value and where it ends. `is_quiet`: a separator lost with it is not a second fault."""

    value: object
    stop: int
    is_quiet: bool = False


def whole_number(digits: str) -> int | float:
    """The value of an integer; the largest finite float where it has more digits than Python reads."""
    return (
        int(digits)
        if len(digits) <= DIGITS_LIMIT
        else copysign(float_info.max, -1 if digits[0] == "-" else 1)
    )


def real_number(digits: str) -> float:
    """The value of a number with a fraction or an exponent, never infinite."""
    value = float(digits)
    return value if isfinite(value) else copysign(float_info.max, value)


class Lexer(GapLexer):
    """Reads the tokens of a text."""

    def scalar(self, offset: int, *, is_of_member: bool = False) -> Token | None:
        """Read the string, number or word that starts here; None where there is none of them.

        `is_of_member`: it is what a key has, so that taking it out would leave nothing.
        """
        char = self.char(offset)
        if char == '"':
            return self.string(offset)
        if char == "'":
            return self._single_quoted(offset)
        if not char or char in "{}[],:":
            return None
        if char in "-+.0123456789":
            token = self._number(offset)
            if token is not None:
                return token
        return self._word(offset, is_of_member=is_of_member)

    def string(self, offset: int, *, is_key: bool = False) -> Token:
        """Read a string in double quotes, with or without its closing quote."""
        try:
            value, stop = scanstring(self.text, offset + 1, True)
        except ValueError:
            return self._loose_string(offset, is_key=is_key)
        self.note(stop + 1)
        if not value.isascii() and _SURROGATE.search(value):
            return self._loose_string(offset, is_key=is_key)
        if not is_key and stop < self.length and _glued(self.text[stop]):
            return self._run_together(offset, stop, value)
        return Token(value, stop)

    def string_at(self, offset: int) -> str | None:
        """The sound string that starts here; None where there is none."""
        try:
            value, stop = scanstring(self.text, offset + 1, True)
        except ValueError:
            self.line_end(offset)
            return None
        self.note(stop + 1)
        return str(value)

    def _loose_string(self, offset: int, *, is_key: bool) -> Token:
        """Character by character, where the C scanner has something against it or surrogates stand alone."""
        text = self.text
        at = offset + 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(text, at)
            if match:
                parts.append(match.group())
                at = match.end()
            self.note(at + 1)
            char = text[at] if at < self.length else "\n"
            if char == '"':
                return Token("".join(parts), at + 1)
            if char in "\r\n":
                broken = None if is_key else self._broken_over_lines(at)
                return (
                    broken._replace(value="".join(parts) + str(broken.value))
                    if broken
                    else (self._unterminated(offset, at))
                )
            if char == "\\":
                piece, at = self._escape(at)
                parts.append(piece)
            elif char < " ":
                stop = at + 1
                while stop < self.length and text[stop] < " " and text[stop] not in "\r\n":
                    stop += 1
                self.note(stop + 1)
                what = "A tab" if text[at:stop].strip("\t") == "" else "A control character"
                self.add("json-string-control", f"{what} must be written as an escape in a string.", at, stop)
                parts.append(text[at:stop])
                at = stop
            else:
                self._lone_surrogate(at, at + 1)
                parts.append(char)
                at += 1

    def _escape(self, at: int) -> tuple[str, int]:
        """The character an escape stands for, and where it ends; `at` is the backslash."""
        text = self.text
        char = self.char(at + 1)
        if char in _ESCAPES and char:
            return _ESCAPES[char], at + 2
        if char == "u":
            self.note(at + 13)
            match = _HEX4.match(text, at + 2)
            if match is None:
                stop = at + 2
                while stop < min(self.length, at + 6) and text[stop] in "0123456789abcdefABCDEF":
                    stop += 1
                self.add("json-escape-invalid", "Four hexadecimal digits expected after `\\u`.", at, stop)
                return text[at + 2 : stop], stop
            code = int(match.group(), 16)
            if 0xD800 <= code < 0xDC00 and text.startswith("\\u", at + 6):
                low = _HEX4.match(text, at + 8)
                if low and 0xDC00 <= int(low.group(), 16) < 0xE000:
                    return chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(), 16) - 0xDC00), at + 12
            if 0xD800 <= code < 0xE000:
                self._lone_surrogate(at, at + 6)
            return chr(code), at + 6
        if not char or char in "\r\n":
            return "\\", at + 1
        self.add("json-escape-invalid", f"`\\{char}` is no escape in JSON.", at, at + 2)
        return char, at + 2

    def _lone_surrogate(self, start: int, end: int) -> None:
        message = "Half a surrogate pair stands for no character."
        self.add("json-surrogate-lone", message, start, end, Severity.WARNING)

    def _unterminated(self, offset: int, line_end: int) -> Token:
        """A string ends with its line; closing brackets and a comma at its end belong to the structure."""
        tail = _TAIL.search(self.text, offset + 1, line_end)
        stop = tail.start() if tail else line_end
        self.forget(offset)
        self.add("json-string-unterminated", "This string has no closing quote.", offset, stop, expected='"')
        return Token(self._content(offset + 1, stop), stop, is_quiet=True)

    def _broken_over_lines(self, line_end: int) -> Token | None:
        """The rest of a string that goes on in the next lines; None where its end is not near or plain."""
        self.note(line_end + REST_LIMIT)
        rest = _REST_IN_LINES.match(self.text, line_end)
        if rest is None:
            return None
        message = "A line break must be written as `\\n` in a string."
        self.add("json-string-control", message, line_end, line_end + len(rest.group(1)))
        return Token(self._content(line_end, rest.end() - 1), rest.end())

    def _run_together(self, offset: int, stop: int, value: str) -> Token:
        """A string whose closing quote is followed by a word: a quote is missing or one too many."""
        swallowed = _SWALLOWED.search(self.text, offset + 1, stop - 1)
        if swallowed:
            # The quote that closed it opens the next string.
            end = swallowed.start()
            self.add(
                "json-string-unterminated", "This string has no closing quote.", offset, end, expected='"'
            )
            return Token(self._content(offset + 1, end), end, is_quiet=True)
        rest = _REST_WITH_QUOTE.match(self.text, stop)
        self.note_line(stop)
        if rest and "," not in rest.group() and ":" not in rest.group():
            end = rest.end()
            inner = self.text.find('"', stop)
            message = 'A quote inside a string must be written `\\"`.'
            self.add("json-escape-invalid", message, stop - 1, inner + 1 if inner < end - 1 else stop)
            return Token(self.text[offset + 1 : end - 1], end)
        return Token(value, stop)

    def _content(self, start: int, stop: int) -> str:
        """Decoded text between two offsets, without a word about its faults."""
        try:
            value = scanstring(self.text[start:stop] + '"', 0, False)[0]
        except ValueError:
            return self.text[start:stop]
        return str(value)

    def forget(self, offset: int) -> None:
        """Drop the latest problems from `offset` on: they are part of a larger fault, or read again later."""
        while self.problems and self.problems[-1].start >= offset:
            self.problems.pop()

    def _single_quoted(self, offset: int) -> Token:
        match = self.single_quoted(offset)
        if match is None:
            return self._word(offset)
        self.expected('"', "Strings stand in double quotes.", offset, match.end())
        return Token(match.group(1).replace("\\'", "'"), match.end())

    def _number(self, offset: int) -> Token | None:
        text = self.text
        word = WORD.match(text, offset)
        stop = word.end() if word else offset + 1
        self.note(stop + 1)
        if word and "/" in word.group():
            stop = offset + word.group().index("/")
        digits = text[offset:stop]
        match = _NUMBER.fullmatch(digits)
        if self.char(stop) == '"':
            self.note_line(offset)
            if _QUOTE_MISSING.match(text, offset):
                return None
        if match:
            is_whole = match.group(1) is None and match.group(2) is None
            return Token(whole_number(digits) if is_whole else real_number(digits), stop)
        if digits in _CONSTANTS:
            return None
        value: object = None
        loose = _LOOSE_NUMBER.fullmatch(digits)
        hexadecimal = _HEXADECIMAL.fullmatch(digits)
        if hexadecimal:
            value = int(hexadecimal.group(1) + hexadecimal.group(2)[:3000], 16)
            message = "JSON has no hexadecimal numbers."
        elif loose:
            is_whole = loose.group(2).isdigit() and loose.group(0) == loose.group(1) + loose.group(2)
            value = whole_number(digits) if is_whole else real_number(digits)
            message = _number_fault(digits, loose.group(2))
        elif instant := _INSTANT.match(text, offset):
            self.note(instant.end() + 1)
            self.add("json-literal-invalid", TEXT_BARE, offset, instant.end(), expected='"')
            return Token(instant.group(), instant.end())
        elif digits[0].isdigit() or (len(digits) > 1 and digits[0] in "+-." and digits[1].isdigit()):
            message = f"`{_short(digits)}` is no number."
            value = digits
        else:
            return None
        self.add("json-number-invalid", message, offset, stop)
        return Token(value, stop)

    def _word(self, offset: int, *, is_of_member: bool = False) -> Token:
        """A word where a value belongs: a literal, one of another language, or text without its quotes."""
        text = self.text
        if self.leaves_out(offset):
            return self.left_out(offset, is_of_member=is_of_member)
        match = WORD.match(text, offset)
        stop = match.end() if match else offset + 1
        self.note(stop + 1)
        word = text[offset:stop]
        for comment in ("//", "/*"):
            if comment in word[1:]:
                stop = offset + word.index(comment, 1)
                word = text[offset:stop]
        if word in _LITERALS:
            return Token(_LITERALS[word], stop)
        if word in _CONSTANTS:
            self.add("json-constant-invalid", f"JSON has no `{word}`.", offset, stop)
            return Token(None, stop)
        quoted = _QUOTE_MISSING.match(text, offset)
        self.note_line(offset)
        if quoted and quoted.group(1):
            message = "This string has no opening quote."
            self.add("json-string-unterminated", message, offset, quoted.end(), expected='"')
            return Token(quoted.group(1), quoted.end())
        literal = LITERALS_ELSEWHERE.get(word) or _misspelt(word)
        if literal:
            self.add("json-literal-invalid", f"`{word}` is no JSON value; write `{literal}`.", offset, stop)
            return Token(_LITERALS[literal], stop)
        words = _WORDS.match(text, offset)
        if words and "/" not in words.group() and "'" not in words.group():
            stop = offset + len(words.group().rstrip())
        self.add("json-literal-invalid", TEXT_BARE, offset, stop, expected='"')
        return Token(text[offset:stop], stop)

    def leaves_out(self, offset: int) -> bool:
        """Whether the dots stand here that people put in place of entries, or the fence of a code block."""
        match = _ELLIPSIS.match(self.text, offset)
        self.note(match.end() + 1 if match else offset + 6)
        return match is not None

    def left_out(self, offset: int, *, is_of_member: bool = False) -> Token:
        """Read those dots: nothing else about this place is news."""
        match = _ELLIPSIS.match(self.text, offset)
        dots, stop = (match.group(1), match.end(1)) if match else ("", offset)
        message = f"`{dots}` stands for nothing in JSON: write what it leaves out, or remove it."
        if dots.startswith("`"):
            message = FENCE
        behind = match.end() if match and match.group(2) else stop
        data = {} if is_of_member else repair_data(offset, behind, "")
        self.add("json-syntax", message, offset, stop, Severity.ERROR, **data)
        return Token(None, stop, is_quiet=True)


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def _glued(char: str) -> bool:
    return char not in ' \t\r\n,;:]}"/#' and char.isprintable() and not char.isspace()


def _short(digits: str) -> str:
    return digits if len(digits) <= 24 else digits[:23] + "…"


def _number_fault(digits: str, magnitude: str) -> str:
    if digits.startswith("+"):
        return "A number has no `+` in front."
    if magnitude.startswith("."):
        return "A digit is missing before the point."
    if magnitude.endswith("."):
        return "A digit is missing after the point."
    return "A number has no leading zero."


def _misspelt(word: str) -> str | None:
    """The literal a half-typed word begins."""
    return next((name for name in _LITERALS if len(word) > 1 and name.startswith(word)), None)
