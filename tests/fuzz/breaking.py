"""Breaks documents, each way reproducible from a number."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.fuzz.snippets import snippets
from tests.fuzz.sources import Source, plans, sources

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\]:,=]|[^\s{}\[\]:,"=]+')
SNIPPET_NAMES = (
    "site.plan.json",
    "a.context.json",
    "a.events.ndjson",
    "mplp.toml",
    "a.role.json",
    "x.trace.json",
)

PIECES: tuple[str, ...] = (
    *'{}[]:,"\'\\/#-+.eE01 \t\n\r',
    "\r\n", "\x00", "\x07", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\u2029",
    "\ufeff", "\ud800", "\udc00", "\ud83d", "🚀", "e\u0301", "ä", "\u202e", "\\u12", "\\ud83d",
    "\\uD83D\\uDE80",
    "null", "true", "nul", "NaN", "-Infinity", "1e400", "01", '"k": 1', '"k":', '"status": "x",', "//", "/*",
    "*/",
    "/* c */", "// c\n", '"a" "b"', '"steps": [', '"dependencies": [', '"status": ', "},\n{", "]]", "{{",
    '""', "''", "None", "[roles.x]\n", "= 1\n", "'''", '"""', "[[", "\n---\n", "🚀" * 3,
    '"title": "t", "title": "u",',
)  # fmt: skip
CONFLICT = ("<<<<<<< HEAD\n", "=======\n", ">>>>>>> their branch\n")
WRONG: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        7,
        1.5,
        1e300,
        10**40,
        10**400,
        "9" * 5_000,
        "",
        " ",
        "x",
        "🚀",
        "\ud800",
        "completed",
        "pending",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"a": 1},
        ["x"],
        [[[]]],
        {"": {}},
        "2026-01-01T00:00:00Z",
        "2026-02-30T25:61:61Z",
    ),
    *(
        "11111111-1111-4111-8111-111111111111",
        "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
        "a\nb",
        "x" * 300,
        "../..//x",
    ),
    *(
        [{}, 1, "x", None],
        {"step_id": []},
        "\x00",
        2**63,
        -(2**63) - 1,
        ["x", "x"],
        "file:///etc/x",
        "%zz",
        "a/b.json",
    ),
)


@dataclass(frozen=True, slots=True)
class Broken:
    """One document of the run; `before` is what was open first where the text came about by edits."""

    number: int
    name: str
    text: str
    before: str
    around: Mapping[str, str]


def broken(number: int) -> Broken:
    """The document with this number. Five in a row are two prefixes, a snippet, and two with random faults.

    The first 20,000 hold every prefix of the plans, and every snippet in files of several kinds.
    """
    turn, place = number // 5, number % 5
    if place < 2:
        source, length = _prefix(2 * turn + place)
        return Broken(number, source.name, source.text[:length], source.text, source.around)
    chance = random.Random(number)
    if place == 2:
        found = snippets()
        # 61 has no divisor in common with their number: a short run sees some of each sort.
        snippet = found[turn * 61 % len(found)]
        name = SNIPPET_NAMES[turn // len(found) % len(SNIPPET_NAMES)]
        source = chance.choice(plans())
        return Broken(number, name, snippet, source.text, source.around)
    source = chance.choice(sources())
    text = source.text
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        text = chance.choice(_WAYS)(text, chance)
    return Broken(number, source.name, text, source.text, source.around)


@cache
def _prefixes() -> tuple[tuple[Source, int], ...]:
    return tuple((source, length) for source in plans() for length in range(len(source.text)))


def _prefix(turn: int) -> tuple[Source, int]:
    """Spread over the plans by a prime step, so that few are as telling as many."""
    found = _prefixes()
    step = 1_009 if len(found) % 1_009 else 1_013
    return found[turn * step % len(found)]


def number_of_prefixes() -> int:
    return len(_prefixes())


# Ways to break a text


def _delete(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + text[start + chance.choice((1, 1, 1, 2, 5, 40, 400)) :]


def _delete_token(text: str, chance: random.Random) -> str:
    start, end = _token(text, chance)
    return text[:start] + text[end:]


def _insert(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text)) if chance.random() < 0.5 else chance.choice(_token(text, chance))
    return text[:start] + chance.choice(PIECES) + text[start:]


def _replace_token(text: str, chance: random.Random) -> str:
    start, end = _token(text, chance)
    new = chance.choice(PIECES) if chance.random() < 0.5 else json.dumps(chance.choice(WRONG))
    return text[:start] + new + text[end:]


def _swap_tokens(text: str, chance: random.Random) -> str:
    (first, first_end), (second, second_end) = sorted((_token(text, chance), _token(text, chance)))
    if first_end > second:
        return text
    middle = text[first_end:second]
    return text[:first] + text[second:second_end] + middle + text[first:first_end] + text[second_end:]


def _move_part(text: str, chance: random.Random) -> str:
    """What a slip with the mouse does."""
    start = chance.randint(0, len(text))
    part = text[start : start + chance.randint(1, 80)]
    rest = text[:start] + text[start + len(part) :] if chance.random() < 0.5 else text
    place = chance.randint(0, len(rest))
    return rest[:place] + part + rest[place:]


def _duplicate_line(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    return "\n".join([*lines[:at], *lines[at : at + chance.choice((1, 1, 3))], *lines[at:]])


def _drop_line(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    del lines[chance.randrange(len(lines))]
    return "\n".join(lines)


def _conflict(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = chance.randrange(len(lines))
    ours = lines[at : at + chance.choice((1, 2, 4))]
    theirs = [line.replace("e", "E", 1) for line in ours]
    marked = [CONFLICT[0], *ours, CONFLICT[1], *theirs, CONFLICT[2]]
    if chance.random() < 0.3:
        del marked[chance.choice((0, len(ours) + 1, -1))]
    return "".join([*lines[:at], *marked, *lines[at + len(ours) :]])


def _line_ends(text: str, chance: random.Random) -> str:
    end: str = chance.choice(("\r\n", "\r", "\u2028", "", "\n\n", " "))
    return text.replace("\n", end)


def _nest(text: str, chance: random.Random) -> str:
    start, end = _token(text, chance)
    depth = chance.choice((3, 60, 520, 1_500))
    opening, closing = chance.choice((("[", "]"), ('{"a": ', "}"), ('{"steps": [', "]}"), ("(", ")")))
    closed = closing * (depth if chance.random() < 0.6 else chance.randint(0, depth))
    return text[:start] + opening * depth + text[start:end] + closed + text[end:]


def _huge_number(text: str, chance: random.Random) -> str:
    start, end = _token(text, chance)
    return (
        text[:start]
        + chance.choice(("9" * 4_400, "1e99999", "-0." + "1" * 900, "1E-9999", "0" * 99))
        + text[end:]
    )


def _wrong_value(text: str, chance: random.Random) -> str:
    """Sound JSON with a value of another type at a place, or a member gone or come."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _replace_token(text, chance)
    places: list[tuple[Any, Any]] = []
    _collect(value, places)
    if not places:
        return json.dumps(chance.choice(WRONG))
    holder, key = chance.choice(places)
    kind = chance.random()
    if kind < 0.7:
        holder[key] = chance.choice(WRONG)
    elif kind < 0.8:
        del holder[key]
    elif kind < 0.9 and isinstance(holder, dict):
        holder[chance.choice(("", "x", "status ", "stepId", "Title", "🚀", "$schema", str(key).upper()))] = (
            holder.pop(key)
        )
    else:
        other, other_key = chance.choice(places)
        holder[key] = json.loads(json.dumps(other[other_key]))
    return json.dumps(value, indent=chance.choice((2, 2, 4, None)), ensure_ascii=chance.random() < 0.5)


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        places.append((value, key))
        _collect(member, places)


def _cut(text: str, chance: random.Random) -> str:
    at = chance.randint(0, len(text))
    return text[:at] if chance.random() < 0.7 else text[at:]


def _on_one_line(text: str, chance: random.Random) -> str:
    try:
        return json.dumps(
            json.loads(text), separators=chance.choice(((",", ":"), (", ", ": "), ("  ,", " :")))
        )
    except (ValueError, RecursionError):
        return text.replace("\n", " ")


def _grow(text: str, chance: random.Random) -> str:
    """Thirty copies of a part, which makes tables long and ids many times taken."""
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    return text[:start] + text[start : min(end, start + 400)] * 30 + text[start:]


_WAYS: tuple[Callable[[str, random.Random], str], ...] = (
    *(
        _delete,
        _delete,
        _delete_token,
        _delete_token,
        _insert,
        _insert,
        _insert,
        _replace_token,
        _replace_token,
    ),
    *(_swap_tokens, _move_part, _duplicate_line, _drop_line, _conflict, _line_ends, _nest, _huge_number),
    *(_wrong_value, _wrong_value, _wrong_value, _wrong_value, _cut, _on_one_line, _grow),
)


def _token(text: str, chance: random.Random) -> tuple[int, int]:
    found = [match.span() for match in TOKEN.finditer(text)]
    return chance.choice(found) if found else (len(text), len(text))
