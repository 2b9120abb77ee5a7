"""The rule language of the protocol's invariants: what one rule asks of one value.

`uuid-v4`, `non-empty-string`, `iso-datetime`, `exists`, `enum(a,b)`, `min-length(n)`, `eq(path)`,
`eq("literal")`, `positive-integer`, `optional-string`, `one-of(["a"])`, `if(condition, rule)`; and paths with
`a.b`, `a[0]`, `a[*]`. A rule that is not understood is an error of the caller, never a silent pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from mplp_runtime.rules.explain import explain_instant, explain_uuid, is_id
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.words import kind_of_value, quoted
from mplp_schemas.formats import is_date_time

EVERY = "*"
Objects = Mapping[str, object]
PathParts = tuple[str | int, ...]

_PATH_PART = re.compile(r"(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\*)\]")
_CALL = re.compile(r"(?P<name>[a-z0-9-]+)(?:\((?P<argument>.*)\))?", re.DOTALL)
_CONDITION = re.compile(r"\s*(?P<path>[^\s=!]+)\s*(?P<operator>==|!=)\s*(?P<literal>\"[^\"]*\"|\S+)\s*")


class _Missing:
    """Stands for a value that is not there; JSON's null is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


class CannotCheck(Exception):  # no error: the other object is simply not at hand
    """A rule compares with an object that is not loaded."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule. `broken_by` gives the reason (begun with a verb) or None where the rule holds."""

    text: str
    needs: frozenset[str]
    broken_by: Callable[[object, object, Objects], str | None]
    """(value or MISSING, the object it stands in, all loaded objects) -> reason; may raise CannotCheck."""


@cache
def parse_path(text: str) -> PathParts:
    """The parts of a path; `[*]` is `"*"`. Raises ValueError for a text that is no path.

    >>> parse_path("steps[*].step_id")
    ('steps', '*', 'step_id')
    """
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        if parts and text[position] == ".":
            position += 1
        match = _PATH_PART.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is no path")
        index = match["index"]
        parts.append(match["name"] if index is None else EVERY if index == EVERY else int(index))
        position = match.end()
    return tuple(parts)


def value_at(root: object, pointer: PathParts) -> object:
    """The value at a path without `[*]`; MISSING where there is none."""
    value = root
    for part in pointer:
        if isinstance(part, str):
            value = value.get(part, MISSING) if isinstance(value, Mapping) else MISSING
        else:
            value = value[part] if isinstance(value, list) and part < len(value) else MISSING
        if value is MISSING:
            return MISSING
    return value


def places_of(root: object, path: PathParts) -> list[tuple[Pointer, object]]:
    """Every place a path means, with its value or MISSING.

    A list that is not there has no entries, so `[*]` on it means no place at all.
    """
    places: list[tuple[Pointer, object]] = [((), root)]
    for part in path:
        following: list[tuple[Pointer, object]] = []
        for pointer, value in places:
            if part == EVERY:
                entries = value if isinstance(value, list) else ()
                following.extend(((*pointer, index), entry) for index, entry in enumerate(entries))
            else:
                following.append(((*pointer, part), value_at(value, (part,))))
        places = following
    return places


@cache
def parse_rule(text: str) -> Rule:
    """The rule that `text` means. Raises ValueError where the language has no such rule."""
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no rule")
    name, argument = match["name"], match["argument"]
    if argument is None and name in _PLAIN:
        check = _PLAIN[name]
        return Rule(text, frozenset(), lambda value, _owner, _objects: check(value))
    if argument is not None and name in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[name](text, argument)
    raise ValueError(f"{text!r} is no rule")


def _uuid_v4(value: object) -> str | None:
    if is_id(value):
        return None
    return _no_text(value) or f"is {quoted(value)}, which {explain_uuid(str(value)).reason}"


def _non_empty_string(value: object) -> str | None:
    if isinstance(value, str) and value.strip():
        return None
    return _no_text(value) or ("is empty" if value == "" else "is blank")


def _iso_datetime(value: object) -> str | None:
    if isinstance(value, str) and is_date_time(value):
        return None
    return _no_text(value) or f"is {quoted(value)}, which {explain_instant(str(value)).reason}"


def _exists(value: object) -> str | None:
    if value is MISSING:
        return "is missing"
    return "is null" if value is None else None


def _positive_integer(value: object) -> str | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and isinstance(value, int) and value > 0:
        return None
    return "is missing" if value is MISSING else f"is {quoted(value)} and no whole number above 0"


def _optional_string(value: object) -> str | None:
    return None if value is MISSING else _no_text(value)


_PLAIN: Mapping[str, Callable[[object], str | None]] = {
    "uuid-v4": _uuid_v4,
    "non-empty-string": _non_empty_string,
    "iso-datetime": _iso_datetime,
    "exists": _exists,
    "positive-integer": _positive_integer,
    "optional-string": _optional_string,
}


def _no_text(value: object) -> str | None:
    if value is MISSING:
        return "is missing"
    return None if isinstance(value, str) else f"must be text, but is {kind_of_value(value)}"


def _membership(text: str, options: list[object]) -> Rule:
    allowed = ", ".join(str(option) for option in options)

    def broken_by(value: object, _owner: object, _objects: Objects) -> str | None:
        if value is MISSING:
            return "is missing"
        if any(_is_same(value, option) for option in options):
            return None
        return f"is {quoted(value)}, not {'' if len(options) == 1 else 'one of '}{allowed}"

    return Rule(text, frozenset(), broken_by)


def _enum(text: str, argument: str) -> Rule:
    return _membership(text, [option.strip() for option in argument.split(",")])


def _one_of(text: str, argument: str) -> Rule:
    options = json.loads(argument)
    if not isinstance(options, list):
        raise ValueError(f"{text!r} needs a JSON list")  # noqa: TRY004  # a text that is no rule
    return _membership(text, options)


def _min_length(text: str, argument: str) -> Rule:
    least = int(argument)

    def broken_by(value: object, _owner: object, _objects: Objects) -> str | None:
        if value is MISSING:
            return "is missing"
        if not isinstance(value, list | str):
            return f"must be a list, but is {kind_of_value(value)}"
        if len(value) >= least:
            return None
        unit = "characters" if isinstance(value, str) else "entries"
        return f"has {len(value)} {unit}; at least {least} {'is' if least == 1 else 'are'} needed"

    return Rule(text, frozenset(), broken_by)


def _eq(text: str, argument: str) -> Rule:
    argument = argument.strip()
    if argument.startswith('"'):
        literal = json.loads(argument)

        def differs_from_literal(value: object, _owner: object, _objects: Objects) -> str | None:
            if value is MISSING:
                return "is missing"
            return None if _is_same(value, literal) else f"is {quoted(value)}, not {quoted(literal)}"

        return Rule(text, frozenset(), differs_from_literal)
    path = parse_path(argument)
    scope = str(path[0])

    def differs_from_path(value: object, _owner: object, objects: Objects) -> str | None:
        if scope not in objects:
            raise CannotCheck(argument)
        other = value_at(objects[scope], path[1:])
        if value is MISSING:
            return "is missing"
        if other is MISSING:
            return f"has nothing to be equal to: `{argument}` is missing"
        return None if _is_same(value, other) else f"is {quoted(value)}, but `{argument}` is {quoted(other)}"

    return Rule(text, frozenset({scope}), differs_from_path)


def _if(text: str, argument: str) -> Rule:
    condition_text, comma, rule_text = argument.partition(",")
    condition = _CONDITION.fullmatch(condition_text)
    if condition is None or not comma:
        raise ValueError(f"{text!r} has no condition that is understood")
    inner = parse_rule(rule_text)
    path = parse_path(condition["path"])
    literal = json.loads(condition["literal"])
    is_wanted_equal = condition["operator"] == "=="

    def broken_by(value: object, owner: object, objects: Objects) -> str | None:
        if _is_same(value_at(owner, path), literal) != is_wanted_equal:
            return None
        return inner.broken_by(value, owner, objects)

    return Rule(text, inner.needs, broken_by)


_WITH_ARGUMENT: Mapping[str, Callable[[str, str], Rule]] = {
    "enum": _enum,
    "one-of": _one_of,
    "min-length": _min_length,
    "eq": _eq,
    "if": _if,
}


def _is_same(left: object, right: object) -> bool:
    """Equality as JSON has it: true is not 1, though Python says so."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right
