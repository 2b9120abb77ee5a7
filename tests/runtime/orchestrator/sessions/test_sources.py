"""Which step a session takes, as a law: an interrupted session goes on as it would have gone on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.orchestrator.schedule import ScheduledStep
from mplp_runtime.orchestrator.sessions.sources import Standing, TurnSource, source_for

MODES = ("broadcast", "round_robin", "swarm")


@st.composite
def plans(draw: st.DrawFn) -> tuple[ScheduledStep, ...]:
    """Steps that only depend on earlier ones."""
    count = draw(st.integers(1, 8))
    steps = []
    for position in range(count):
        needs = draw(st.sets(st.integers(0, position - 1), max_size=2)) if position else set()
        steps.append(
            ScheduledStep(f"s{position}", tuple(f"s{each}" for each in sorted(needs)), None, position)
        )
    return tuple(steps)


def source(
    mode: str,
    steps: tuple[ScheduledStep, ...],
    done: set[str],
    attempts: Mapping[str, Mapping[str, Any]],
    merged_wave: int = 0,
) -> TurnSource:
    assigned = {step.step_id: (step.position % 2, 1 - step.position % 2) for step in steps}
    return source_for(mode, Standing(steps, done, assigned, attempts, merged_wave))


def noted(found: TurnSource, step_id: str, attempts: dict[str, dict[str, Any]]) -> None:
    """What the state knows of a turn that was just given."""
    turn: dict[str, Any] = {"wave": found.wave}
    opened = [each for each in attempts.values() if each["turns"][0]["wave"] == found.wave]
    if found.opened_steps and not opened:
        turn["wave_steps"] = list(found.opened_steps)
    attempts[step_id] = {"turns": [turn]}


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
@given(plans(), st.data())
def test_every_step_gets_its_turn_after_what_it_waits_for_also_after_crashes(
    mode: str, steps: tuple[ScheduledStep, ...], data: st.DataObject
) -> None:
    done: set[str] = set()
    attempts: dict[str, dict[str, Any]] = {}
    merged_wave = 0
    needs = {step.step_id: set(step.dependencies) for step in steps}
    found = source(mode, steps, done, attempts)
    out: list[str] = []
    for _ in range(200):
        while (step_id := found.take()) is not None:
            assert step_id in done or needs[step_id] <= done
            if step_id not in done:
                noted(found, step_id, attempts)
            out.append(step_id)
        if not out:
            break
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            # The process is gone; what was out is taken again.
            found, out = source(mode, steps, done, attempts, merged_wave), []
            continue
        step_id = out.pop(data.draw(st.integers(0, len(out) - 1)))
        done.add(step_id)
        if found.is_last_of_wave(step_id):
            merged_wave = found.wave
        found.finish(step_id)
    assert done == set(needs)
    # Nobody's wave came before one that it waits for.
    waves = {step_id: attempt["turns"][0]["wave"] for step_id, attempt in attempts.items()}
    if mode != "swarm":
        assert all(waves[each] < waves[step_id] for step_id, before in needs.items() for each in before)


@pytest.mark.parametrize("mode", MODES)
def test_the_last_step_of_a_wave_that_was_not_merged_comes_again(mode: str) -> None:
    steps = (ScheduledStep("s0", (), None, 0), ScheduledStep("s1", ("s0",), None, 1))
    attempts: dict[str, dict[str, Any]] = {}
    before = source(mode, steps, set(), attempts)
    assert before.take() == "s0"
    noted(before, "s0", attempts)

    again = source(mode, steps, {"s0"}, attempts)
    assert again.take() == "s0"
    assert again.take() is None
    assert again.wave == 1
    again.finish("s0")
    assert again.take() == "s1"
    assert again.wave == 2

    merged = source(mode, steps, {"s0"}, attempts, merged_wave=1)
    assert merged.take() == "s1"
    assert merged.wave == 2


@pytest.mark.parametrize("mode", ["broadcast", "swarm"])
def test_of_two_turns_that_end_in_the_same_commit_the_second_is_the_last_of_its_wave(mode: str) -> None:
    steps = (ScheduledStep("s0", (), None, 0), ScheduledStep("s1", (), None, 1))
    found = source(mode, steps, set(), {})
    assert [found.take(), found.take()] == ["s0", "s1"]
    found.comes_to_its_end("s0")
    assert not found.is_last_of_wave("s0")
    found.comes_to_its_end("s1")
    assert found.is_last_of_wave("s1")
    # Its step left with the first; the second, done again, is nobody's last before it ends once more.
    found.finish("s0")
    found.again("s1")
    assert found.take() == "s1"
    assert "s0" not in found.out
