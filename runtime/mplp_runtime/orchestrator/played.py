"""Steps whose action answers at once: no task is made for them, and they end where they begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mplp_runtime.ael.action import Action, ActionResult
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.orchestrator.attempts import AttemptRecords, changes_by, ended
from mplp_runtime.orchestrator.ledger import Entry, Inputs
from mplp_runtime.orchestrator.records import Record

AT_ONCE = frozenset({"simulated"})
"""Kinds of actions that never wait for anything."""


class PlayedSteps:
    """First attempts at steps that answer at once. Their start is on disk before they are played, too.

    `finished` is called with a step's id and success as soon as that is known and handed in to be written;
    what it makes ready starts in the same commit. `wake` is called when a step needs nothing any more.
    """

    def __init__(
        self,
        layer: ActionExecutionLayer,
        attempts: AttemptRecords,
        action_of: Callable[[Record, Inputs], Action],
        finished: Callable[[str, bool], None],
        wake: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._attempts = attempts
        self._action_of = action_of
        self._finished = finished
        self._wake = wake
        self.count = 0
        self.problem: BaseException | None = None
        self.ending: str | None = None

    def begin(self, step_id: str, kind: str) -> None:
        """Hands the step's start in; the rest follows once it is written."""
        self.count += 1
        record = self._attempts.begun(step_id, kind)
        self._attempts.ledger.start(Entry(record, lambda inputs: self._play(record, inputs), self._fail))

    def _play(self, attempt: Record, inputs: Inputs) -> None:
        if self.ending is not None:
            self._leave(attempt)
            return
        try:
            result = answer_of(self._layer, self._action_of(attempt, inputs))
        except Exception as problem:
            self._fail(problem)
            return
        self._end(attempt, changes_by(result, will_retry=False), result.output if result.success else None)
        self._finished(attempt["step_id"], result.success)

    def _leave(self, attempt: Record) -> None:
        """The run ends between the step's start and its action."""
        if self.ending == "cancelled":
            self._end(attempt, self._attempts.changes_by_cancelling(attempt["step_id"]), None)
        else:
            self._done({})

    def _end(self, attempt: Record, changes: dict[str, Any], output: Any) -> None:
        record = ended(attempt, output, changes)
        self._attempts.ledger.end(Entry(record, self._done, self._fail, output))

    def _done(self, _nothing: Inputs) -> None:
        self.count -= 1
        if not self.count:
            self._wake()

    def _fail(self, problem: BaseException) -> None:
        self.count -= 1
        self.problem = self.problem or problem
        self._wake()


def answer_of(layer: ActionExecutionLayer, action: Action) -> ActionResult:
    """What an action answers that never waits. Raises RuntimeError where it does wait, which is our bug."""
    execution = layer.execute(action)
    try:
        execution.send(None)
    except StopIteration as answered:
        result: ActionResult = answered.value
        return result
    execution.close()
    raise RuntimeError(f"the action {action.kind} was to answer at once, and waits")
