"""One statement of TOML that is not as TOML wants it: which single slip explains it best.

Every character put in, taken out or replaced is tried where the statement goes wrong; `tomllib` says what is
sound then, and of several readings the plainest counts: known keys with values that fit them, texts without
signs in them. The answer depends on the statement alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.toml_sense import oddness
from mplp_lsp.text.toml_usual import usual_repairs

_INSERTED = '"=[]{},.\n'
_TAKEN = frozenset("\"=[]{},.#\n:;'`\\+-()")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOST_TRIES = 700
_MOST_READ = 150_000
_LONGEST = 20_000
_WINDOW = 60
_PLACE = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_BORDER = re.compile(r"(?<=\w)(?=\W)|(?<=\W)(?=\w)|(?<=[^\w\s])|(?=[^\w\s])|(?=\n)|\Z")
_NAME = re.compile(r"[a-z_]{2,}\Z")
_TEXT_END = '"""'


class Slip(NamedTuple):
    """The repair of a statement, in offsets counted from its start, and what is said about the slip."""

    edit: Edit
    message: str
    start: int
    end: int


@lru_cache(maxsize=4_096)
def is_sound(statement: str) -> bool:
    """Whether a statement is TOML by itself."""
    try:
        tomllib.loads(statement)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=512)
def slip_of(statement: str) -> Slip | None:
    """The slip that explains best why a statement is no TOML; None where no single one does."""
    if len(statement) > _LONGEST or statement in ("[", "[["):
        return None
    tries = min(_MOST_TRIES, _MOST_READ // max(len(statement), 1))
    best: tuple[float, int, Edit] | None = None
    for number, (edit, cost) in enumerate(_candidates(statement)):
        if number >= tries:
            break
        after = statement[: edit.start] + edit.new_text + statement[edit.end :]
        try:
            value = tomllib.loads(after)
        except (ValueError, RecursionError):
            continue
        total = cost + oddness(after, value)
        if best is None or total < best[0]:
            best = total, number, edit
    if best is None:
        return None
    edit = best[2]
    return Slip(edit, *_told(statement, edit))


def _fault(statement: str) -> int:
    """Where `tomllib` gives up; the slip is there or before."""
    try:
        tomllib.loads(statement)
    except RecursionError:
        return len(statement)
    except ValueError as error:
        place = _PLACE.search(str(error))
        if place is None or place[1] is None:
            return len(statement)
        starts = list(accumulate((len(line) + 1 for line in statement.split("\n")), initial=0))
        return min(starts[int(place[1]) - 1] + int(place[2]) - 1, len(statement))
    return len(statement)


def _candidates(statement: str) -> Iterator[tuple[Edit, float]]:
    """Edits with their costs: what is usual first, then every sign near the fault."""
    yield from usual_repairs(statement)
    fault = _fault(statement)
    inserted = (*_INSERTED, "'") if "'" in statement else _INSERTED
    ends = [fault]
    line = statement.find("\n")
    if 0 <= line < fault:
        ends.append(line)
    near = statement[:_WINDOW]
    borders = {match.start() for match in _BORDER.finditer(statement)} | {0}
    ordered = sorted(
        (place for place in borders if place <= fault + 2),
        key=lambda place: min(abs(end - place) for end in ends) if place > len(near) // 2 else place,
    )
    for place in ordered:
        here = statement[place : place + 1]
        if here and (here in _TAKEN or _CONTROL.match(here)):
            yield Edit(place, place + 1, ""), 1.0
        for sign in inserted:
            if sign == "\n" and not place:
                continue
            yield Edit(place, place, sign), 1.3 if sign == "\n" else 1.0
        if here and here in _TAKEN:
            for sign in _INSERTED:
                if sign != here:
                    yield Edit(place, place + 1, sign), 1.2


LINE_TOO_SHORT = "This line ends too early; what belongs to it stands in the next one."
_TOO_MUCH = {
    "\n": LINE_TOO_SHORT,
    "#": "From `#` on a line is a comment; here it hides what belongs to the line.",
    '"': 'This `"` has no partner.',
    "'": "This `'` has no partner.",
}


def _told(statement: str, edit: Edit) -> tuple[str, int, int]:
    """What is said about a slip, and where."""
    wrong, right = statement[edit.start : edit.end], edit.new_text
    is_header = statement.startswith("[")
    if not wrong:
        return _missing(statement, edit.start, right, is_header=is_header)
    if not right:
        known = wrong in _TOO_MUCH
        if _CONTROL.match(wrong):
            return f"TOML has no control characters; this is U+{ord(wrong):04X}.", edit.start, edit.end
        message = _TOO_MUCH[wrong] if known else f"This `{wrong}` is one too many."
        start = edit.start - (wrong == "\n" and edit.start > 0)
        return message, start, edit.end
    foreign = _told_of_foreign(wrong, right, is_header=is_header)
    if foreign is not None:
        return foreign, edit.start, edit.end
    if right[0] == '"' and len(right) > len(wrong):
        return f"A text stands in quotes: {_shown(right)}.", edit.start, edit.end
    if right[0] in "[{" and len(right) > 1:
        if right[0] == "[":
            return "Each text of a list stands in quotes, with commas between them.", edit.start, edit.end
        return "An inline table stands on one line, as `{ key = value, key = value }`.", edit.start, edit.end
    if _NAME.match(right) and right not in ("true", "false"):
        return f"{_shown(wrong)} is no name; `{right}` is meant.", edit.start, edit.end
    if right == "\n":
        return f"A new line belongs here instead of `{wrong}`.", edit.start, edit.end
    if right in ("true", "false"):
        return f"`{wrong}` is written `{right}` in TOML.", edit.start, edit.end
    if right.isdigit():
        return "A number has no zeros in front.", edit.start, edit.end
    where = {"=": " between a key and its value", ",": " between two entries"}.get(right, "")
    return f"`{right}` belongs here{where}, not {_shown(wrong)}.", edit.start, edit.end


def _told_of_foreign(wrong: str, right: str, *, is_header: bool) -> str | None:
    if right.startswith(" = "):
        return "A line is `key = value` in TOML, with `=`, and texts in quotes."
    if right == "#" and wrong in ("//", "--"):
        return "A comment starts with `#` in TOML."
    if wrong[0] in "\u201c\u201d\u201e":
        return "Texts stand in straight quotes in TOML."
    if wrong[0] == "\\":
        return "In a text in double quotes `\\` is written `\\\\`."
    if is_header and right == f'"{wrong}"':
        return f"A name of other characters than A-Z, digits, `-`, `_` stands in quotes: {_shown(right)}."
    if wrong[0].isdigit() and right == f'"{wrong}"':
        return f"{_shown(wrong)} is no number, and a text would stand in quotes."
    return None


def _missing(statement: str, place: int, right: str, *, is_header: bool) -> tuple[str, int, int]:
    """The token before a place where something is missing, or the one behind it."""
    before = statement[:place].rstrip()
    word = re.search(r"(?:[^\s,\[\]{}=\"']+|\"[^\"\n]*\"?|'[^'\n]*'?|.)\Z", before)
    start, end = (word.start(), word.end()) if word else (place, min(place + 1, len(statement)))
    if right == '"]':
        opener = max(statement.find("["), 0)
        return "This list and its last text are never closed.", opener, max(place, opener + 1)
    if right == "'":
        quote = max(statement.find("'"), 0)
        return "This text is never closed: `'` is missing.", quote, max(place, quote + 1)
    if right in ('"', _TEXT_END):
        opened = place == len(statement) or not re.match(r"[\w./-]", statement[place:])
        if not opened:
            after = re.match(r"[^\"\n]*\"?", statement[place:])
            return 'The `"` in front of this text is missing.', place, place + (after.end() if after else 1)
        quote = max(statement.rfind('"', 0, place), 0)
        if right == _TEXT_END:
            quote = max(statement.find(_TEXT_END), 0)
            return 'This text is never closed: `"""` is missing.', quote, quote + 3
        return 'This text is never closed: `"` is missing.', min(quote, max(place - 1, 0)), place
    if right in "]}":
        what = "header" if is_header else "list" if right == "]" else "inline table"
        opener = 0 if is_header else max(statement.find({"]": "[", "}": "{"}[right]), 0)
        is_long = "\n" in statement[opener:place]
        return (
            f"This {what} is never closed: `{right}` is missing.",
            opener,
            opener + 1 if is_long else max(place, opener + 1),
        )
    if right in "[{":
        what = "header" if "=" not in statement[: place + 1] else "list" if right == "[" else "inline table"
        stop = len(statement.splitlines()[0]) if place == 0 else place + 1
        return f"This {what} is never opened: `{right}` is missing.", place, max(min(stop, len(statement)), 1)
    if right == "\n":
        return "A new line is missing: each key has a line of its own.", place, len(statement)
    words = {
        "=": "`=` is missing between the key and its value.",
        ",": "A comma is missing between two entries.",
        ".": "A dot is missing between two names.",
    }
    return words[right], start, end


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return f"`{flat if len(flat) <= 60 else flat[:59] + '…'}`"
