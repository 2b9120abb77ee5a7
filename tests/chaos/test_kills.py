"""Short runs of the kill harness in each of its ways, and the proof that it sees the faults it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import shim
from tests.chaos.figures import Figures, table
from tests.chaos.kills import run
from tests.chaos.looks import history_problems
from tests.chaos.mutations import Mutation
from tests.chaos.worker import Campaign

pytestmark = pytest.mark.timeout(600)
LIMIT_S = 500.0

at_system_calls = pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))


def figures_of(campaign: Campaign, folder: Path) -> Figures:
    found = run([campaign], folder, at_once=1, limit_s=LIMIT_S)[campaign.kind]
    print(table({campaign.kind: found}))
    return found


def test_nothing_acknowledged_is_lost_and_nothing_repeated_when_processes_are_killed_at_random(
    tmp_path: Path,
) -> None:
    states = ("a waiting handoff", "an encrypted store", "retries")
    found = figures_of(Campaign("random", "", 11, kills=6, scenarios=states), tmp_path)
    assert found.broken() == {}
    assert found.kills == 6
    assert found.kills_in_a_step > 0
    assert found.acknowledged > 0


@at_system_calls
def test_nothing_is_lost_when_the_process_is_killed_at_writes_and_fsyncs(tmp_path: Path) -> None:
    found = figures_of(
        Campaign("sweep", "", 11, scenario="a pending approval", first=51, stride=83), tmp_path
    )
    assert found.broken() == {}
    assert found.kills >= 4
    assert all(place.split(" ")[0] in shim.CHANGES for place in found.kills_by_place)


@at_system_calls
def test_nothing_acknowledged_is_lost_when_the_power_is_cut(tmp_path: Path) -> None:
    found = figures_of(Campaign("power", "", 11, scenario="a pending approval", stride=37), tmp_path)
    assert found.broken() == {}
    assert found.power_cuts >= 3


@at_system_calls
def test_a_full_or_broken_disk_is_told_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    found = figures_of(Campaign("disk", "", 11, scenario="a waiting handoff", first=9, stride=90), tmp_path)
    assert found.broken() == {}
    assert found.bad_disks >= 2


def test_the_harness_sees_when_times_go_back() -> None:
    one, two = (
        {"event_type": word, "timestamp": f"2026-01-01T00:00:0{at}Z"} for word, at in (("a", 1), ("b", 0))
    )
    assert [name for name, _ in history_problems([one, two], []) if name == "backwards"] == ["backwards"]
    assert [name for name, _ in history_problems([two, one], []) if name == "backwards"] == []


def test_the_harness_sees_when_started_steps_are_forgotten(tmp_path: Path) -> None:
    states = ("plain steps",)
    mutation: Mutation = "forgets starts"
    found = figures_of(Campaign("random", "", 11, kills=4, scenarios=states, mutation=mutation), tmp_path)
    assert found.repeated


@at_system_calls
def test_the_harness_sees_when_the_state_is_not_brought_to_disk(tmp_path: Path) -> None:
    found = figures_of(
        Campaign("power", "", 11, scenario="a waiting handoff", stride=7, mutation="skips fsync"), tmp_path
    )
    assert found.lost
