"""What the schemas say about a place, however deep it lies."""

from __future__ import annotations

from mplp_runtime.rules import shape

PLAN = "mplp-plan.schema.json"


def test_a_place_deeper_than_calls_may_be_is_one_that_no_schema_knows() -> None:
    deep = ("meta", *["x", 0] * 5_000)
    assert shape.known_properties(PLAN, deep) == ()
    assert not shape.is_closed(PLAN, deep)
    assert "dependencies" in shape.known_properties(PLAN, ("steps", 7))
