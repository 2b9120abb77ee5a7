"""Whatever stands in a file, every feature answers with something an editor can use.

`make fuzz` looks at MPLP_FUZZ_DOCUMENTS=20000 of them; every prefix of real plans is among these.
"""

from __future__ import annotations

import logging
import os

import pytest

from mplp_lsp.server.routes import BY_METHOD
from mplp_runtime.kinds import MODULES
from tests.fuzz.breaking import broken, number_of_prefixes
from tests.fuzz.editor import ONWARD
from tests.fuzz.running import SURELY_ANSWERED, run
from tests.fuzz.snippets import snippets
from tests.fuzz.sources import sources

DOCUMENTS = int(os.environ.get("MPLP_FUZZ_DOCUMENTS", "150"))
FIRST = int(os.environ.get("MPLP_FUZZ_FIRST", "0"))
"""For runs in several processes: the number of the first document."""


@pytest.mark.timeout(max(300, DOCUMENTS))
def test_every_feature_answers_about_every_broken_document(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        tally = run(range(FIRST, FIRST + DOCUMENTS))
    assert tally.faults == {}, "\n\n" + tally.report()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert tally.documents == DOCUMENTS
    assert tally.ours >= 0.9 * DOCUMENTS
    assert set(tally.asked) == set(BY_METHOD), "every route is asked"
    missing = SURELY_ANSWERED - set(tally.answered)
    assert not missing, "questions at broken places that never find anything test nothing"
    slowest, number = tally.slowest
    with capsys.disabled():
        if DOCUMENTS > 1_000:
            print(f"\n{tally.documents} documents; slowest: {slowest} in document {number}")  # noqa: T201


def test_every_route_that_goes_on_from_an_answer_is_reached() -> None:
    onward = {method for methods in ONWARD.values() for method in methods}
    assert {method for method, route in BY_METHOD.items() if route.takes == "item"} <= onward


def test_documents_of_all_kinds_are_broken_and_a_number_is_always_the_same_document() -> None:
    names = {source.name for source in sources()}
    assert {"mplp.toml", "all.events.ndjson"} <= names
    for kind in MODULES:
        assert any(f".{kind}.json" in name for name in names), kind
    assert len(snippets()) > 300
    assert broken(44) == broken(44)
    assert len({broken(number).text for number in range(300)}) > 250


def test_twenty_thousand_documents_hold_every_prefix_and_every_snippet() -> None:
    prefixes = {(document.name, document.text) for document in map(broken, range(0, 20_000, 5))}
    prefixes |= {(document.name, document.text) for document in map(broken, range(1, 20_000, 5))}
    assert len(prefixes) == number_of_prefixes()
    assert {broken(number).text for number in range(2, 20_000, 5)} == set(snippets())
