"""Steps whose action answers at once: no task is made for them, and they begin and end in one commit.

Elsewhere the start of an action must be on disk before it, because nobody could tell after a crash whether it
was carried out. An action that changes nothing has no such moment: what it returned is on disk, or it is
played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mplp_runtime.ael.simulated import simulated_output
from mplp_runtime.orchestrator.attempts import AttemptRecords
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.sources import Clock, timestamp

AT_ONCE = frozenset({"simulated"})
"""Kinds of actions that never wait for anything, change nothing and always succeed."""


_AHEAD = 16
"""Steps that are handed over at once, at least: in a chain each is a commit, a few milliseconds for all."""


class PlayedSteps:
    """First attempts at steps that answer at once.

    They are played in rounds, each of them a commit: the first has what is ready, the next one what that
    makes ready. `finished` is called with the ids of a round, and begins those of the next. `wake` is called
    when no step needs anything any more.
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
        # Steps of the next round, and their kinds; and rounds that are being written.
        self._next: list[tuple[str, str]] = []
        self._under_way: Sequence[Sequence[Record]] = ()
        self.count = 0
        self.problem: BaseException | None = None
        self.ending: str | None = None
        attempts.ledger.player = self

    def begin(self, step_id: str, kind: str) -> None:
        """Has the step played in the next round."""
        self.count += 1
        self._next.append((step_id, kind))
        self._attempts.ledger.play_soon()

    def has(self, step_id: str) -> bool:
        """Whether the step is going to be played, or what became of it is not on disk yet."""
        return any(step_id == each for each, _ in self._next) or any(
            step_id == record["step_id"] for records in self._under_way for record in records
        )

    def play(self) -> Sequence[Sequence[Record]]:
        """Plays what is due, and hands over the records of each round; none once the run is about to end."""
        rounds: list[Sequence[Record]] = []
        count = 0
        at = timestamp(self._clock())
        try:
            while self._next and count < _AHEAD:
                due, self._next = self._next, []
                if self.ending is not None:
                    self._settle(len(due))
                    break
                rounds.append([self._played(step_id, kind, at) for step_id, kind in due])
                count += len(due)
                # Should this round not get to disk, no later one does, and the run stops.
                self._finished([step_id for step_id, _ in due])
        except Exception as problem:
            # For the run's own loop to raise; nobody waits for what happens here.
            self._next = []
            self.failed(problem, self.count - sum(map(len, rounds)))
        self._under_way = rounds
        return rounds

    def written(self, count: int) -> None:
        """So many steps are on disk: they are done."""
        self._under_way = ()
        self._settle(count)

    def failed(self, problem: BaseException, count: int) -> None:
        """So many steps could not be played or written."""
        self._under_way = ()
        self.problem = self.problem or problem
        self._settle(count)

    def _played(self, step_id: str, kind: str, at: str) -> Record:
        return self._attempts.played(step_id, kind, at, simulated_output(self._steps[step_id]))

    def _settle(self, count: int) -> None:
        self.count -= count
        if not self.count or self.problem is not None:
            self._wake()
