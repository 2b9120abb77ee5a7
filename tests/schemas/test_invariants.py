"""The 61 rules and the two profiles: complete, in a known language, with the official facts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from mplp_schemas import KINDS, describe, invariants, profiles
from mplp_schemas.invariant import SCOPE_KINDS, Condition, Invariant
from tests.schemas.official import SHARED, needs_shared

RULE = re.compile(
    r"uuid-v4|non-empty-string|iso-datetime|exists|optional-string|enum\([a-z_]+(,[a-z_]+)*\)"
    r"|min-length\([0-9]+\)|eq\([a-z]+\.[a-z_]+\)"
)


def by_id(ident: str) -> Invariant:
    return next(rule for rule in invariants() if rule.id == ident)


def test_there_are_61_rules_with_ids_of_their_own() -> None:
    assert len({rule.id for rule in invariants()}) == 61
    assert Counter(rule.group for rule in invariants()) == {
        "sa": 9,
        "map": 9,
        "observability": 12,
        "integration": 19,
        "learning": 12,
    }


@pytest.mark.parametrize("rule", invariants(), ids=lambda rule: rule.id)
def test_a_rule_is_complete(rule: Invariant) -> None:
    assert rule.kinds == SCOPE_KINDS[rule.scope]
    assert set(rule.kinds) <= set(KINDS)
    assert rule.moment in {"edit", "run", "end-of-trace"}
    assert rule.sentence.endswith(".")
    assert (rule.when.field is None) == (rule.when.equals is None)
    if rule.when.events:
        assert rule.path is rule.rule is None
        return
    assert rule.rule is not None
    assert RULE.fullmatch(rule.rule), rule.rule


@pytest.mark.parametrize("rule", [one for one in invariants() if one.path], ids=lambda rule: rule.id)
def test_the_path_of_a_rule_is_known_to_a_schema_of_its_scope(rule: Invariant) -> None:
    pointer: list[str | int] = []
    for part in str(rule.path).split("."):
        pointer += [part.removesuffix("[*]"), *([0] if part.endswith("[*]") else [])]
    kinds = [kind for kind in rule.kinds if describe(kind, pointer)]
    assert kinds
    if rule.rule and rule.rule.startswith("enum("):
        allowed = set(rule.rule[5:-1].split(","))
        for kind in kinds:
            found: Any = describe(kind, pointer)
            # A rule may allow less than the schema (an active context), never anything else.
            assert allowed <= set(found["enum"])
    if rule.when.field:
        assert all(describe(kind, (rule.when.field,)) for kind in rule.kinds)


def test_rules_about_a_run_do_not_speak_of_drafts() -> None:
    assert {rule.id: rule.moment for rule in invariants() if rule.moment != "edit"} == {
        "sa_context_must_be_active": "run",
        "sa_trace_not_empty": "end-of-trace",
        "sa_trace_context_binding": "run",
        "sa_trace_plan_binding": "run",
        "map_participants_have_role_ids": "run",
        "map_turn_completion_matches_dispatch": "end-of-trace",
        "map_broadcast_has_receivers": "end-of-trace",
    }


def test_conditions_are_stated_as_data() -> None:
    assert by_id("sa_plan_has_steps").when == Condition()
    assert by_id("sa_steps_agent_role_if_present").when == Condition(present=True)
    assert by_id("obs_graph_update_kind_valid").when == Condition(field="event_family", equals="graph_update")
    assert by_id("learning_delta_risk_valid").when == Condition(True, "sample_family", "delta_impact")
    assert by_id("map_broadcast_has_receivers").when == Condition(events="broadcasts")
    assert not by_id("map_participants_have_role_ids").when.present


@needs_shared
@pytest.mark.shared
def test_ids_scopes_paths_and_rules_are_the_official_ones_in_their_order() -> None:
    import yaml

    theirs = []
    for group in ("sa", "map", "observability", "integration", "learning"):
        data = yaml.safe_load((SHARED / f"schemas/invariants/{group}-invariants.yaml").read_text())
        theirs += [
            (group, row["id"], row["scope"], row.get("path"), row.get("rule")) for row in data["invariants"]
        ]
    assert [(rule.group, rule.id, rule.scope, rule.path, rule.rule) for rule in invariants()] == theirs


def test_the_multi_agent_profile_builds_on_the_single_agent_one() -> None:
    single, multi = profiles()["sa"], profiles()["map"]
    assert multi.extends == single.id
    assert single.extends is None
    assert not set(single.modules) & set(multi.modules)


@pytest.mark.parametrize("name", ["sa", "map"])
def test_a_profile_names_each_event_of_its_schema_once(name: str) -> None:
    profile = profiles()[name]
    found = describe(profile.event_kind, "/event_type")
    assert found is not None
    assert set(found["enum"]) == {*profile.mandatory_events, *profile.recommended_events}
    in_phases = [event for phase in profile.phases for event in phase.events]
    assert sorted(in_phases) == sorted(found["enum"])
    assert set(profile.modules) <= set(KINDS)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", ["sa", "map"])
def test_a_profile_asks_for_what_the_official_one_asks(name: str) -> None:
    import yaml

    theirs = yaml.safe_load((SHARED / f"schemas/profiles/{name}-profile.yaml").read_text())[f"{name}_profile"]
    ours = profiles()[name]
    modules = theirs.get("required_modules") or theirs["additional_modules"]
    assert ours.id == theirs["profile_id"]
    assert list(ours.modules) == [row["module"] for row in modules]
    assert list(ours.mandatory_events) == theirs["event_types"]["mandatory"]
    assert list(ours.recommended_events) == theirs["event_types"]["recommended"]
    assert [phase.id for phase in ours.phases] == [phase["id"] for phase in theirs["lifecycle"]["phases"]]
