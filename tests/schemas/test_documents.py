"""Documents with known verdicts: our own everywhere, the official ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplp_schemas import KINDS, names, python_validator, rust_validator
from tests.schemas.documents import ABSENT, CHANGES, SMALL, Change
from tests.schemas.official import (
    SHARED,
    Fault,
    document,
    documents_below,
    needs_shared,
    python_faults,
    rust_faults,
)


def faults_of(name: str, value: object) -> set[Fault]:
    faults = rust_faults(rust_validator(name), value)
    assert python_faults(python_validator(name), value) == faults
    return faults


@pytest.mark.parametrize("name", names())
def test_the_smallest_document_is_sound(name: str) -> None:
    assert faults_of(name, SMALL[name]) == set()


@pytest.mark.parametrize(
    "change",
    CHANGES,
    ids=lambda change: (
        f"{change.schema}-{change.path}-{'absent' if change.value is ABSENT else repr(change.value)[:30]}"
    ),
)
def test_a_change_brings_exactly_the_faults_it_should(change: Change) -> None:
    assert faults_of(change.schema, change.document) == set(change.faults)


def test_each_schema_is_tried_with_a_fault() -> None:
    tried = {change.schema for change in CHANGES if change.faults}
    # The shared parts ask for nothing by themselves; a span is tried inside a trace.
    assert set(names()) - tried == {"common/common-types.schema.json", "common/trace-base.schema.json"}


# Official example documents that are not named after their kind, and those with faults of their own.
SCHEMA_OF_EXAMPLE = {
    "ci-build-finished.json": KINDS["ci"],
    "git-push.json": KINDS["git"],
    "ide-file-save.json": KINDS["file-update"],
    "tool-execution.json": KINDS["tool"],
    "flow-01-intent-sample.json": KINDS["sample-intent"],
    "flow-05-confirm-sample.json": KINDS["sample"],
    "event.valid.json": "common/events.schema.json",
}


def event_ids(count: int) -> set[Fault]:
    return {(("meta", "source_event_ids", index), "format") for index in range(count)}


OFFICIAL_FAULTS: dict[str, set[Fault]] = {
    # The samples name their events by words that are no UUIDs.
    "examples/learning/flow-01-intent-sample.json": event_ids(2),
    "examples/learning/flow-05-confirm-sample.json": event_ids(3),
    # Beside the fault in its name, nearly every invalid document has ids of version 1.
    "invalid/confirm_invalid_enum.json": {
        (("status",), "enum"),
        (("confirm_id",), "pattern"),
        (("target_id",), "pattern"),
    },
    "invalid/context_extra_forbidden.json": {
        (("meta",), "additionalProperties"),
        (("context_id",), "pattern"),
    },
    "invalid/context_invalid_datetime.json": {
        (("meta", "created_at"), "format"),
        (("context_id",), "pattern"),
    },
    "invalid/context_invalid_uuid.json": {(("context_id",), "pattern")},
    "invalid/context_missing_required.json": {((), "required")},
    "invalid/plan_step_missing_id.json": {
        ((), "required"),
        (("steps", 0), "required"),
        (("plan_id",), "pattern"),
        (("context_id",), "pattern"),
    },
}


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize(
    "path",
    documents_below("examples", "golden", "invalid"),
    ids=lambda path: path.relative_to(SHARED).as_posix(),
)
def test_an_official_document_gets_its_verdict(path: Path) -> None:
    kind = path.name.partition(".")[0].partition("_")[0]
    name = SCHEMA_OF_EXAMPLE.get(path.name) or KINDS[kind]
    expected = OFFICIAL_FAULTS.get(path.relative_to(SHARED).as_posix(), set())
    assert faults_of(name, document(path)) == expected


@needs_shared
@pytest.mark.shared
def test_there_are_official_documents_to_judge() -> None:
    assert len(list(documents_below("examples"))) == 27
    assert len(list(documents_below("golden"))) == 22
    assert len(list(documents_below("invalid"))) == 6
