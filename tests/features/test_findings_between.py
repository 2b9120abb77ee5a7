"""Findings near a cursor, looked up without those of the whole document."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mplp_lsp.features.diagnostics import codes_in, findings_between, findings_of
from tests.features.plans import plan_value
from tests.project import project, uuid_of


def faulty_plan() -> str:
    plan = plan_value(steps=3)
    plan["steps"][0]["status"] = "pendng"
    plan["steps"][1]["dependencies"] = [uuid_of("nobody")]
    del plan["steps"][2]["description"]
    plan["unknown"] = 1
    return json.dumps(plan, indent=1)


@pytest.mark.parametrize("text", [faulty_plan(), faulty_plan().replace('"steps"', '"steps'), "["])
def test_the_findings_at_a_place_are_those_of_the_document_that_touch_it(text: str) -> None:
    seen = project(f"-- a.plan.json --\n{text}")
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    every = findings_of(seen.snapshot, document)
    assert every
    assert codes_in(seen.snapshot, document) == Counter(found.finding.code for found in every)
    for start in range(0, len(text) + 1, 3):
        for end in (start, start + 60):
            near = [found for found in every if found.start <= end and start <= found.end]
            assert findings_between(seen.snapshot, document, start, end) == near
