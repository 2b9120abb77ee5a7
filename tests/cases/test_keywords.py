"""Every keyword that the schemas of Context and Plan put on any place is broken by a case."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import mplp_schemas
from mplp_runtime.rules import shape
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.validators import validator_for
from tests.cases.case import case_files, read_case

KEYWORDS = (
    *("type", "required", "enum", "pattern", "format", "minLength", "minItems", "uniqueItems", "minimum"),
    "additionalProperties",
)


@pytest.mark.parametrize("kind", ["context", "plan"])
def test_every_keyword_on_every_field_is_broken_by_a_case(kind: str) -> None:
    name = mplp_schemas.KINDS[kind]
    wanted = set(occurrences(name, ()))
    assert len(wanted) > 80
    assert wanted - set(broken_by_cases(kind, name)) == set()


def occurrences(name: str, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Each place (0 for any position in a list) with each keyword that can be broken there."""
    for node in shape.nodes_at(name, pointer):
        for keyword in KEYWORDS:
            value = node.schema.get(keyword)
            if keyword == "required":
                yield from ((pointer, f"required {field}") for field in value or ())
            elif keyword in node.schema and (value is not True or keyword == "uniqueItems"):
                yield pointer, keyword
        for field in node.schema.get("properties", ()):
            yield from occurrences(name, (*pointer, field))
        if "items" in node.schema:
            yield from occurrences(name, (*pointer, shape.ANY_INDEX))


def broken_by_cases(kind: str, name: str) -> Iterator[tuple[Pointer, str]]:
    check = validator_for(shape.root(name).base)
    for path in case_files():
        for _, text in read_case(path).files if path.parent.name == kind else ():
            for fault in check(json.loads(text)):
                pointer = tuple(0 if isinstance(part, int) else part for part in fault.pointer)
                is_required = fault.keyword == "required"
                yield pointer, f"required {fault.parameter}" if is_required else fault.keyword
