from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable

import pytest

import mplp_schemas
from mplp_runtime.kinds import MODULES
from mplp_runtime.rules import sentences, shape
from mplp_runtime.rules.check import check, own_element_findings, own_findings, own_header_findings
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.order import identity_of
from mplp_runtime.rules.schema import element_findings, header_findings, schema_findings, schema_for
from mplp_runtime.rules.validators import Validate, python_validator, rust_validator, validator_for
from tests.runtime.rules.documents import (
    SmallWorld,
    context,
    facts,
    identifier,
    mutated,
    plan,
    sound,
    step,
    told,
)

KINDS = (*MODULES, "event", "sample", "file-update", "git", "ci", "tool")
UUID_1 = "123e4567-e89b-12d3-a456-426614174000"


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_a_misspelt_status_names_the_allowed_words_and_the_meant_one():
    finding = only(schema_findings("plan", plan(step(0, status="pendng"))))
    assert finding.message == (
        "`status` is `pendng`. Allowed: pending, in_progress, completed, blocked, skipped, failed. "
        "Did you mean `pending`?"
    )
    assert told([finding]) == [("value-not-allowed", "/steps/0/status")]
    assert finding.data["suggestion"] == "pending"
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("In Progress", "in_progress"),
        ("inProgress", "in_progress"),
        ("done", "completed"),
        ("running", "in_progress"),
    ],
)
def test_words_of_other_tools_are_understood(word: str, meant: str):
    assert only(schema_findings("plan", plan(step(0, status=word)))).data["suggestion"] == meant


def test_a_word_that_resembles_nothing_gets_no_suggestion():
    assert "suggestion" not in only(schema_findings("plan", plan(step(0, status="purple")))).data


def test_an_unknown_key_is_told_at_the_key_with_the_meant_name():
    document = plan(step(0))
    document["steps"][0]["descripton"] = document["steps"][0].pop("description")
    finding = only(own_findings("plan", document))
    assert told([finding]) == [("property-unknown", "key:/steps/0/descripton")]
    assert finding.message == "`descripton` is not known here. Did you mean `description`?"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("depends_on", "dependencies"),
        ("dependsOn", "dependencies"),
        ("role", "agent_role"),
        ("order", "order_index"),
        ("dependancies", "dependencies"),
        ("colour", None),
    ],
)
def test_keys_of_other_tools_are_understood(key: str, meant: str | None):
    entry = {"step_id": identifier(0), "description": "Test", "status": "pending", key: []}
    finding = only(schema_findings("plan", plan(entry)))
    assert (finding.code, finding.data.get("suggestion")) == ("property-unknown", meant)


def test_a_key_whose_meaning_is_there_already_is_not_offered_to_be_renamed():
    finding = only(schema_findings("plan", plan(step(0, id="x"))))
    assert "suggestion" not in finding.data


def test_each_unknown_key_is_one_finding():
    found = schema_findings("plan", plan(foo=1, bar=2))
    assert told(found) == [("property-unknown", "key:/bar"), ("property-unknown", "key:/foo")]


def test_each_missing_property_is_one_finding_at_the_opening_bracket_with_a_value_to_insert():
    document = plan()
    del document["title"], document["status"]
    found = schema_findings("plan", document)
    assert told(found) == [("property-missing", "open:"), ("property-missing", "open:")]
    assert [(finding.data["missing"], finding.data["insert_default"]) for finding in found] == [
        ("status", "draft"),
        ("title", ""),
    ]


@pytest.mark.parametrize("kind", MODULES)
def test_what_a_fix_inserts_is_sound_but_for_texts_that_a_person_must_write(kind: str):
    assert {finding.code for finding in schema_findings(kind, sound(kind))} <= {"text-empty"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (identifier(9).upper(), "has upper-case letters; ids are written in lower case"),
        (UUID_1, "is a version 1 UUID; MPLP needs version 4"),
        ("550e8400-e29b-41d4-a716-44665544000", "has 35 characters; a UUID has 36"),
        ("550e8400-e29b-41d4-a716-44665544000g", "has `g` at character 36"),
        ("550e8400e29b41d4a716446655440000", "is a UUID without its hyphens"),
        ("550e8400-e29b-41d4-2716-446655440000", "character 20 is `2`"),
        ("{550e8400-e29b-41d4-a716-446655440000}", "has something around the UUID"),
        ("00000000-0000-0000-0000-000000000000", "is the empty UUID"),
        ("550e8400-e29b-01d4-a716-446655440000", "character 15 is `0`"),
        ("550e8400-e29b-41d4-a716-44665544000000", "has 38 characters"),
        ("550e8400-e29b-41d4a-716-446655440000", "hyphens are not where they belong"),
        ("plan-1", "is no id"),
    ],
)
def test_a_malformed_id_is_explained(text: str, reason: str):
    finding = only(schema_findings("plan", plan(plan_id=text)))
    assert told([finding]) == [("id-malformed", "/plan_id")]
    assert reason in finding.message


def test_an_id_without_hyphens_is_repaired():
    finding = only(schema_findings("plan", plan(plan_id="550e8400e29b41d4a716446655440000")))
    assert finding.data["suggestion"] == "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        ("2025-12-06T12:00:00", "has no offset; add `Z`", "2025-12-06T12:00:00Z"),
        ("2025-12-06 12:00:00Z", "needs a `T`", "2025-12-06T12:00:00Z"),
        ("2025-12-06T12:00Z", "has no seconds", "2025-12-06T12:00:00Z"),
        ("2025-12-06T12:00:00+0200", "RFC 3339", "2025-12-06T12:00:00+02:00"),
        ("2025-12-06", "is a day without a time", None),
        ("2025-02-30T12:00:00Z", "does not exist", None),
        ("yesterday", "is no instant", None),
    ],
)
def test_a_malformed_instant_is_explained(text: str, reason: str, suggestion: str | None):
    finding = only(schema_findings("context", context(created_at=text)))
    assert told([finding]) == [("format-datetime", "/created_at")]
    assert reason in finding.message
    assert finding.data.get("suggestion") == suggestion


def test_every_repaired_instant_is_sound():
    for text in (
        "2025-12-06T12:00:00",
        "2025-12-06 12:00:00,5",
        "2025-12-06t12:00z",
        "2025-12-06T12:00:00+02",
    ):
        repaired = only(schema_findings("context", context(created_at=text))).data["suggestion"]
        assert schema_findings("context", context(created_at=repaired)) == []


def test_types_are_named_as_people_name_them():
    found = schema_findings("plan", plan(title=3, steps={}, trace=[]))
    assert [finding.message for finding in found] == [
        "`steps` must be a list, but is an object.",
        '`title` must be text, but is a number. Write `"3"`.',
        "`trace` must be an object, but is a list. It needs `trace_id` and `span_id`.",
    ]


def test_a_wrong_type_is_told_once_though_other_keywords_fail_as_well():
    assert told(schema_findings("plan", plan(status=3, plan_id=[]))) == [
        ("type-wrong", "/plan_id"),
        ("type-wrong", "/status"),
    ]


def test_an_event_of_a_document_may_have_no_data_or_null():
    event = {
        "event_id": identifier(1),
        "event_type": "plan.created",
        "source": "plan",
        "timestamp": "2025-01-01T00:00:00Z",
    }
    assert schema_findings("plan", plan(events=[event | {"data": None}])) == []
    finding = only(schema_findings("plan", plan(events=[event | {"data": 3}])))
    assert finding.message == "`data` must be an object or null, but is a number."


def test_an_event_type_with_underscores_is_repaired():
    event = {"event_id": identifier(1), "source": "x", "timestamp": "2025-01-01T00:00:00Z"}
    finding = only(schema_findings("plan", plan(events=[event | {"event_type": "SAStep_started"}])))
    assert told([finding]) == [("pattern-mismatch", "/events/0/event_type")]
    assert finding.data["suggestion"] == "sa.step.started"


def test_a_repeated_tag_is_told_where_it_is_repeated():
    document = context()
    document["meta"]["tags"] = ["a", "b", "a"]
    finding = only(schema_findings("context", document))
    assert told([finding]) == [("list-duplicates", "/meta/tags/2")]
    assert finding.related[0].place.pointer == ("meta", "tags", 0)


def test_a_number_below_the_least_is_told_with_the_least():
    finding = only(schema_findings("plan", plan(step(0, order_index=-1))))
    assert (finding.code, finding.message) == ("number-too-small", "`order_index` is `-1`; the least is 0.")


def test_an_empty_list_and_an_empty_text_are_told():
    assert told(schema_findings("plan", plan(steps=[], title=""))) == [
        ("list-empty", "/steps"),
        ("text-empty", "/title"),
    ]


def test_a_comment_is_one_information_and_otherwise_ignored():
    finding = only(schema_findings("plan", {"$comment": "a note"} | plan()))
    assert told([finding]) == [("comment-ignored", "key:/$comment")]
    assert finding.severity is Severity.INFORMATION


def test_a_comment_deeper_down_is_a_foreign_key():
    document = plan()
    document["meta"]["$comment"] = "no"
    assert told(schema_findings("plan", document)) == [("property-unknown", "key:/meta/$comment")]


@pytest.mark.parametrize("value", [None, 3, "text", [], [1]])
def test_a_document_that_is_no_object_is_told_so(value: object):
    assert told(schema_findings("plan", value)) == [("type-wrong", "")]


def test_a_lone_half_of_a_character_pair_does_not_stop_the_check():
    assert told(schema_findings("plan", plan(title="\ud800", status="x"))) == [
        ("value-not-allowed", "/status")
    ]


def test_the_schema_of_an_event_follows_its_content():
    assert schema_for("event", {"event_family": "graph_update"}).endswith("graph-update-event.schema.json")
    assert schema_for("event", {"event_family": "intent"}).endswith("event-core.schema.json")
    assert schema_for("event", {"event_type": "SAStepStarted"}).endswith("sa-event.schema.json")
    assert schema_for("event", {"event_type": "MAPTurnDispatched"}).endswith("map-event.schema.json")
    assert schema_for("event", {"source": "plan", "event_type": "a.b"}) == "common/events.schema.json"
    assert schema_for("sample", {"sample_family": "delta_impact"}).endswith("delta.schema.json")
    assert schema_for("sample", {"success_flag": True}) == "common/learning-sample.schema.json"
    assert schema_for("event", 3) == mplp_schemas.KINDS["event"]


def test_settings_have_no_schema_and_so_no_schema_findings():
    assert schema_findings("settings", {"anything": 1}) == []


def test_every_pattern_of_the_schemas_has_words_for_people():
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', "\n".join(map(_text, mplp_schemas.names()))))
    assert patterns
    for pattern in patterns:
        speaker = sentences.Speaker(mplp_schemas.KINDS["plan"], (), None, {"x": "?"})
        fault = sentences.Fault("pattern", ("x",), _unquoted(pattern))
        assert "form that is asked for" not in speaker.findings(fault)[0].message, pattern


def _text(name: str) -> str:
    return json.dumps(mplp_schemas.read(name))


def _unquoted(text: str) -> str:
    value: str = json.loads(text)
    return value


def split(kind: str, value: object, whole: str) -> list[Finding]:
    """The same document, checked part by part as the editor does."""
    header, counts, elements = value, {}, {}
    if isinstance(value, dict):
        elements = {key: member for key, member in value.items() if isinstance(member, list)}
        header = {key: [] if key in elements else member for key, member in value.items()}
        counts = {key: len(member) for key, member in elements.items()}
    of_header, of_element = (
        (header_findings, element_findings)
        if whole == "schema"
        else (own_header_findings, own_element_findings)
    )
    schema = schema_for(kind, header)
    return [
        *of_header(kind, header, counts),
        *(
            finding.below((field, index))
            for field, entries in elements.items()
            for index, entry in enumerate(entries)
            for finding in of_element(kind, field, entry, schema)
        ),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_header_and_entries_together_say_exactly_what_the_whole_says(kind: str):
    chance = random.Random(kind)
    base = sound(kind)
    if kind == "event":
        base |= {"target_roles": ["a", 3]}
    seen = 0
    for round_number in range(150):
        document = mutated(base, chance) if round_number else base
        if kind == "event" and round_number % 3 == 0 and isinstance(document, dict):
            document |= {"session_id": identifier(1)}
            document.pop("event_family", None)
        for whole, findings_of in (("schema", schema_findings), ("own", own_findings)):
            expected = {identity_of(finding): finding for finding in findings_of(kind, document)}
            found = {identity_of(finding): finding for finding in split(kind, document, whole)}
            assert found == expected, document
            seen += len(expected)
    assert seen > 100


@pytest.mark.parametrize("kind", MODULES)
def test_both_validators_find_the_same_faults(kind: str):
    chance = random.Random(kind)
    base = sound(kind)
    reference = shape.root(mplp_schemas.KINDS[kind]).base
    rust, python = rust_validator(reference), python_validator(reference)
    for _ in range(60):
        document = mutated(base, chance)
        fast = {(fault.keyword, fault.pointer, _plain(fault)) for fault in rust(document)}
        slow = {(fault.keyword, fault.pointer, _plain(fault)) for fault in python(document)}
        assert fast == slow, document


def _plain(fault: sentences.Fault) -> str:
    if fault.keyword in ("required", "enum", "minimum", "minItems", "minLength", "pattern", "format"):
        return repr(fault.parameter)
    return repr(sorted(map(str, fault.parameter))) if fault.keyword == "additionalProperties" else ""


def test_without_the_fast_validator_the_slow_one_says_the_same(monkeypatch: pytest.MonkeyPatch):
    documents = [plan(step(0, status="pendng"), 3, extra=1), plan(title=7), plan()]
    fast = [own_findings("plan", document) for document in documents]

    def no_wheel(*_: object) -> None:
        raise ImportError("no wheel for this system")

    monkeypatch.setattr(mplp_schemas, "rust_validator", no_wheel)
    validator_for.cache_clear()
    try:
        assert [own_findings("plan", document) for document in documents] == fast
    finally:
        validator_for.cache_clear()


@pytest.mark.parametrize("kind", [*KINDS, "settings"])
def test_no_value_whatever_makes_a_rule_fail(kind: str):
    chance = random.Random(kind)
    world = SmallWorld(facts("context", context()), facts("plan", plan()))
    for round_number in range(150):
        base = plan(step(0, 1), step(1, 0)) if kind == "plan" and round_number % 2 else _junk(chance, 3)
        value = mutated(base, chance)
        check(kind, value, facts(kind, value), world)


def _junk(chance: random.Random, depth: int) -> object:
    keys = (
        "steps",
        "status",
        "meta",
        "context_id",
        "trace",
        "events",
        "event_family",
        "sample_family",
        "agent_role",
    )
    act = chance.randrange(4 if depth else 2)
    if act == 2:
        return [_junk(chance, depth - 1) for _ in range(3)]
    if act == 3:
        return {key: _junk(chance, depth - 1) for key in chance.sample(keys, 4)}
    return chance.choice((None, True, 0, 1.5, "", "draft", "in_progress", "\ud800", identifier(1)))


def test_a_sound_step_costs_microseconds():
    entry = step(0, 1)
    own_element_findings("plan", "steps", entry)
    best = min(_seconds(lambda: own_element_findings("plan", "steps", entry)) for _ in range(20))
    assert best < 100e-6  # about 6 µs on an idle machine


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(100):
        work()
    return (time.perf_counter() - started) / 100


@pytest.mark.parametrize("validator", [rust_validator, python_validator])
def test_values_as_deep_as_the_text_layer_reads_are_checked(validator: Callable[[str], Validate]):
    deep: object = "\ud83d"
    for _ in range(512):
        deep = {"a": deep}
    check = validator(shape.root("mplp-context.schema.json").base)
    root = {"domain": "d", "environment": "e", "deep": deep}
    assert [fault.keyword for fault in check(context(root=root, status="actve"))] == ["enum"]
