"""Every place where a schema can say no, and for each a document in which it does.

An occurrence is the way from the root of a schema to one keyword, through `$ref`s: `plan_id` and
`context_id` share the pattern of an id and are two occurrences of it. Each name in `required` is one.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from mplp_schemas import names, read
from mplp_schemas.engines import ecma_regex
from tests.schemas.generator import Generator, Json

Path = tuple[str | int, ...]
VALUES = (
    "type",
    "enum",
    "const",
    "pattern",
    "format",
    "minLength",
    "minItems",
    "minimum",
    "maximum",
    "uniqueItems",
)


@dataclass(frozen=True)
class Occurrence:
    """One keyword: where it stands, where in a document it looks, what it says there."""

    schema_path: Path
    keyword: str
    instance_path: Path
    argument: Any
    required_name: str | None = None

    @property
    def key(self) -> tuple[Path, str | None]:
        return (*self.schema_path, self.keyword), self.required_name


Reader = Callable[[str], dict[str, Any]]


def parts() -> list[str]:
    """The named parts of our schemas, as `name#/$defs/part`: some are reached from no root."""
    return [
        f"{name}#/{group}/{part}"
        for name in names()
        for group in ("$defs", "definitions")
        for part in read(name).get(group, ())
    ]


def schema_at(name: str, reader: Reader = read) -> dict[str, Any]:
    """The schema with this file name, or the part of it that a fragment leads to."""
    return _target(name, "", reader)[1]


def occurrences(name: str, reader: Reader = read) -> list[Occurrence]:
    """All occurrences of a schema or part, ours unless another reader is given."""
    return list(_within(name.partition("#")[0], schema_at(name, reader), (), (), reader))


def _within(base: str, schema: dict[str, Any], at: Path, place: Path, reader: Reader) -> Iterator[Occurrence]:
    if "$ref" in schema:
        yield from _within(*_target(schema["$ref"], base, reader), (*at, "$ref"), place, reader)
        return
    for keyword in VALUES:
        if keyword in schema:
            yield Occurrence(at, keyword, place, schema[keyword])
    for required in schema.get("required", ()):
        yield Occurrence(at, "required", place, required, required)
    if schema.get("additionalProperties") is False:
        yield Occurrence(at, "additionalProperties", place, False)
    for combined in ("allOf", "anyOf"):
        if combined == "anyOf" and combined in schema:
            yield Occurrence(at, combined, place, schema[combined])
        for index, branch in enumerate(schema.get(combined, ())):
            yield from _within(base, branch, (*at, combined, index), place, reader)
    for key, member in schema.get("properties", {}).items():
        yield from _within(base, member, (*at, "properties", key), (*place, key), reader)
    if "items" in schema:
        yield from _within(base, schema["items"], (*at, "items"), (*place, 0), reader)


def _target(reference: str, base: str, reader: Reader) -> tuple[str, dict[str, Any]]:
    path, _, fragment = reference.partition("#")
    name = posixpath.join(posixpath.dirname(base), path) if path else base
    schema: Any = reader(name)
    for part in fragment.split("/")[1:]:
        schema = schema[part]
    return name, schema


def full_document(name: str, random: Random) -> Json:
    """A valid document with every optional field, and one to two elements in each array."""
    return Generator(random, fullness=1.0, shortest=1).document(name.partition("#")[0], schema_at(name))


def broken(document: Json, occurrence: Occurrence, random: Random) -> Json:
    """A copy of a full document in which this occurrence is violated."""
    document = copy.deepcopy(document)
    place = occurrence.instance_path
    here = document
    for part in place:
        here = here[part]
    if occurrence.keyword == "required":
        del here[occurrence.argument]
    elif occurrence.keyword == "additionalProperties":
        here[random.choice(("extra", "Status", "$comment", "x_vendor"))] = random.choice((None, 1, "x", {}))
    elif occurrence.keyword == "uniqueItems":
        here.append(here[0])
    else:
        # What one branch of `anyOf` refuses, another may take: break them all.
        keyword = "anyOf" if "anyOf" in occurrence.schema_path else occurrence.keyword
        return replaced(document, place, wrong_value(keyword, occurrence.argument, random))
    return document


def replaced(document: Json, place: Path, value: Json) -> Json:
    """The document with another value at a place that it has; changed in place unless it is the root."""
    if not place:
        return value
    here = document
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    return document


TYPES: dict[str, tuple[Json, ...]] = {
    "object": ({}, {"a": 1}),
    "array": ([], ["x"]),
    "string": ("", "text", "1.0.0"),
    "integer": (3, 2**70),
    "number": (1.5, -2.25),
    "boolean": (True, False),
    "null": (None,),
}
PATTERN_BREAKERS = (
    "",
    "x",
    "1.0",
    "1.0.0 ",
    "1.0.0\n",
    "plan.created\n",
    "Plan.Created",
    "plan_created",
    "٣.0.0",
    "00000000-0000-4000-8000-00000000000g",
    "123E4567-E89B-42D3-A456-426614174000",
    "123e4567-e89b-12d3-a456-426614174000",
    "3f0d7f4e-6c1b-4a52-9f7e-2b8d1c5e0a91\n",
)
FORMAT_BREAKERS = {
    "date-time": (
        "2025-12-06T12:00:00",
        "2025-12-06 12:00:00Z",
        "2025-02-29T00:00:00Z",
        "2025-12-06T12:00:00Z\n",
        "2025-12-06T23:59:60Z",
        "٢٠٢٥-12-06T12:00:00Z",
        "now",
    ),
    "uuid": ("", "x", "3f0d7f4e6c1b4a529f7e2b8d1c5e0a91", "urn:uuid:3f0d7f4e-6c1b-4a52-9f7e-2b8d1c5e0a91"),
    "email": ("", "a@", "@b", "a b@c", "a@b\n", "ü@example.org"),
    "uri": ("", "/a", "//a/b", "http://a b", "http://a/\n", "http://ü.example", "http://a/%zz"),
}


def wrong_value(keyword: str, argument: Any, random: Random) -> Json:
    """A value that breaks one keyword (and perhaps others beside it)."""
    if keyword == "type":
        others = [kind for kind in TYPES if kind != argument and (argument, kind) != ("number", "integer")]
        return copy.deepcopy(random.choice(TYPES[random.choice(others)]))
    if keyword == "anyOf":
        return random.choice((1, "x", [], True))
    if keyword in {"enum", "const"}:
        word = argument if isinstance(argument, str) else random.choice(argument)
        return random.choice((word.upper(), word + " ", word[:-1], "", "in_progres", "none"))
    if keyword == "pattern":
        return random.choice([text for text in PATTERN_BREAKERS if not ecma_regex(argument).search(text)])
    others_by_keyword: dict[str, Callable[[], Json]] = {
        "format": lambda: random.choice(FORMAT_BREAKERS[argument]),
        "minLength": lambda: "",
        "minItems": list,
        "minimum": lambda: random.choice((argument - 1, -0.5, -(2**70))),
        "maximum": lambda: random.choice((argument + 1, argument + 0.001, 1e300)),
    }
    return others_by_keyword[keyword]()


def mutated(document: Json, random: Random) -> Json:
    """A copy with one thing dropped, added, put in another's place, or turned into another type."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    place, value = random.choice(places)
    kind = random.choice(("drop", "add", "retype", "swap", "double"))
    if kind == "drop" and place:
        parent = document
        for part in place[:-1]:
            parent = parent[part]
        del parent[place[-1]]
        return document
    if kind == "add" and isinstance(value, dict):
        value[random.choice(("extra", "status", "title", "events", "trace", "meta"))] = _any_value(random)
        return document
    if kind == "double" and isinstance(value, list) and value:
        value.append(copy.deepcopy(random.choice(value)))
        return document
    if kind == "swap":
        return replaced(document, place, copy.deepcopy(random.choice(places)[1]))
    return replaced(document, place, _any_value(random))


def _any_value(random: Random) -> Json:
    every_type = random.choice(tuple(TYPES.values()))
    return copy.deepcopy(random.choice((*every_type, random.choice(PATTERN_BREAKERS))))


def _places(value: Json, at: Path = ()) -> Iterator[tuple[Path, Json]]:
    yield at, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _places(member, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (*at, index))
