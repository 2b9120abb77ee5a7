"""What a run does differently because several take part: whose turn it is, who reviews, what is merged.

A turn is recorded with the attempt that it is about, in the same transaction: its number, its participant and
the token. It is over when it has `ended`, or else when its attempt is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mplp_runtime.ael.action import Action, ActionResult, Outcome
from mplp_runtime.ael.agent_handoff import HandoffImpossible
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.bindings import Bound
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.sessions.merging import Merging
from mplp_runtime.orchestrator.sessions.session import Session
from mplp_runtime.orchestrator.sessions.sources import Standing, source_for
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import Answer, QuestionKind
from mplp_runtime.sources import NewId
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer

REWORKS = 3
"""How often a step is done again because its reviewer asks for changes, beyond the retries of its binding."""

APPROVED = "approved"
CHANGES_REQUESTED = "changes_requested"
REVIEW = "review"
HANDOFF = "handoff"

AskPerson = Callable[[str, QuestionKind, str], Awaitable[Answer]]
"""Asks a person at a step: the step's id, the kind of question, its words."""


class Conduct:
    """The session of one run under way. Belongs to the run's event loop."""

    def __init__(
        self,
        session: Session,
        state: RunState,
        chronicle: Chronicle,
        store: ValueStateLayer,
        layer: ActionExecutionLayer,
        new_id: NewId,
        merging: Merging,
        ask: AskPerson,
    ) -> None:
        self.session = session
        self._state = state
        self._chronicle = chronicle
        self._store = store
        self._layer = layer
        self._new_id = new_id
        self._merging = merging
        self._ask = ask
        merged_wave = state.run.get("merged_wave", 0)
        standing = Standing(state.scheduled, state.done_steps, state.assigned, state.attempts, merged_wave)
        self.source = source_for(session.mode, standing)
        turns = [turn for attempt in state.attempts.values() for turn in attempt["turns"]]
        self._last_turn = max((turn["turn"] for turn in turns), default=0)
        self._turns_before = self._last_turn
        """Turns up to this one were given before this process took the run up."""
        # Steps by their wave, of the waves that are not merged yet.
        self._members: dict[int, set[str]] = {}
        for step_id, attempt in state.attempts.items():
            if (wave := attempt["turns"][0]["wave"]) > merged_wave:
                self._members.setdefault(wave, set()).add(step_id)
        self._opener: tuple[int, str] | None = next(
            (
                (turn["wave"], step_id)
                for step_id, attempt in state.attempts.items()
                if "wave_steps" in (turn := attempt["turns"][0]) and turn["wave"] == self.source.wave
            ),
            None,
        )

    def first_turn(self, step_id: str) -> Record:
        """What the record of a new attempt at a step says of its turn; nobody has written it yet."""
        turn = self._turn(self.source.out[step_id], "do", self._new_token())
        for members in self._members.values():
            # What is done again belongs to the wave of its last turn.
            members.discard(step_id)
        self._members.setdefault(self.source.wave, set()).add(step_id)
        wave_steps = self.source.opened_steps
        if wave_steps and (self._opener is None or self._opener[0] != self.source.wave):
            self._opener = (self.source.wave, step_id)
            turn["opens"] = True
            turn["targets"] = sorted({self._state.assigned[each][0] for each in wave_steps})
        if wave_steps and self._opener == (self.source.wave, step_id):
            # A retry says it again, because only the latest attempt is looked at when a run is taken up.
            turn["wave_steps"] = list(wave_steps)
        if (asked := self._asked_changes(step_id)) is not None:
            turn["asked"] = asked
        return {"turns": [turn], "participant": self.session.participants[turn["participant"]].name}

    async def after(self, step_id: str, *, succeeded: bool) -> bool:
        """What follows the end of a step: the last one of a wave merges what the wave wrote.

        Also what earlier waves wrote whose last step was withdrawn, so that nobody came to merge it. Whether
        the run may count the step as a success: not where a conflict was left unresolved.
        """
        self.source.comes_to_its_end(step_id)
        if not self.source.is_last_of_wave(step_id):
            return succeeded
        self.source.is_merging = True
        try:
            for wave in sorted(self._members):
                # Each of them: what the others wrote counts also where one ends in disagreement.
                succeeded &= await self._merging.merge(wave, self._members.pop(wave), step_id)
        except BaseException:
            self.source.is_merging = False
            raise
        return succeeded

    def is_handed_to_person(self, bound: Bound) -> bool:
        """Whether an action is in the end a question to a person, so that asking again repeats nothing."""
        seen: set[str] = set()
        while bound.kind == "agent_handoff" and not bound.is_handoff_to_person:
            receiver = bound.settings.get("to")
            if not isinstance(receiver, str) or receiver in seen:
                return False
            seen.add(receiver)
            found = Bound.of_role(self._state.bindings, receiver)
            if found is None:
                return False
            bound = found
        return bound.is_handoff_to_person

    # Handing over: another participant does the step within the same attempt.

    def hand_over(
        self, attempt: Record, action: Action, after: int = 0
    ) -> Callable[[str], Awaitable[Outcome]]:
        """How an action of this attempt gives its step to another role; `after` is the turn it has, or 0.

        Whoever had the turn already when an earlier process ended keeps it.
        """

        async def handed(role: str) -> Outcome:
            receiver = self._state.run["session"]["receivers"].get(role)
            bound = Bound.of_role(self._state.bindings, role)
            if receiver is None or bound is None:
                # Only of a run that an earlier version began.
                raise HandoffImpossible(
                    f"The step is handed to the role `{role}`, and when this run began nobody was found who "
                    "has it. Run the plan again."
                )
            turn = self._left_open(attempt, receiver, after)
            if turn is None:
                turn = self._turn(receiver, HANDOFF, attempt["turns"][0].get("token_id"))
                turn["from"] = attempt["turns"][-1]["participant"]
                await self._dispatch(attempt, turn)
            result = await self._layer.execute(self._for(attempt, action, bound, turn["turn"]))
            status = "completed" if result.success else "failed"
            await self._complete(attempt, turn, status, result)
            return Outcome(
                result.success,
                result.output,
                result.error,
                result.exit_code,
                result.tail,
                result.timed_out,
                result.error_type,
            )

        return handed

    def _left_open(self, attempt: Record, receiver: int, after: int) -> Record | None:
        for turn in attempt["turns"]:
            is_left = after < turn["turn"] <= self._turns_before and "ended" not in turn
            if is_left and turn["duty"] == HANDOFF and turn["participant"] == receiver:
                return dict(turn)
        return None

    def _for(self, attempt: Record, action: Action, bound: Bound, turn: int = 0) -> Action:
        made = replace(action, kind=bound.kind, settings=bound.settings, limits=bound.limits)
        return replace(made, hand_over=self.hand_over(attempt, made, turn))

    # Reviewing: in a pair, one does a step and the other says whether it is right.

    def has_review(self, step_id: str) -> bool:
        """Whether somebody has to approve what a step did before it counts as done."""
        return self.session.mode == "pair" and step_id in self._state.assigned

    async def reviewed(self, attempt: Record, action: Action, result: ActionResult) -> ActionResult:
        """The result of a step after its review, where there is one; what was done is durable before it."""
        if not result.success or not self.has_review(attempt["step_id"]):
            return result
        doing = attempt["turns"][0]
        attempt["done"] = {
            "output": result.output,
            "tail": result.tail,
            "exit_code": result.exit_code,
            "finished_at": result.finished_at.isoformat(),
        }
        await self._complete(attempt, doing, "completed", result)
        return await self._review(attempt, action, result)

    def waits_for_review(self, attempt: Mapping[str, Any]) -> bool:
        """Whether the work of an attempt was done, and its process ended before it was reviewed."""
        return "done" in attempt and attempt["step_status"] == "in_progress"

    def may_review_again(self, attempt: Mapping[str, Any]) -> bool:
        """Whether a review that was under way may be asked for again without a person's consent."""
        last = _judging(attempt)
        if last["duty"] != REVIEW or "ended" in last:
            return True
        bound = self._reviewing(self._state.assigned[attempt["step_id"]][1])
        return bound is None or bound.idempotent or bound.kind == "simulated" or bound.is_handoff_to_person

    async def approve(self, attempt: Record) -> None:
        """A person says that what an attempt did is right, in place of a review that was interrupted."""
        await self._complete(attempt, _judging(attempt), APPROVED, None)

    async def refuse(self, attempt: Record, said: str) -> None:
        """The same for what is not right."""
        await self._complete(attempt, _judging(attempt), CHANGES_REQUESTED, None, said=said)

    async def review_done(self, attempt: Record, action: Action) -> ActionResult:
        """Goes on with the review of what an attempt had done before its process ended."""
        done, now = attempt["done"], self._chronicle.bus.stamper.clock()
        result = ActionResult(
            success=True,
            status="completed",
            started_at=records.instant(attempt["started_at"]),
            finished_at=now,
            output=done["output"],
            exit_code=done["exit_code"],
            attempts=attempt["attempt"],
            tail=done["tail"],
        )
        last = _judging(attempt)
        if last["duty"] == REVIEW and last.get("ended") in {APPROVED, CHANGES_REQUESTED}:
            return self._judged(result, last, str(last.get("said") or ""), now)
        is_open = last["duty"] == REVIEW and "ended" not in last
        if is_open and _is_person(self._reviewing(last["participant"])):
            # The person still has the turn, and is asked the same.
            return await self._review(attempt, action, result, last)
        for turn in reversed(attempt["turns"][1:]):
            # Also that of whoever the review was handed to.
            if "ended" not in turn:
                await self._complete(attempt, turn, "cancelled", None)
        return await self._review(attempt, action, result)

    async def _review(
        self, attempt: Record, action: Action, result: ActionResult, turn: Record | None = None
    ) -> ActionResult:
        step_id = attempt["step_id"]
        reviewer = self._state.assigned[step_id][1]
        if turn is None:
            turn = self._turn(reviewer, REVIEW, attempt["turns"][0].get("token_id"))
            turn["from"] = attempt["turns"][0]["participant"]
            await self._dispatch(attempt, turn)
        bound = self._reviewing(reviewer)
        who = self.session.participants[reviewer].name
        if bound is None or _is_person(bound):
            text = f"{who}, is this right? {action.step['description']}"
            answer = await self._ask(step_id, "handoff", text)
            success, said = answer.success, answer.output
        else:
            inputs = {**action.inputs, step_id: result.output}
            found = await self._layer.execute(replace(self._for(attempt, action, bound), inputs=inputs))
            success = found.success
            said = str(found.error or "") if not success else ""
            said = said if success or not isinstance(found.output, str) or not found.output else found.output
        status = APPROVED if success else CHANGES_REQUESTED
        await self._complete(attempt, turn, status, None, said=said)
        finished_at = self._chronicle.bus.stamper.clock()
        return self._judged(result, _judging(attempt), said, finished_at)

    def _judged(
        self, result: ActionResult, review: Mapping[str, Any], said: str, finished_at: datetime
    ) -> ActionResult:
        if review["ended"] == APPROVED:
            return replace(result, finished_at=finished_at)
        who = self.session.participants[review["participant"]].name
        why = f"{who} asks for changes{f': {said}' if said else '.'}"
        return replace(
            result,
            success=False,
            status="failed",
            error=why,
            error_type="changes_requested",
            finished_at=finished_at,
        )

    def _reviewing(self, reviewer: int) -> Bound | None:
        """What a reviewer does; None where a person is asked."""
        if self._state.run["simulated"]:
            return Bound.simulated()
        return Bound.of_role(self._state.bindings, self.session.participants[reviewer].role)

    def wants_rework(self, attempt: Mapping[str, Any]) -> bool:
        """Whether a step is to be done again because its reviewer asked for changes."""
        last = _judging(attempt)
        return bool(last.get("ended") == CHANGES_REQUESTED and attempt["attempt"] <= REWORKS)

    def _asked_changes(self, step_id: str) -> str | None:
        """What the reviewer of the latest attempt asked for; None where that is not why it runs again."""
        known = self._state.attempts.get(step_id)
        if known is None or _judging(known).get("ended") != CHANGES_REQUESTED:
            return None
        return str(known.get("error") or "")

    # Turns.

    def _turn(self, participant: int, duty: str, token_id: str | None) -> Record:
        self._last_turn += 1
        turn: Record = {
            "turn": self._last_turn,
            "turn_id": self._new_id(),
            "participant": participant,
            "duty": duty,
            "wave": self.source.wave,
        }
        if token_id is not None:
            turn["token_id"] = token_id
        return turn

    def _new_token(self) -> str | None:
        return self._new_id() if self.session.has_token else None

    async def _dispatch(self, attempt: Record, turn: Record) -> None:
        """Hands the turn, and the token with it, to another participant; durable before anything is done."""
        attempt["turns"] = [*attempt["turns"], turn]

        def work(transaction: Transaction) -> None:
            records.change_attempt(transaction, attempt)
            told = self._chronicle.session.dispatched(attempt["step_id"], turn)
            self._chronicle.tell(transaction, told)

        await self._store.transact(work)
        self._state.forget([attempt["step_id"]])

    async def _complete(
        self, attempt: Record, turn: Record, status: str, result: ActionResult | None, *, said: str = ""
    ) -> None:
        output = said if result is None else result.tail
        error = None if result is None else result.error
        ended = {**turn, "ended": status, **({"said": said} if said else {})}
        attempt["turns"] = [ended if each["turn"] == turn["turn"] else each for each in attempt["turns"]]

        def work(transaction: Transaction) -> None:
            records.change_attempt(transaction, attempt)
            told = self._chronicle.session.completed(
                attempt["step_id"], turn, status, output=output, error=error
            )
            self._chronicle.tell(transaction, told)

        await self._store.transact(work)
        self._state.forget([attempt["step_id"]])


def _is_person(bound: Bound | None) -> bool:
    return bound is None or bound.is_handoff_to_person


def _judging(attempt: Mapping[str, Any]) -> Record:
    """The turn that decides about an attempt so far: a review, where there is one; it may be handed on."""
    turns: list[Record] = attempt["turns"]
    return next((turn for turn in reversed(turns) if turn["duty"] != HANDOFF), turns[-1])
