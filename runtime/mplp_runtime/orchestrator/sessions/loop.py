"""The control loop of a run of several participants: the single agent's, with turns around its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mplp_runtime.ael.action import Action, ActionResult
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.bindings import Bound
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.run import RunLoop
from mplp_runtime.orchestrator.sessions.conduct import Conduct
from mplp_runtime.orchestrator.sessions.merging import Merging
from mplp_runtime.orchestrator.sessions.session import Session
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import Answer, QuestionKind

_REVIEW_UNKNOWN = (
    "The review of this step was under way when the process ended. Did it approve what was done? {}"
)


class SessionLoop(RunLoop):
    """Drives one run of several participants. What follows a turn is over before the next one begins."""

    def __init__(self, services: RunServices, state: RunState, chronicle: Chronicle) -> None:
        super().__init__(services, state, chronicle)
        session = Session.of(state.run["session"])
        merging = Merging(services.root, services.store, state, chronicle, session, self._ask_about_conflict)
        self._conduct = Conduct(
            session, state, chronicle, services.store, services.layer, services.new_id, merging, self._ask
        )
        self._source = self._conduct.source
        self._frontier = self._source
        self._attempts.first_turn = self._conduct.first_turn
        if state.run.get("not_completed_because") and state.run["on_failure"] != "continue-independent":
            # Nobody decided a conflict, and the process ended before the run did.
            self._stop_starting = True

    def _is_played(self, step_id: str, bound: Bound) -> bool:  # noqa: ARG002  # the same for all steps
        # Each turn has its own end, after which something may have to be merged or reviewed.
        return False

    def _release(self, step_id: str, *, succeeded: bool) -> None:
        """Nothing begins before what follows the step's end is over: its task ends then."""

    def _free_place(self, step_id: str, *, succeeded: bool) -> None:
        if not succeeded:
            self._source.ended(step_id)
        super()._free_place(step_id, succeeded=succeeded)

    def _pass_by(self, step_id: str) -> None:
        source = self._source
        if source.is_last_of_wave(step_id) and source.hold_for(step_id):
            # Nobody of the wave is left to merge what the others wrote.
            self._places.taken += 1
            self._begin(step_id, self._conduct.after(step_id, succeeded=True))
            return
        super()._pass_by(step_id)

    async def _step(self, step_id: str) -> bool:
        known = self._state.attempts.get(step_id)
        # A step that was done before this run was taken up is there again for what follows its end.
        is_done = known is not None and known["step_status"] == "completed"
        is_done = is_done or self._state.is_skipped(step_id)
        succeeded = is_done or await super()._step(step_id)
        return await self._conduct.after(step_id, succeeded=succeeded)

    async def _carried_out(self, attempt: Record, action: Action) -> ActionResult:
        result = await super()._carried_out(attempt, action)
        result = await self._conduct.reviewed(attempt, action, result)
        # What stood there for the review, in case the process ended before it, is told by the result now.
        attempt.pop("done", None)
        return result

    def _may_rework(self, attempt: Record) -> bool:
        return self._conduct.wants_rework(attempt)

    def _is_handed_to_person(self, bound: Bound) -> bool:
        return self._conduct.is_handed_to_person(bound)

    def _action_of(self, attempt: Record, inputs: Mapping[str, Any]) -> Action:
        action = super()._action_of(attempt, inputs)
        turn = attempt["turns"][0]
        who = self._conduct.session.participants[turn["participant"]]
        given = {**inputs, "changes_requested": turn["asked"]} if "asked" in turn else inputs
        step = {**action.step, "participant_id": who.participant_id}
        made = replace(action, step=step, inputs=given)
        return replace(made, hand_over=self._conduct.hand_over(attempt, made))

    async def _settle_interrupted(self, attempt: Record, bound: Bound) -> bool | None:
        conduct = self._conduct
        if not conduct.waits_for_review(attempt):
            return await super()._settle_interrupted(attempt, bound)
        if not conduct.may_review_again(attempt) and not self.repeat_interrupted:
            await self._decide_about_review(attempt)
        result = await conduct.review_done(attempt, self._action_of(attempt, {}))
        attempt.pop("done", None)
        will_retry = not result.success and conduct.wants_rework(attempt)
        written = self._attempts.result(attempt, result, will_retry=will_retry, answered_by=None)
        await to_the_end(written)
        return None if will_retry else result.success

    async def _decide_about_review(self, attempt: Record) -> None:
        """A review whose outcome nobody knows is not asked for again unless somebody says so."""
        if self.repeat_interrupted is False:
            await self._conduct.refuse(attempt, "The review was under way when the process ended.")
            return
        text = _REVIEW_UNKNOWN.format(self._state.steps[attempt["step_id"]]["description"])
        answer = await self._questions.ask(attempt["step_id"], "repeat", text)
        if answer.repeat:
            return
        if answer.success:
            await self._conduct.approve(attempt)
        else:
            await self._conduct.refuse(attempt, answer.output)

    async def _ask(self, step_id: str, kind: QuestionKind, text: str) -> Answer:
        return await self._questions.ask(step_id, kind, text)

    async def _ask_about_conflict(self, step_id: str, text: str) -> Answer:
        return await self._ask(step_id, "conflict", text)
