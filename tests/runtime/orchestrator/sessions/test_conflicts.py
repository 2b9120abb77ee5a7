"""What a person says about a conflict, and whom it means."""

from __future__ import annotations

import pytest

from mplp_runtime.orchestrator.sessions.conflicts import Conflict, Write, meant_by

NAMES = {0: ("agent-1", "Ann"), 1: ("agent-10", "Anna Lee")}


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ("agent-10", 1),
        ("agent-1", 0),
        ("Ann", 0),
        (" anna lee ", 1),
        ("Take what Anna Lee wrote.", 1),
        ("the version of agent-10, please", 1),
        ("Ann or Anna Lee", None),
        ("the banner", None),
    ],
)
def test_a_name_that_begins_like_another_means_its_own_participant(answer: str, meant: int | None) -> None:
    writes = tuple(Write("graph_key", "owner", place, f"s{place}", place, place) for place in (0, 1))
    found = meant_by(answer, Conflict("graph_key", "owner", writes), NAMES)
    assert (None if found is None else found.participant) == meant
