"""Models read what the schemas accept, refuse what they refuse, and dump back the same document."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import mplp_schemas
from mplp_runtime.model import MODULES, BaseEvent, Plan, ProtocolObject, Step
from mplp_runtime.rules.validators import validator_for
from tests.runtime.official import documents, needs_official
from tests.runtime.samples import plan_of, uuid

CASES = [(kind, path) for kind in MODULES for path in documents(kind)]


def is_valid(kind: str, value: object) -> bool:
    """What our schema says, without the top-level comment (D12)."""
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "$comment"}
    return validator_for(mplp_schemas.schema_id(mplp_schemas.KINDS[kind]))(value) == []


def is_read(kind: str, value: object) -> bool:
    try:
        MODULES[kind].model_validate(value)
    except ValidationError:
        return False
    return True


@needs_official
@pytest.mark.parametrize(
    ("kind", "path"),
    CASES,
    ids=lambda value: "/".join(value.parts[-3:]) if isinstance(value, Path) else value,
)
def test_official_documents_are_read_and_dump_back_with_their_keys_in_order(kind: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    model = MODULES[kind].model_validate(json.loads(text))
    assert json.dumps(model.document()) == json.dumps(json.loads(text))
    assert MODULES[kind].model_validate_json(text) == model


@needs_official
def test_there_is_an_official_document_of_every_module() -> None:
    assert {kind for kind, _ in CASES} == MODULES.keys() == set(list(mplp_schemas.KINDS)[:10])


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in members:
        yield value, key
        yield from places(item)


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    1.0,
    -1,
    1.5,
    "",
    " ",
    "word",
    [],
    {},
    ["a", "a"],
    [None],
    "2025-12-06T12:00:00",
    uuid(1),
)


@needs_official
@pytest.mark.parametrize("kind", MODULES)
def test_model_and_schema_agree_on_documents_with_a_fault(kind: str) -> None:
    chance = random.Random(kind)
    seen = {True: 0, False: 0}
    for path in documents(kind):
        whole = json.loads(path.read_text(encoding="utf-8"))
        for _ in range(150):
            value = copy.deepcopy(whole)
            container, key = chance.choice(list(places(value)))
            match chance.randrange(4):
                case 0:
                    del container[key]
                case 1 if isinstance(container, dict):
                    container[
                        chance.choice(["unknown", "status", "governance", "events", "trace", "tags"])
                    ] = chance.choice(ODD)
                case 2 if isinstance(container[key], str):
                    container[key] = container[key].upper() + chance.choice(["", "\n", "x"])
                case _:
                    container[key] = chance.choice(ODD)
            verdict = is_valid(kind, value)
            seen[verdict] += 1
            assert is_read(kind, value) == verdict, value
            if verdict:
                assert MODULES[kind].model_validate(value).document() == value
    assert seen[True] > 5
    assert seen[False] > 50


@pytest.mark.parametrize("value", [None, 3, "text", [], [{}]])
@pytest.mark.parametrize("kind", MODULES)
def test_what_is_no_object_is_refused(kind: str, value: object) -> None:
    assert not is_read(kind, value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"title": 3}, "title"),
        ({"steps": []}, "steps"),
        ({"steps": ()}, "steps"),
        ({"priority": "high"}, "priority"),
        ({"governance": {}}, "governance"),
        ({"plan_id": uuid(1).upper().replace("0000", "ABCD")}, "plan_id"),
        ({"trace": None}, "trace"),
    ],
)
def test_nothing_is_coerced_and_nothing_unknown_is_let_in(change: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Plan.model_validate({**plan_of((1, ())), **change})


def test_an_absent_member_stays_absent_and_null_stays_null() -> None:
    event = {"event_id": uuid(1), "event_type": "a.b", "source": "s", "timestamp": "2025-12-06T12:00:00Z"}
    assert BaseEvent.model_validate(event).document() == event
    assert BaseEvent.model_validate({**event, "data": None}).document() == {**event, "data": None}


def test_a_whole_number_may_be_written_as_a_fraction() -> None:
    step = {"step_id": uuid(1), "description": "d", "status": "pending", "order_index": 2.0}
    model = Step.model_validate(step)
    assert model.order_index == 2
    assert isinstance(model.order_index, int)


def test_a_comment_at_the_top_is_kept_and_means_nothing() -> None:
    value = {"$comment": "draft", **plan_of((1, ()))}
    assert Plan.model_validate(value).document() == value
    with pytest.raises(ValidationError):
        Step.model_validate({**value["steps"][0], "$comment": "x"})


def test_camel_case_is_only_what_the_frozen_schema_has_it_for() -> None:
    governance = {"lifecyclePhase": "p", "truthDomain": "t", "locked": True}
    context = {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "governance": governance,
        "context_id": uuid(1),
        "root": {"domain": "d", "environment": "e", "anything": [1]},
        "title": "t",
        "status": "draft",
    }
    model = MODULES["context"].model_validate(context)
    assert model.document() == context
    snake = {**context, "governance": {"lifecycle_phase": "p"}}
    assert not is_read("context", snake)


def test_a_changed_copy_dumps_its_change_and_the_original_stays() -> None:
    plan = Plan.model_validate(plan_of((1, ())))
    changed = plan.model_copy(update={"status": "in_progress"})
    assert changed.document() == {**plan_of((1, ())), "status": "in_progress"}
    assert plan.status == "approved"
    with pytest.raises(ValidationError, match="frozen"):
        plan.status = "failed"  # type: ignore[misc]
    assert isinstance(plan, ProtocolObject)
