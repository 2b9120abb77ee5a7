"""Time that never goes back, and ids that never come twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from mplp_runtime.sources import SteadyClock, new_uuid, new_uuids, timestamp

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_clock_that_is_set_back_by_an_hour_lets_no_step_end_before_it_began() -> None:
    times = {"wall": NOON, "elapsed": 5.0}
    clock = SteadyClock(lambda: times["wall"], lambda: times["elapsed"])  # type: ignore[arg-type, return-value]
    began = clock()
    times.update(wall=NOON - timedelta(hours=1), elapsed=7.5)
    assert clock() - began == timedelta(seconds=2.5)
    times.update(wall=NOON - timedelta(minutes=59), elapsed=67.5)
    assert clock() - began == timedelta(seconds=62.5)


def test_a_clock_that_has_caught_up_tells_the_systems_time_again() -> None:
    times = {"wall": NOON, "elapsed": 0.0}
    clock = SteadyClock(lambda: times["wall"], lambda: times["elapsed"])  # type: ignore[arg-type, return-value]
    times.update(wall=NOON - timedelta(seconds=10), elapsed=1.0)
    assert clock() == NOON + timedelta(seconds=1)
    times.update(wall=NOON + timedelta(seconds=5), elapsed=2.0)
    assert clock() == NOON + timedelta(seconds=5)


def test_a_timestamp_has_milliseconds_and_is_in_utc_whatever_the_offset() -> None:
    assert timestamp(datetime.fromisoformat("0999-01-02T03:04:05.6789+01:00")) == "0999-01-02T02:04:05.678Z"
    assert timestamp(NOON) == "2026-01-01T12:00:00.000Z"


def test_ids_made_many_at_a_time_are_uuids_of_version_4_and_none_is_given_out_twice() -> None:
    found = [*new_uuids(300), *(new_uuid() for _ in range(300)), *new_uuids(1), *new_uuids(0)]
    assert len(found) == len(set(found)) == 601
    for text in found:
        read = UUID(text)
        assert (str(read), read.version, read.variant) == (text, 4, RFC_4122)
