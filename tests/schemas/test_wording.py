"""What people read in a hover: present everywhere, our own, and with examples that hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mplp_schemas import (
    describe,
    invariants,
    names,
    profiles,
    python_validator,
    read,
    rust_validator,
    schema_id,
)
from tests.schemas.official import SHARED, needs_shared, official

KEYWORDS = {
    *("$schema", "$id", "$comment", "$ref", "$defs", "definitions", "title", "description", "examples"),
    *("type", "enum", "const", "pattern", "format", "minLength", "minItems", "minimum", "maximum", "items"),
    *("uniqueItems", "properties", "required", "additionalProperties", "allOf", "anyOf"),
}


def subschemas(schema: dict[str, Any], at: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema and all schemas written inside it, each with the fragment that leads to it."""
    yield at, schema
    for group in ("properties", "$defs", "definitions"):
        for key, member in schema.get(group, {}).items():
            yield from subschemas(member, f"{at}/{group}/{key}")
    for group in ("allOf", "anyOf"):
        for index, branch in enumerate(schema.get(group, ())):
            yield from subschemas(branch, f"{at}/{group}/{index}")
    if "items" in schema:
        yield from subschemas(schema["items"], f"{at}/items")


@pytest.mark.parametrize("name", names())
def test_every_place_has_a_title_and_a_description(name: str) -> None:
    for at, schema in subschemas(read(name)):
        if set(schema) == {"$ref"}:
            continue
        assert schema.get("title"), at
        description = schema.get("description", "")
        assert len(description) >= 12, at
        assert description[-1] in ".!?", at
        assert description[0].isupper() or description[0] == "`", at


@pytest.mark.parametrize("name", names())
def test_every_example_is_valid_and_every_value_has_one(name: str) -> None:
    for at, schema in subschemas(read(name)):
        reference = {"$ref": f"{schema_id(name)}{at}"}
        rust, python = rust_validator(reference), python_validator(reference)
        for example in schema.get("examples", ()):
            assert rust.is_valid(example), (at, example)
            assert python.is_valid(example), (at, example)
        if schema.get("type") in {"string", "integer", "number", "array"}:
            assert schema.get("examples"), at


@pytest.mark.parametrize("name", names())
def test_a_schema_is_plain_draft_07(name: str) -> None:
    for at, schema in subschemas(read(name)):
        assert set(schema) <= KEYWORDS, at
        assert set(schema.get("required", ())) <= set(schema.get("properties", ())), at


def normalised(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower().replace("[protocol-core]", "")))


def sentences(text: str) -> set[str]:
    """The whole and its sentences, reduced to their words; one or two words are nobody's."""
    parts = [text, *re.split(r"(?<=[.;:])\s+", text)]
    return {words for words in map(normalised, parts) if len(words.split()) > 2}


@needs_shared
@pytest.mark.shared
def test_no_sentence_of_ours_is_one_of_the_official_ones() -> None:
    import yaml

    theirs: set[str] = set()
    for name in names():
        for _, schema in subschemas(official(name)):
            theirs |= sentences(schema.get("description", ""))
    for folder in ("invariants", "profiles", "taxonomy"):
        for path in (SHARED / "schemas" / folder).glob("*.yaml"):
            theirs |= {one for text in _strings(yaml.safe_load(path.read_text())) for one in sentences(text)}
    ours = {one for text in our_texts() for one in sentences(text)}
    assert len(theirs) > 200
    assert len(ours) > 400
    shared = ours & theirs
    assert not shared, shared


def our_texts() -> Iterator[str]:
    for name in names():
        for _, schema in subschemas(read(name)):
            yield schema.get("description", "")
    for rule in invariants():
        yield rule.sentence
    for profile in profiles().values():
        yield profile.sentence
        yield from (phase.sentence for phase in profile.phases)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in ("description", "usage", "note", "title", "summary"):
            yield from _strings(value.get(key))
        for member in value.values():
            if isinstance(member, dict | list):
                yield from _strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def test_a_hover_tells_the_words_of_a_status_apart() -> None:
    status = describe("plan", "/status")
    assert status is not None
    assert all(f"`{word}`" in status["description"] for word in status["enum"])
