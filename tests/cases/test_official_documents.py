"""The official documents as an editor shows them: sound ones clean, invalid ones with faults in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplp_lsp.workspace.kinds import FileRules
from tests.cases.seen import Shown, shown_in

OFFICIAL = Path(__file__).resolve().parents[2] / "../shared/mplp-v1.0.0"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not OFFICIAL.exists(), reason="the official files (../shared) are not at hand"),
]

# Both name events by ids that are no UUIDs, against their own schema.
REALLY_INVALID = {
    "flow-01-intent-sample.json": [(26, "format-uuid"), (27, "format-uuid")],
    "flow-05-confirm-sample.json": [(24, "format-uuid"), (25, "format-uuid"), (26, "format-uuid")],
}
FAULTS = {
    "confirm_invalid_enum": [(7, "id-malformed"), (9, "id-malformed"), (10, "value-not-allowed")],
    "context_extra_forbidden": [(6, "property-unknown"), (8, "id-malformed")],
    "context_invalid_datetime": [(5, "format-datetime"), (7, "id-malformed")],
    "context_invalid_uuid": [(7, "id-malformed")],
    "context_missing_required": [(1, "property-missing")],
    "plan_step_missing_id": [
        (1, "property-missing"),
        (7, "id-malformed"),
        (8, "id-malformed"),
        (12, "property-missing"),
    ],
}
SCHEMA_WORDS = ("schema", "pattern", "additionalProperties", "regex", "validation", "instance", "enum")
"""Words that a person who has never seen JSON Schema need not know."""


def examples() -> list[Path]:
    return sorted((OFFICIAL / "examples").rglob("*.json"))


def golden_folders() -> list[Path]:
    return sorted({path.parent for path in (OFFICIAL / "golden").glob("*/*/*.json")})


def loud(findings: list[Shown]) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in findings if one.is_loud]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.name)
def test_an_example_in_a_project_of_its_own_has_the_faults_it_has_and_no_other(path: Path) -> None:
    # The form in which modules embed events is told by its name only.
    rules = FileRules((("event.valid.json", "event"),))
    found = shown_in({path.name: path.read_text("utf-8")}, path.name, rules)
    assert loud(found) == REALLY_INVALID.get(path.name, [])


@pytest.mark.parametrize("folder", golden_folders(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_golden_folder_as_a_project_of_its_own_is_clean(folder: Path) -> None:
    files = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.json"))}
    assert len(files) >= 2
    for name in files:
        assert loud(shown_in(files, name)) == []


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_an_invalid_document_has_exactly_its_faults_on_their_lines_in_plain_words(name: str) -> None:
    text = (OFFICIAL / "invalid" / f"{name}.json").read_text("utf-8")
    kind = name.partition("_")[0]
    found = [
        one
        for one in shown_in({f"{name}.json": text}, f"{name}.json", FileRules((("**", kind),)))
        if one.is_loud
    ]
    assert loud(found) == FAULTS[name]
    for one in found:
        assert not any(word in one.message.replace("`schema_version`", "") for word in SCHEMA_WORDS)


def test_every_invalid_document_is_looked_at() -> None:
    assert {path.stem for path in (OFFICIAL / "invalid").glob("*.json")} == FAULTS.keys()
    assert all(json.loads(path.read_text("utf-8")) for path in (OFFICIAL / "invalid").glob("*.json"))
