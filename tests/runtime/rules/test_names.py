"""Which places of each kind of document declare or use a name."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mplp_runtime.kinds import MODULES
from mplp_runtime.rules.names import Name, element_names, element_names_called, header_names, names
from mplp_schemas import KINDS, describe

A, B, C = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "abc")


def told(kind: str, value: object) -> set[tuple[str, str, str, bool]]:
    """Every name as (place, kind, text, is_declaration)."""
    return {
        ("/".join(map(str, name.pointer)), name.kind, name.text, name.is_declaration)
        for name in names(kind, value)
    }


@pytest.mark.parametrize(
    ("kind", "field"),
    [("plan", "steps"), ("plan", "events"), ("trace", "segments"), ("dialog", "messages"), ("event", "x")],
)
def test_names_of_one_spelling_are_those_among_all_of_an_entry(kind: str, field: str) -> None:
    chance = random.Random(f"{kind} {field}")
    texts = [A, B, "tester", "one", "", " "]
    keys = [
        "step_id",
        "agent_role",
        "dependencies",
        "segment_id",
        "attributes",
        "event",
        "event_id",
        "x",
        "*",
    ]

    def anything(depth: int) -> object:
        choice = chance.random()
        if depth and choice < 0.3:
            return {chance.choice(keys): anything(depth - 1) for _ in range(chance.randrange(4))}
        if depth and choice < 0.5:
            return [anything(depth - 1) for _ in range(chance.randrange(4))]
        return chance.choice([*texts, None, 5])

    for _ in range(300):
        entry = {key: anything(3) for key in chance.sample(keys, 5)}
        for value in (entry, anything(2)):
            every = list(element_names(kind, field, value))
            for text in texts:
                called = list(element_names_called(kind, field, value, text))
                assert called == [name for name in every if name.text == text], value


def test_a_plan_declares_itself_and_its_steps_and_uses_the_rest() -> None:
    plan = {
        "plan_id": A,
        "context_id": B,
        "steps": [
            {"step_id": "one", "agent_role": "tester"},
            {"step_id": C, "dependencies": ["one", 5, None], "agent_role": B},
        ],
        "trace": {"trace_id": A, "span_id": B, "attributes": {"retry_of": C, "note": "one"}},
    }
    assert told("plan", plan) == {
        ("plan_id", "plan", A, True),
        ("context_id", "context", B, False),
        ("steps/0/step_id", "step", "one", True),
        ("steps/0/agent_role", "role-name", "tester", False),
        ("steps/1/step_id", "step", C, True),
        ("steps/1/dependencies/0", "step", "one", False),
        ("steps/1/agent_role", "role", B, False),
        ("trace/trace_id", "trace", A, False),
        ("trace/span_id", "span", B, False),
        ("trace/attributes/retry_of", "any", C, False),
    }


@pytest.mark.parametrize(
    ("target_type", "kind"),
    [("plan", "plan"), ("context", "context"), ("other", "any"), (None, "any"), (["plan"], "any")],
)
def test_what_a_confirm_is_about_follows_from_its_target_type(target_type: object, kind: str) -> None:
    value = {"confirm_id": A, "target_id": B, "target_type": target_type}
    assert ("target_id", kind, B, False) in told("confirm", value)


def test_the_last_confirm_of_a_governed_document_follows_from_its_module() -> None:
    value = {"role_id": A, "governance": {"lastConfirmRef": {"id": B, "module": "confirm"}}}
    assert ("governance/lastConfirmRef/id", "confirm", B, False) in told("role", value)


def test_roles_are_named_by_text_or_by_id() -> None:
    collab = {"participants": [{"participant_id": "anna", "role_id": "tester"}, {"role_id": A}]}
    assert told("collab", collab) == {
        ("participants/0/participant_id", "participant", "anna", True),
        ("participants/0/role_id", "role-name", "tester", False),
        ("participants/1/role_id", "role", A, False),
    }
    assert told("role", {"role_id": A, "name": "tester"}) == {
        ("role_id", "role", A, True),
        ("name", "role-name", "tester", True),
    }


def test_events_of_any_shape_use_the_ids_they_hold() -> None:
    event = {
        "event_id": A,
        "pipeline_id": B,
        "stage_id": "plan",
        "event_family": "pipeline_stage",
        "payload": {"step_id": C, "run": {"of": [B]}, "agent_role": "tester"},
        "target_roles": ["tester", "writer"],
    }
    assert told("event", event) == {
        ("event_id", "event", A, True),
        ("pipeline_id", "plan", B, False),
        ("payload/step_id", "step", C, False),
        ("payload/run/of/0", "any", B, False),
        ("payload/agent_role", "role-name", "tester", False),
        ("target_roles/0", "role-name", "tester", False),
        ("target_roles/1", "role-name", "writer", False),
    }


def test_settings_bind_roles_and_steps_by_their_keys() -> None:
    settings = {
        "roles": {"tester": {"action": "tool_call"}, "writer": {"to": "human"}, "b": {"to": "tester"}},
        "steps": {A: {}},
        "gates": {"confirm_steps": [B, "deployer"]},
    }
    assert told("settings", settings) == {
        ("roles/tester", "role-name", "tester", True),
        ("roles/writer", "role-name", "writer", True),
        ("roles/b", "role-name", "b", True),
        ("roles/b/to", "role-name", "tester", False),
        (f"steps/{A}", "step", A, False),
        ("gates/confirm_steps/0", "step", B, False),
        ("gates/confirm_steps/1", "role-name", "deployer", False),
    }
    keys = {name.text for name in names("settings", settings) if name.part == "key"}
    assert keys == {"tester", "writer", "b", A}


@pytest.mark.parametrize(
    "value", [None, 5, "x", [], [[]], {"plan_id": {}}, {"modules": {"a": 1}}, {"steps": [[5]]}]
)
@pytest.mark.parametrize("kind", [*KINDS, "settings", "timeline", "nothing"])
def test_values_of_no_sensible_shape_have_no_names(kind: str, value: object) -> None:
    assert told(kind, value) == set()


def test_the_parts_of_a_document_have_the_names_of_the_whole() -> None:
    value: dict[str, Any] = {
        "trace_id": A,
        "segments": [{"segment_id": B, "attributes": {"step_id": C}}, {"parent_segment_id": B}],
    }
    parts = list(header_names("trace", {**value, "segments": []}))
    for index, segment in enumerate(value["segments"]):
        parts += [name.below(("segments", index)) for name in element_names("trace", "segments", segment)]
    assert parts == list(names("trace", value))
    assert Name("step", C, ("segments", 0, "attributes", "step_id"), is_declaration=False) in parts


def test_deep_nesting_ends_nobody() -> None:
    value: Any = A
    for _ in range(2_000):
        value = [value]
    assert [name.text for name in names("event", {"payload": value})] == [A]


def test_every_row_of_the_table_is_a_place_the_schema_knows() -> None:
    from mplp_runtime.rules.names import PLACES

    unknown = []
    for kind, places in PLACES.items():
        if kind in {"settings", "event", "sample", "file-update", "git", "ci"}:
            continue
        for place in places:
            pointer = tuple(0 if part == "*" else part for part in place.split("/") if part)
            if describe(kind, pointer) is None:
                unknown.append((kind, place))
    assert unknown == []


def test_every_id_a_schema_names_is_in_the_table() -> None:
    """Members that end in `_id` at the top of a module."""
    from mplp_runtime.rules.names import PLACES

    missing = []
    for kind in MODULES:
        top = describe(kind, ())
        assert top is not None
        missing += [
            (kind, member)
            for member in top.get("properties", {})
            if member.endswith("_id") and member not in PLACES[kind]
        ]
    assert missing == []
