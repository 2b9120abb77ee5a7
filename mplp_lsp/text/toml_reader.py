"""A TOML text that is not TOML, read as it was meant: each slip repaired, each name given once."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.toml_names import Names
from mplp_lsp.text.toml_sense import nearest_key
from mplp_lsp.text.toml_slips import LINE_TOO_SHORT, Slip, is_sound, slip_of
from mplp_lsp.text.toml_statements import is_silent, is_start, line_end, statements

_CODE = "toml-syntax"
_MOST_FAULTS = 50
_MOST_SLIPS = 12
_MOST_LINES = 100
_WORD = re.compile(r"[A-Za-z0-9_-]+|\"[^\"\n]+\"")
_LONG_NUMBER = re.compile(r"(?<![0-9_])[0-9_]{4301,}")
_HIDDEN_HEADER = re.compile(
    r"^[ \t]*(?P<signs>#[# \t]*)(?P<header>\[[A-Za-z_][\w-]*(?:\.(?:[\w-]+|\"[^\"\n]*\"))*\])[ \t]*\r?$",
    re.MULTILINE,
)
_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |\r|\Z)")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_NO_VALUE = re.compile(r"[ \t]*([^=\n]*?)[ \t]*=[ \t]*(?:#[^\n]*)?\Z")
_LIST_BELOW = re.compile(r"[ \t]*\[[ \t]*(?:[\"'\r\n]|-?[0-9]|true|false)")
_HALF_KEY = re.compile(r"[A-Za-z_-]+\Z")
_HALF_PAIR = re.compile(r"[ \t]*([A-Za-z0-9_-]*)[ \t]*=")
_ONLY_KEY = re.compile(r"[ \t]*([\w.\"'-]+)[ \t]*(?:#[^\n]*)?\Z")


class Reading(NamedTuple):
    """What a text was meant to say: its values, what is wrong, and the sound text they were read from.

    `edits` lead from the text to `sound`, in ascending order, in offsets of the text.
    """

    value: dict[str, object]
    problems: tuple[Problem, ...]
    sound: str
    edits: tuple[Edit, ...]


class _Statement(NamedTuple):
    """A statement of the text with what is read instead: itself, repaired, or nothing."""

    start: int
    end: int
    edits: tuple[Edit, ...]
    problem: Problem | None


def read(text: str) -> Reading:
    """The reading of a text that `tomllib` refuses. Line ends are `\\n` or `\\r\\n`."""
    if _LONE_RETURN.search(text):
        return _with_line_ends(text)
    problems: list[Problem] = []
    edits: list[Edit] = []
    for statement in _all_statements(text):
        if statement.problem is not None:
            problems.append(statement.problem)
        edits += statement.edits
    sound = _applied(text, edits)
    back = Offsets(edits)
    names = Names()
    blanked: list[Edit] = []
    is_run = False
    ends: dict[int, int] = {}
    for start, end in statements(sound):
        ends[start] = end
        clash = names.take(sound[start:end], start)
        if clash is None:
            is_run = is_run and sound.startswith("[", start)
            continue
        blanked.append(Edit(start, end, re.sub(r"[^\r\n]", " ", sound[start:end])))
        if not clash.message or is_run:
            continue
        is_run = not sound.startswith("[", start)
        first, last = back.before(clash.start), back.before(clash.end)
        if clash.value_of:
            # The tables agree against it, however many there are.
            line = str(text.count("\n", 0, first) + 1)
            last = back.before(ends[clash.first])
            first = back.before(clash.first)
            if not any(problem.start == first for problem in problems):
                message = f"`{clash.value_of}` has a value here, but is a table in line {line}."
                problems.append(Problem(_CODE, message, first, max(last, first + 1)))
            continue
        hidden = _hidden_header(text, back.before(max(clash.first, 0)), first) if is_run else None
        if hidden is not None:
            return _with_header(text, hidden)
        line = str(text.count("\n", 0, back.before(max(clash.first, 0))) + 1)
        problems.append(Problem(_CODE, clash.message.replace("{line}", line), first, max(last, first + 1)))
    problems.sort(key=lambda problem: (problem.start, problem.end))
    return Reading(names.value, tuple(problems[:_MOST_FAULTS]), _applied(sound, blanked), tuple(edits))


def _with_line_ends(text: str) -> Reading:
    """The reading where each carriage return ends its line."""
    first = next(_LONE_RETURN.finditer(text)).start()
    message = (
        "A carriage return alone ends no line in TOML; save the file with line ends of `\\n` or `\\r\\n`."
    )
    problem = Problem(_CODE, message, first, first + 1)
    plain = _LONE_RETURN.sub("\n", text)
    try:
        return Reading(tomllib.loads(plain), (problem,), plain, ())
    except (ValueError, RecursionError):
        reading = read(plain)
        return reading._replace(
            problems=tuple(sorted((problem, *reading.problems), key=lambda one: one.start))
        )


def _hidden_header(text: str, start: int, end: int) -> re.Match[str] | None:
    """The last header that is a comment, between a key and the same key again."""
    return next(reversed(list(_HIDDEN_HEADER.finditer(text, start, end))), None)


def _with_header(text: str, hidden: re.Match[str]) -> Reading:
    """The reading where a header is no comment; without it, its keys would fall to the table above."""
    start, end = hidden.span("signs")
    reading = read(text[:start] + " " * (end - start) + text[end:])
    message = f"This header is a comment, so its keys fall to the table above: `{hidden['header']}`."
    data = {"repair_start": start, "repair_end": end, "repair_text": ""}
    problem = Problem(_CODE, message, start, hidden.end(), data)
    return reading._replace(problems=tuple(sorted((problem, *reading.problems), key=lambda one: one.start)))


class Offsets:
    """The way back from a text with edits to the text before them."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._edits = edits
        self._starts: list[int] = []
        distance = 0
        for edit in edits:
            self._starts.append(edit.start + distance)
            distance += len(edit.new_text) - (edit.end - edit.start)

    def before(self, offset: int) -> int:
        """Where an offset behind the edits was before them; inside new text, within what it replaced."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return offset
        edit, start = self._edits[index], self._starts[index]
        inside = offset - start
        if inside >= len(edit.new_text):
            return edit.end + inside - len(edit.new_text)
        return min(edit.start + inside, edit.end)


def _applied(text: str, edits: Iterable[Edit]) -> str:
    parts: list[str] = []
    last = 0
    for edit in edits:
        parts += (text[last : edit.start], edit.new_text)
        last = edit.end
    return "".join((*parts, text[last:]))


def _all_statements(text: str) -> Iterator[_Statement]:
    """Each broken statement with its repair, in order; what is sound is left out."""
    slips = 0
    done = 0
    found = list(statements(text))
    index = 0
    lost = False
    while index < len(found):
        start, end = found[index]
        index += 1
        if start < done:
            continue
        statement = text[start:end]
        if is_sound(statement):
            if statement.startswith("["):
                lost = False
            elif lost:
                yield _Statement(start, end, (_blank(text, start, end),), None)
            continue
        slip, slips = (slip_of(statement), slips + 1) if slips < _MOST_SLIPS else (None, slips)
        whole = _with_next_lines(text, start, end) if slips < _MOST_SLIPS else None
        if whole is not None and (whole[1] is not None or slip is None):
            end, slip = whole
            statement = text[start:end]
        done = end
        if slip is not None:
            if statement.startswith("["):
                lost = False
            if lost:
                yield _Statement(start, end, (_blank(text, start, end),), _problem(start, slip))
                continue
            edit = Edit(start + slip.edit.start, start + slip.edit.end, slip.edit.new_text)
            yield _Statement(start, end, (edit,), _problem(start, slip))
            continue
        header = _words_of_header(statement)
        message, first, last = _told(statement)
        problem = Problem(_CODE, message, start + first, start + last)
        if header is not None:
            lost = not header
            text_of = header or " " * (end - start)
            yield _Statement(start, end, (Edit(start, end, text_of),), problem)
        else:
            yield _Statement(start, end, (_blank(text, start, end),), problem)


def _problem(start: int, slip: Slip) -> Problem:
    data = {
        "repair_start": start + slip.edit.start,
        "repair_end": start + slip.edit.end,
        "repair_text": slip.edit.new_text,
    }
    return Problem(_CODE, slip.message, start + slip.start, start + max(slip.end, slip.start + 1), data)


def _blank(text: str, start: int, end: int) -> Edit:
    return Edit(start, end, re.sub(r"[^\r\n]", " ", text[start:end]))


def _with_next_lines(text: str, start: int, end: int) -> tuple[int, Slip | None] | None:
    """A statement that goes on in the next lines, which say nothing by themselves; None where it does not."""
    after = line_end(text, end) + 1
    if after >= len(text) or text[end:after].strip(" \t\r\n"):
        return None
    halves = _key_in_two(text, start, end, after)
    if halves is not None:
        return halves
    stop, lines = end, 0
    while (
        after < len(text) and lines < _MOST_LINES and not is_silent(text, after) and not is_start(text, after)
    ):
        inner = line_end(text, after)
        is_value = not lines and _NO_VALUE.match(text[start:end]) and _LIST_BELOW.match(text, after)
        if not is_value and is_sound(text[after:inner].strip()):
            break
        stop = after + len(text[after:inner].rstrip())
        after, lines = inner + 1, lines + 1
        if lines == 1:
            joined = _joined(text, start, end, stop)
            if joined is not None:
                return joined
    if not lines:
        return None
    return stop, slip_of(text[start:stop])


def _joined(text: str, start: int, end: int, stop: int) -> tuple[int, Slip] | None:
    """Two lines that are one statement."""
    whole = text[start:stop]
    after = line_end(text, end) + 1
    after += len(text[after:stop]) - len(text[after:stop].lstrip())
    for between in ("", " "):
        if is_sound(whole[: end - start] + between + whole[after - start :]):
            cut = Edit(end - start, after - start, between)
            return stop, Slip(cut, LINE_TOO_SHORT, max(cut.start - 1, 0), cut.start)
    return None


def _key_in_two(text: str, start: int, end: int, after: int) -> tuple[int, Slip] | None:
    """The first half of a known key on a line of its own, and the rest of the statement below."""
    first, rest = _HALF_KEY.match(text[start:end]), _HALF_PAIR.match(text, after)
    if first is None or rest is None or nearest_key(rest[1]) == rest[1]:
        return None
    word = first[0] + rest[1]
    known = nearest_key(word)
    if known is None or known == first[0] or (known != word and nearest_key(rest[1]) is not None):
        return None
    ends = [stop for begin, stop in statements(text[after:]) if begin <= rest.start(1) - after][:1]
    edit = Edit(0, rest.end(1) - start, known)
    # statements() starts at the line itself, so the first one is the pair.
    return after + ends[0], Slip(edit, LINE_TOO_SHORT, 0, len(first[0]))


def _words_of_header(statement: str) -> str | None:
    """The header a broken one was meant to be; "" where it names nothing, None where it is no header."""
    if statement[0] not in "[(<" or "=" in statement or statement.startswith("<<<"):
        return None
    words = _WORD.findall(statement.partition("#")[0])
    return f"[{'.'.join(words)}]" if words else ""


def _told(statement: str) -> tuple[str, int, int]:
    """What is said about a statement that no single slip explains, and where."""
    first = statement.partition("\n")[0].rstrip() or statement
    whole = (0, len(first))
    if _CONFLICT.match(statement):
        return "A conflict of a merge is left here.", *whole
    number = _LONG_NUMBER.search(statement)
    if number:
        return "This number has too many digits.", number.start(), number.end()
    if statement.startswith("["):
        return "This is no header of a table: write `[name]`, or `[roles.name]`.", *whole
    if statement.startswith("{"):
        return "This is JSON; `mplp.toml` has a `[table]`, and lines `key = value` below it.", *whole
    if statement.startswith("="):
        return "The key in front of `=` is missing.", *whole
    missing = _NO_VALUE.match(first)
    if missing:
        return f"`{missing[1]}` has no value yet.", *whole
    key = _ONLY_KEY.match(first)
    if key:
        return f"`{key[1]}` has no value: a line is `key = value`.", *whole
    return "This line cannot be read: a line is `key = value`, a `[table]` or a comment.", *whole
