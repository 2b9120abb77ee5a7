"""Every fault of the corpus is shown where it is, in the words of its case file, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mplp_runtime.rules.catalogue import sections
from mplp_runtime.rules.catalogue.invariant_entries import invariant_section
from tests.cases.case import FOLDER, case_files, read_case

UPDATE = "MPLP_UPDATE_CASES"
"""Set to 1, the case files are rewritten with what the rules say today; read the difference."""

NOT_IN_CASES = {
    # What happened in a run, how bytes are read from disk, and floods: shown by tests of their own.
    "run-step-failed",
    "run-step-waiting",
    "run-step-interrupted",
    "run-drift",
    "encoding-invalid",
    "document-too-large",
    "findings-capped",
    "toml-nesting-too-deep",
    # The only constants name the family of an event, and the family chooses the schema.
    "const-mismatch",
}
LEAST_INVARIANTS = 22
"""How many invariants have a case; about the others a schema speaks first, or they wait for a run."""


@pytest.mark.parametrize("path", case_files(), ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_exactly_the_expected_findings_are_shown_at_exactly_the_marked_places(path: Path) -> None:
    case = read_case(path)
    found = case.with_findings()
    if os.environ.get(UPDATE) == "1":
        path.write_bytes(found.encode("utf-8"))
        return
    assert found == case.written


def test_every_code_has_a_case() -> None:
    shown = set().union(*(read_case(path).codes() for path in case_files()))
    known = {entry.code for section in sections() for entry in section.entries}
    invariants = {entry.code for entry in invariant_section().entries}
    assert known - invariants - shown == NOT_IN_CASES
    assert shown <= known
    assert len(shown & invariants) >= LEAST_INVARIANTS


def test_the_corpus_is_large() -> None:
    assert len(case_files()) >= 400
