"""A short run of the kill harness, and the proof that it can see the fault it looks for."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.kills import kill_often


def test_no_acknowledged_step_is_lost_and_none_is_repeated_without_consent(tmp_path: Path) -> None:
    figures = kill_often(8, seed=11, folder=tmp_path)
    print(figures.text())
    assert figures.kills == 8
    assert figures.share_in_a_step >= 0.2
    assert figures.acknowledged == 12 * figures.plans
    assert (figures.lost, figures.repeated, figures.broken) == ([], [], [])


def test_the_harness_sees_when_started_steps_are_forgotten(tmp_path: Path) -> None:
    figures = kill_often(4, seed=11, folder=tmp_path, forget=True)
    print(figures.text())
    assert not figures.is_good
