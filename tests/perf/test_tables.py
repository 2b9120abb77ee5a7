"""The page of the benchmark."""

from __future__ import annotations

from tests.perf import tables


def test_what_people_have_written_stays_when_it_is_measured_again() -> None:
    words = f"{tables.BY_HAND}\nBecause.\n"
    assert tables.by_hand(f"# Benchmarks\n\n| open | 1 |\n{words}") == words
    assert tables.by_hand("# Benchmarks\n") == ""
