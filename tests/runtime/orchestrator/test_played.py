"""Steps whose action answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator.played import PlayedSteps
from mplp_runtime.sources import system_clock

STEPS = {name: {"step_id": name, "description": name} for name in ("a", "b", "c")}


class Attempts:
    """Makes records, and no ledger."""

    def __init__(self) -> None:
        self.ledger = self
        self.player: PlayedSteps | None = None
        self.problem: Exception | None = None

    def play_soon(self) -> None:
        """Nothing is written here."""

    def played(self, step_id: str, *_: object) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        return {"step_id": step_id}


def played_steps(attempts: Attempts, finished: list[list[str]], woken: list[str]) -> PlayedSteps:
    """Once "a" is done "b" may begin, and after "b" nothing goes any more."""

    def take(step_ids: Sequence[str]) -> None:
        finished.append(list(step_ids))
        if "a" in step_ids:
            played.begin("b", "simulated")
        if "b" in step_ids:
            raise StoreError("No space is left on the device.")

    played = PlayedSteps(
        system_clock,
        attempts,  # type: ignore[arg-type]
        STEPS,
        take,
        lambda: woken.append("woken"),
    )
    return played


def ids(rounds: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    return [[record["step_id"] for record in records] for records in rounds]


def test_what_a_step_makes_ready_is_played_in_a_round_of_its_own() -> None:
    finished: list[list[str]] = []
    played = played_steps(Attempts(), finished, [])
    played.begin("a", "simulated")
    played.begin("c", "simulated")
    assert ids(played.play()) == [["a", "c"], ["b"]]
    assert finished == [["a", "c"], ["b"]]


def test_a_step_is_over_once_it_is_written_and_not_when_it_is_played() -> None:
    woken: list[str] = []
    played = played_steps(Attempts(), [], woken)
    played.begin("c", "simulated")
    assert played.has("c")
    assert ids(played.play()) == [["c"]]
    assert (woken, played.count, played.has("c")) == ([], 1, True)
    played.written(1)
    assert (woken, played.count, played.has("c")) == (["woken"], 0, False)
    assert ids(played.play()) == []


def test_in_a_run_that_ends_nothing_is_played_any_more() -> None:
    finished: list[list[str]] = []
    woken: list[str] = []
    played = played_steps(Attempts(), finished, woken)
    played.begin("a", "simulated")
    played.ending = "cancelled"
    assert ids(played.play()) == []
    assert (finished, woken, played.count) == ([], ["woken"], 0)


def test_a_run_whose_steps_cannot_be_played_is_woken_with_the_reason() -> None:
    attempts, woken = Attempts(), list[str]()
    played = played_steps(attempts, [], woken)
    attempts.problem = RuntimeError("a bug of ours")
    played.begin("a", "simulated")
    assert ids(played.play()) == []
    assert (played.problem, woken, played.count) == (attempts.problem, ["woken"], 0)


def test_a_run_that_cannot_go_on_after_a_step_keeps_that_step_and_is_woken_with_the_reason() -> None:
    woken: list[str] = []
    played = played_steps(Attempts(), [], woken)
    played.begin("b", "simulated")
    assert ids(played.play()) == [["b"]]
    assert str(played.problem) == "No space is left on the device."
    assert woken == ["woken"]
    played.written(1)
    assert played.count == 0
