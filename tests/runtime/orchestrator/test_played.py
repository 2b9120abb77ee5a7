"""Steps whose action answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator.played import PlayedSteps
from mplp_runtime.sources import system_clock


class Attempts:
    """Remembers at which instant each step was told to begin; None is that of its own beginning."""

    def __init__(self) -> None:
        self.ledger = self
        self.player: PlayedSteps | None = None
        self.began: dict[str, str | None] = {}

    def begun(self, step_id: str, _kind: str, at: str | None) -> dict[str, Any]:
        self.began[step_id] = at
        return {"step_id": step_id}

    def start_played(self, attempt: object) -> None:
        """Nothing is written here."""

    def end_played(self, attempt: object) -> None:
        """Nothing is written here."""


def test_a_step_that_begins_after_an_error_is_not_said_to_have_begun_at_an_earlier_end() -> None:
    attempts = Attempts()

    def finished(step_ids: Sequence[str]) -> None:
        played.begin("next", "simulated")
        if step_ids == ["a"]:
            raise StoreError("No space is left on the device.")

    steps = {name: {"step_id": name, "description": name} for name in ("a", "next", "later")}
    played = PlayedSteps(system_clock, attempts, steps, finished, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        played.begun([{"step_id": "a"}])
    assert attempts.began["next"] is not None, "what it made ready begins at its end"
    played.begin("later", "simulated")
    assert attempts.began["later"] is None
