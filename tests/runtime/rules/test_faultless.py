from __future__ import annotations

import random
from typing import Any

import pytest

import mplp_schemas
from mplp_runtime.kinds import MODULES
from mplp_runtime.rules import faultless
from mplp_runtime.rules.check import own_element_findings
from mplp_runtime.rules.choice import schema_for
from mplp_runtime.rules.faultless import are_faultless
from tests.runtime.rules.documents import identifier, mutated, plan, sound, step

KINDS = (*MODULES, "event", "sample")


def lists_of(document: object) -> dict[str, list[Any]]:
    members = document.items() if isinstance(document, dict) else ()
    return {key: member for key, member in members if isinstance(member, list)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_called_faultless_has_no_findings(kind: str):
    chance = random.Random(f"faultless {kind}")
    base = sound(kind)
    for round_number in range(200):
        document = mutated(base, chance) if round_number else base
        schema = schema_for(kind, document)
        for field, entries in lists_of(document).items():
            if are_faultless(kind, field, schema, entries):
                found = [own_element_findings(kind, field, entry, schema) for entry in entries]
                assert not any(found), (field, entries)


def test_the_steps_of_a_sound_plan_are_told_to_be_so_in_one_look():
    steps = [step(number, *range(number), order_index=number) for number in range(5)]
    assert are_faultless("plan", "steps", schema_for("plan", plan()), steps)


def test_the_participants_of_a_sound_collaboration_are_too():
    participants = [{"participant_id": identifier(1), "kind": "agent", "role_id": identifier(2)}]
    assert not own_element_findings("collab", "participants", participants[0])
    assert are_faultless("collab", "participants", schema_for("collab", {}), participants)


@pytest.mark.parametrize(
    "members",
    [
        {"status": "pendng"},
        {"description": " \u3000"},
        {"description": "\x1c"},
        {"agent_role": ""},
        {"agent_role": "\u00a0"},
        {"agent_role": 7},
        {"order_index": True},
        {"dependencies": ["x"]},
        {"stepId": "a"},
        {"description": "half \ud800"},
    ],
    ids=str,
)
def test_one_entry_with_a_fault_among_many_is_noticed(members: dict[str, object]):
    steps = [step(number) for number in range(5)]
    steps[3] |= members
    assert not are_faultless("plan", "steps", schema_for("plan", plan()), steps)


@pytest.mark.parametrize("entry", [None, 3, "a", [], {}])
def test_an_entry_that_is_no_step_is_noticed(entry: object):
    assert not are_faultless("plan", "steps", schema_for("plan", plan()), [step(1), entry])


def test_a_step_without_a_role_is_not_passed_over():
    lonely = step(1)
    del lonely["agent_role"]
    assert own_element_findings("plan", "steps", lonely)
    assert not are_faultless("plan", "steps", schema_for("plan", plan()), [step(0), lonely])


def test_entries_that_may_contradict_themselves_are_looked_at_one_by_one():
    segments = sound("trace")["segments"]
    assert not are_faultless("trace", "segments", schema_for("trace", {}), segments)


def test_without_the_fast_validator_each_entry_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    def no_wheel(*_: object) -> None:
        raise ImportError("no wheel for this system")

    monkeypatch.setattr(mplp_schemas, "rust_validator", no_wheel)
    faultless._check_of.cache_clear()
    try:
        assert not are_faultless("plan", "steps", schema_for("plan", plan()), [step(0)])
    finally:
        faultless._check_of.cache_clear()
