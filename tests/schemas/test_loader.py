"""Names, kinds, lookups: what the other packages build on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mplp_schemas
from mplp_schemas import (
    KINDS,
    describe,
    names,
    python_validator,
    read,
    registry,
    rust_registry,
    rust_validator,
)
from tests.schemas.documents import SMALL
from tests.schemas.occurrences import occurrences

MODULES = ("context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network")


def test_there_are_29_schemas_and_each_file_is_one_of_them() -> None:
    folder = mplp_schemas.loader._DATA
    assert len(names()) == 29 == len(set(names()))
    on_disk = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.schema.json")}
    assert on_disk == set(names())


@pytest.mark.parametrize("name", names())
def test_a_schema_carries_the_official_id_of_its_file_name(name: str) -> None:
    ident = mplp_schemas.schema_id(name)
    if name.startswith("integration/"):
        assert ident == "https://mplp.dev/schemas/v1.0/" + name.replace(".schema.json", ".json")
    elif name.startswith(("events/", "learning/")):
        assert ident == "https://mplp.dev/schemas/v1.0/" + name
    else:
        assert ident == "https://schemas.mplp.dev/v1.0/" + name
    assert read(name)["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert mplp_schemas.loader.name_of(ident) == name


def test_every_module_has_a_kind_and_every_kind_a_schema() -> None:
    assert set(MODULES) < set(KINDS)
    assert set(KINDS.values()) <= set(names())
    # The parts that stand alone nowhere have no kind.
    assert set(names()) - set(KINDS.values()) == {
        f"common/{part}.schema.json"
        for part in ("common-types", "events", "identifiers", "metadata", "trace-base")
    }


def test_a_schema_is_read_once() -> None:
    assert read("mplp-plan.schema.json") is read("mplp-plan.schema.json")


@pytest.mark.parametrize("name", ["nonsense.json", "../loader.py", "", "data/mplp-plan.schema.json"])
def test_a_name_that_is_not_a_schema_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        read(name)
    with pytest.raises(KeyError):
        rust_validator(name)


def test_both_registries_know_every_schema_by_its_id() -> None:
    for name in names():
        ident = mplp_schemas.schema_id(name)
        assert registry().contents(ident) == read(name)
        assert rust_registry().resolver("").lookup(ident).contents == read(name)


def test_a_part_of_a_schema_can_be_a_validator_of_its_own() -> None:
    step = SMALL["mplp-plan.schema.json"]["steps"][0]
    part = "mplp-plan.schema.json#/$defs/plan_step_core"
    for validator in (rust_validator(part), python_validator(part)):
        assert validator.is_valid(step)
        assert not validator.is_valid({**step, "extra": 1})
    with pytest.raises(KeyError):
        rust_validator("mplp-plan.schema.json#/$defs/nothing")


def test_a_named_validator_is_compiled_once() -> None:
    assert rust_validator("mplp-plan.schema.json") is rust_validator("mplp-plan.schema.json")


def test_describe_follows_references_and_keeps_the_nearest_words() -> None:
    status = describe("plan", "/steps/3/status")
    assert status is not None
    assert status["enum"] == ["pending", "in_progress", "completed", "blocked", "skipped", "failed"]
    plan_id = describe("plan", ("plan_id",))
    assert plan_id is not None
    assert plan_id["pattern"].startswith("^[0-9a-f]{8}")
    assert "plan" in plan_id["description"]
    assert "$ref" not in plan_id


def test_describe_gives_the_whole_document_for_the_empty_pointer() -> None:
    whole = describe("graph-update", "")
    assert whole is not None
    assert {"event_id", "graph_id"} <= set(whole["properties"])
    assert {"event_type", "node_delta"} <= set(whole["required"])
    assert len(whole["required"]) == len(set(whole["required"]))
    assert whole["title"] == "Graph-update event"


def test_describe_merges_what_a_family_adds_to_every_event() -> None:
    family = describe("pipeline-stage", "/event_family")
    assert family is not None
    assert family["const"] == "pipeline_stage"
    assert "pipeline_stage" in family["enum"]
    label = describe("sample-delta", ("meta", "human_feedback_label"))
    assert label is not None
    assert label["enum"] == ["approved", "rejected", "not_reviewed"]


@pytest.mark.parametrize(
    ("kind", "pointer"),
    [
        ("plan", "/nonsense"),
        ("plan", "/steps/0/status/deeper"),
        ("plan", "/steps/title"),
        ("plan", ("title", 0)),
        ("context", "/constraints/deadline"),
        ("trace", ("events", 0, "data", "key")),
        ("settings", "/run"),
        ("nonsense", ""),
    ],
)
def test_describe_says_none_where_the_schema_says_nothing(kind: str, pointer: Any) -> None:
    assert describe(kind, pointer) is None


def test_describe_reads_escapes_in_a_pointer() -> None:
    assert describe("plan", "/ti~1tle") is None
    assert describe("plan", "/title") == describe("plan", ["title"])


@pytest.mark.parametrize("kind", KINDS)
def test_describe_knows_every_place_that_the_schema_of_a_kind_names(kind: str) -> None:
    for occurrence in occurrences(KINDS[kind]):
        found = describe(kind, occurrence.instance_path)
        assert found is not None
        assert found["description"], occurrence
        assert found["title"], occurrence
        assert not {"$ref", "$id", "allOf"} & set(found)


def test_importing_the_package_reads_nothing_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import time;"
        "start = time.perf_counter(); import mplp_schemas; took = time.perf_counter() - start;"
        "loaded = sorted(set(sys.modules) - before);"
        "import json; print(json.dumps([took * 1000, loaded]))"
    )
    took, loaded = zip(*list(_runs(program, times=5)), strict=True)
    heavy = {"json", "typing", "dataclasses", "re", "functools", "pathlib", "jsonschema", "jsonschema_rs"}
    assert not heavy & set(loaded[0])
    assert min(took) < 5


def _runs(program: str, times: int) -> Iterator[tuple[float, list[str]]]:
    folder = mplp_schemas.__path__[0].removesuffix("mplp_schemas")
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-c", program, folder], capture_output=True, text=True, check=True
        )
        took, loaded = json.loads(done.stdout)
        yield took, loaded


def test_a_text_that_is_no_pointer_is_refused_and_not_taken_for_the_whole() -> None:
    for engine in (rust_validator, python_validator):
        with pytest.raises(KeyError):
            engine("mplp-plan.schema.json#nope")
    with pytest.raises(KeyError):
        describe("plan", "status")


def test_describing_every_element_of_a_large_document_keeps_one_answer() -> None:
    first = describe("plan", "/steps/0/status")
    known = len(mplp_schemas.loader._described)
    for index in range(100):
        assert describe("plan", f"/steps/{index}/status") is first
        assert describe("plan", ("steps", index, "status")) is first
    assert len(mplp_schemas.loader._described) == known
