"""Steps whose action answers at once: no task is made for them, and they end where they begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mplp_runtime.ael.simulated import simulated_output
from mplp_runtime.orchestrator.attempts import SHOWN_CHARACTERS, AttemptRecords, ended
from mplp_runtime.orchestrator.ledger import Entry
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.sources import Clock, timestamp

AT_ONCE = frozenset({"simulated"})
"""Kinds of actions that never wait for anything and always succeed."""


class PlayedSteps:
    """First attempts at steps that answer at once. Their start is on disk before they are played, too.

    `finished` is called with the ids of steps as soon as they are done and handed in to be written; what they
    make ready starts in the same commit. `wake` is called when a step needs nothing any more.
    """

    def __init__(
        self,
        clock: Clock,
        attempts: AttemptRecords,
        steps: Mapping[str, Mapping[str, Any]],
        finished: Callable[[Sequence[str]], None],
        wake: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._attempts = attempts
        self._steps = steps
        self._finished = finished
        self._wake = wake
        self.count = 0
        # While steps end: the instant, at which what they make ready begins.
        self._at: str | None = None
        self.problem: BaseException | None = None
        self.ending: str | None = None
        attempts.ledger.player = self

    def begin(self, step_id: str, kind: str) -> None:
        """Hands the step's start in; the rest follows once it is written."""
        self.count += 1
        self._attempts.ledger.start_played(self._attempts.begun(step_id, kind, self._at))

    def begun(self, attempts: Sequence[Record]) -> None:
        """Plays the steps whose start was written, unless the run ends between that and their action."""
        if self.ending is not None:
            for attempt in attempts:
                self._leave(attempt)
        elif attempts:
            began_at = self._clock()
            outputs = [simulated_output(self._steps[attempt["step_id"]]) for attempt in attempts]
            ended_at = self._clock()
            finished_at, duration_s = timestamp(ended_at), round((ended_at - began_at).total_seconds(), 3)
            end = self._attempts.ledger.end_played
            for attempt, output in zip(attempts, outputs, strict=True):
                end(
                    {
                        **attempt,
                        "status": "completed",
                        "step_status": "completed",
                        "segment_status": "completed",
                        "finished_at": finished_at,
                        "duration_s": duration_s,
                        "tail": output[-SHOWN_CHARACTERS:],
                        "output_in_tail": True,
                    }
                )
            self._at = finished_at
            try:
                self._finished([attempt["step_id"] for attempt in attempts])
            finally:
                # A step that begins later must not be told to have begun now.
                self._at = None

    def ended(self, count: int) -> None:
        """So many ends were written."""
        if count:
            self.count -= count
            if not self.count:
                self._wake()

    def failed(self, problem: BaseException, count: int) -> None:
        """So many starts and ends could not be written."""
        if count:
            self.count -= count
            self.problem = self.problem or problem
            self._wake()

    def _leave(self, attempt: Record) -> None:
        if self.ending != "cancelled":
            self.ended(1)
            return
        record = ended(attempt, None, self._attempts.changes_by_cancelling(attempt["step_id"]))
        self._attempts.ledger.end(
            Entry(record, lambda _nothing: self.ended(1), lambda problem: self.failed(problem, 1))
        )
