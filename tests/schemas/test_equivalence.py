"""Our schemas say what the official ones say; `jsonschema` and `jsonschema_rs` say the same of both.

`MPLP_FUZZ_SECONDS` (per schema) makes the random part run that long.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from mplp_schemas import names, python_validator, read, rust_validator, schema_id
from tests.schemas.generator import Generator, Json
from tests.schemas.occurrences import (
    Occurrence,
    broken,
    full_document,
    mutated,
    occurrences,
    parts,
    replaced,
    schema_at,
    wrong_value,
)
from tests.schemas.official import (
    SHARED,
    needs_shared,
    official,
    python_faults,
    python_official,
    rust_faults,
    rust_official,
)

SECONDS = float(os.environ.get("MPLP_FUZZ_SECONDS", "0"))
LEAST = 300
REPEATS = 20 if SECONDS else 1
"""How often each keyword is broken: with one value, or with many."""


SCHEMAS = (*names(), *parts())


def random_for(name: str) -> Random:
    # A longer run looks elsewhere each time; pytest shows the seed when it fails.
    seed = time.time_ns() if SECONDS else zlib.crc32(name.encode())
    print(f"{name}: seed {seed}")  # noqa: T201  # shown by pytest on failure
    return Random(seed)


def documents(name: str, random: Random) -> Iterator[tuple[str, Json]]:
    """Every occurrence broken alone, then valid documents and ones with one to three mutations."""
    every = occurrences(name)
    made = 0
    for _ in range(REPEATS):
        full = full_document(name, random)
        yield "full", full
        for occurrence in every:
            yield f"breaks {occurrence.key}", broken(full, occurrence, random)
            made += 1
    end = time.monotonic() + SECONDS
    while made < LEAST or time.monotonic() < end:
        valid = Generator(random).document(name.partition("#")[0], schema_at(name))
        yield "valid", valid
        document = valid
        for _ in range(random.randint(1, 3)):
            document = mutated(document, random)
        yield "mutated", document
        if every and made % 3 == 0:
            chosen = random.choice(every)
            wrong = (
                wrong_value(chosen.keyword, chosen.argument, random)
                if chosen.keyword in {"type", "enum"}
                else None
            )
            yield "root replaced", replaced(document, (), wrong)
        made += 2


def all_agree(name: str, label: str, document: Json, *, with_official: bool) -> set[Any]:
    """The faults, after every pair of judges was seen to agree on them."""
    ours = rust_faults(rust_validator(name), document)
    judges = {"python, ours": python_faults(python_validator(name), document)}
    if with_official:
        judges["rust, official"] = rust_faults(rust_official(name), document)
        judges["python, official"] = python_faults(python_official(name), document)
    for judge, faults in judges.items():
        assert faults == ours, f"{name} ({label}): {judge} differs by {faults ^ ours}\n{json.dumps(document)}"
    return ours


@pytest.mark.timeout(120 + 4 * SECONDS)
@pytest.mark.parametrize("name", SCHEMAS)
def test_every_judge_says_the_same_of_every_document(name: str) -> None:
    random = random_for(name)
    seen = 0
    for label, document in documents(name, random):
        faults = all_agree(name, label, document, with_official=SHARED.is_dir())
        if label in {"full", "valid"}:
            assert not faults, (name, label, document)
        seen += 1
    assert seen >= LEAST


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", SCHEMAS)
def test_our_schema_has_exactly_the_keywords_of_the_official_one(name: str) -> None:
    def said(found: list[Occurrence]) -> set[str]:
        return {repr((one.key, one.instance_path, one.argument)) for one in found if one.keyword != "anyOf"}

    theirs = said(occurrences(name, official))
    assert said(occurrences(name)) == theirs
    assert "#" in name or official(name)["$id"] == schema_id(name)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", names())
def test_our_schema_names_the_parts_that_the_official_one_names(name: str) -> None:
    def named(schema: dict[str, Any]) -> set[str]:
        return {f"{group}/{part}" for group in ("$defs", "definitions") for part in schema.get(group, ())}

    # Nothing leads to these, and they repeat the properties of the schema that they stand in.
    dead = {
        part for part in named(official(name)) if part.endswith("_core_properties") or part == "$defs/uuid"
    }
    assert named(read(name)) == named(official(name)) - dead


def test_every_keyword_of_every_schema_is_violated_at_least_once(capsys: pytest.CaptureFixture[str]) -> None:
    total = 0
    for name in SCHEMAS:
        random = Random(zlib.crc32(name.encode()))
        full = full_document(name, random)
        wanted = {occurrence.key: occurrence for occurrence in occurrences(name)}
        violated = {
            key
            for occurrence in wanted.values()
            for key in violated_keys(name, broken(full, occurrence, random))
        }
        missed = wanted.keys() - violated
        print(f"{name}: {len(wanted) - len(missed)} of {len(wanted)} keyword occurrences violated")  # noqa: T201
        assert not missed, (name, missed)
        assert violated <= wanted.keys(), "an occurrence that the walk through the schema did not find"
        total += len(wanted)
    with capsys.disabled():
        where = f"{len(SCHEMAS)} schemas and parts"
        print(f"\n{total} of {total} keyword occurrences violated, in {where}")  # noqa: T201  # for everybody
    assert total > 1000


def violated_keys(name: str, document: Json) -> Iterator[tuple[Any, str | None]]:
    """The keys (as in `Occurrence.key`) of everything that `jsonschema_rs` finds wrong."""
    pending = list(rust_validator(name).iter_errors(document))
    while pending:
        error = pending.pop()
        kind: Any = error.kind
        path = error.evaluation_path[1:] if "#" in name else error.evaluation_path
        yield tuple(path), kind.property if kind.name == "required" else None
        if kind.name == "anyOf":
            pending += [inner for branch in kind.context for inner in branch]
