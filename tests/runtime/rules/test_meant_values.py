"""The value that was certainly meant where one of a wrong type or form stands."""

import pytest

from mplp_runtime.rules.explain import explain_instant
from mplp_runtime.rules.meant_values import fits, meant_value, meant_version
from mplp_runtime.rules.schema import schema_findings
from mplp_schemas.formats import is_date_time
from tests.runtime.rules.documents import context, identifier, plan, step, told

PLAN = "mplp-plan.schema.json"


@pytest.mark.parametrize(
    ("pointer", "value", "types", "meant"),
    [
        (("meta", "protocol_version"), 1, ["string"], "1.0.0"),
        (("meta", "protocol_version"), 1.1, ["string"], "1.1.0"),
        (("meta", "created_at"), 1773480413, ["string"], "2026-03-14T09:26:53Z"),
        (("meta", "created_at"), 1773480413000, ["string"], "2026-03-14T09:26:53Z"),
        (("meta", "created_at"), 7, ["string"], None),
        (("meta", "tags"), "shop, spring", ["array"], ["shop", "spring"]),
        (("meta", "cross_cutting"), "security", ["array"], ["security"]),
        (("meta", "cross_cutting"), "colour", ["array"], None),
        (("steps", 0, "dependencies"), identifier(1), ["array"], [identifier(1)]),
        (("steps", 0, "dependencies", 0), {"step_id": identifier(1)}, ["string"], identifier(1)),
        (("steps", 0, "agent_role"), ["tester"], ["string"], "tester"),
        (("steps", 0, "agent_role"), ["tester", "lead"], ["string"], None),
        (("steps", 0, "order_index"), "3", ["integer"], 3),
        (("steps", 0, "order_index"), "third", ["integer"], None),
        (("steps", 0, "status"), True, ["string"], None),
        (("steps",), {identifier(1): {"description": "Test"}}, ["array"], None),
        (("title",), ["Release"], ["string"], None),
        (("plan_id",), 1, ["string"], None),
    ],
)
def test_a_value_is_offered_only_where_it_fits(pointer, value, types, meant):
    assert meant_value(PLAN, pointer, value, types) == meant


def test_nothing_is_known_of_a_place_the_schema_does_not_look_at():
    assert not fits(PLAN, ("colour",), "red")


@pytest.mark.parametrize(
    ("text", "meant"),
    [("v1.0.0", "1.0.0"), (" 1.0.0", "1.0.0"), ("1.0", "1.0.0"), ("2", "2.0.0"), ("1.0.0-beta", "1.0.0")],
)
def test_a_version_in_another_form_is_three_numbers(text, meant):
    assert meant_version(text) == meant


def test_a_word_is_no_version():
    assert meant_version("latest") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-14T09:26:53", "no offset"),
        ("2026-03-14T09:26:53 UTC", "RFC 3339"),
        ("2026-03-14T09:26:53+1", "RFC 3339"),
        ("2026-3-14T9:26:53Z", "RFC 3339"),
        ("20260314T092653Z", "RFC 3339"),
        ("2026-03-14T09:26:53.Z", "no digit after the point"),
        (" 2026-03-14T09:26:53Z", "blanks around it"),
        ("1773480413", "count since 1970"),
    ],
)
def test_an_instant_in_another_form_is_repaired_to_one_that_is_accepted(text, reason):
    explanation = explain_instant(text)
    assert reason in explanation.reason
    assert explanation.suggestion is not None
    assert is_date_time(explanation.suggestion)


@pytest.mark.parametrize(
    "text", ["2026-13-14T09:26:53Z", "2026-03-14T09:60:53Z", "2026-03-14T09:26:53+25:00"]
)
def test_an_instant_that_never_was_is_not_repaired(text):
    assert explain_instant(text).suggestion is None


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5_000])
def test_a_number_of_hundreds_of_digits_is_nobodys_instant(digits):
    assert explain_instant(digits).suggestion is None
    found = schema_findings("context", {"meta": {"created_at": int("9" * 400)}, "status": digits})
    assert any(one.place.pointer == ("meta", "created_at") and "suggestion" not in one.data for one in found)


def test_a_version_of_thousands_of_digits_is_read():
    assert meant_version("v001." + "0" * 5_000) == "1.0.0"


def test_a_key_of_ones_own_stands_for_the_only_thing_that_is_missing():
    document = plan()
    document["mission"] = document.pop("objective")
    found = schema_findings("plan", document)
    assert found[-1].message == "`mission` is not known here. Did you mean `objective`?"


def test_two_unknown_keys_stand_for_nothing():
    document = plan(colour="red")
    document["mission"] = document.pop("objective")
    assert all("suggestion" not in finding.data for finding in schema_findings("plan", document))


def test_a_key_is_sent_to_the_object_that_has_a_place_for_it():
    (finding,) = schema_findings("plan", plan(created_at="2026-03-14T09:26:53Z"))
    assert finding.message == "`created_at` is not known here. It belongs into `meta`."
    assert finding.data["home"] == "meta"


def test_null_is_left_out_where_nothing_is_asked_for_and_said_where_something_is():
    (optional,) = schema_findings("context", context(summary=None))
    assert optional.data["removable"]
    (needed,) = schema_findings("plan", plan(step(0, status=None)))
    assert "Allowed: pending" in needed.message
    assert told([needed]) == [("type-wrong", "/steps/0/status")]
