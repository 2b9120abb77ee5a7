"""Which steps may not start yet, and what lets them: a person, a Confirm, a tool that has succeeded since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypedDict

from mplp_runtime.approval_judgement import StepApproval
from mplp_runtime.events.families import pipeline_stage
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.outside import Outside, why_blocked
from mplp_runtime.orchestrator.questions import Questions
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.step_confirms import why_pending, why_rejected
from mplp_runtime.orchestrator.views import Answer
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Edge, Transaction

_Word = Literal["requested", "approved", "rejected", "cancelled"]
_ASKED_OVER = "asked_over"
_OPENED_OVER = "opened_over"
_STAGE: Mapping[_Word, str] = MappingProxyType(
    {"requested": "pending", "approved": "completed", "rejected": "failed", "cancelled": "cancelled"}
)


class _Asked(TypedDict):
    """What a person is asked about a step, as the run's record keeps it over a restart.

    `over` is the Confirm as it stood then, None without one. `confirm_id` is that of what is asked for: a
    Confirm that waits, or one of the graph alone where the settings ask; "" where neither does.
    """

    over: list[str] | None
    confirm_id: str
    at: str


class Gates:
    """The gates of one run. Whether a step has one is only a look into memory, unless tools may block."""

    def __init__(
        self, services: RunServices, state: RunState, chronicle: Chronicle, questions: Questions
    ) -> None:
        self._services = services
        self._state = state
        self._chronicle = chronicle
        self._questions = questions
        self._outside = Outside(services.store, state)
        self._confirms = services.confirms

    def has(self, step_id: str) -> bool:
        """Whether the step starts only after an answer or a decision, or once a failed tool succeeds."""
        if step_id in self._state.run.get("opened", ()):
            return self.has_anew(step_id)
        if step_id in self._state.gates or self._confirms.is_gated(step_id) or self._asked(step_id):
            return True
        return bool(self._outside.failing_tools())

    def has_anew(self, step_id: str) -> bool:
        """Whether a Confirm keeps a step that was let in from starting: one that has come since."""
        confirm = self._confirms.of(step_id)
        if self._asked(step_id):
            return True
        if confirm is None or confirm.word == "approved":
            return False
        return bool(self._state.run.get(_OPENED_OVER, {}).get(step_id) != _which(confirm))

    async def opened(self, step_id: str) -> bool:
        """Whether the step may start; waits until that is decided, and writes what was."""
        answer, confirm = await self._decision(step_id)
        state, chronicle = self._state, self._chronicle

        def work(transaction: Transaction) -> Record:
            run = records.read_run(transaction, state.run_id) or {}
            if confirm is not None and confirm.confirm_id:
                # What its document says, should that not be what a person has answered.
                word = _word_of(answer) if confirm.word == "pending" else confirm.word
                self._tell(transaction, step_id, confirm.confirm_id, word)
            else:
                self._tell_without_document(transaction, step_id, answer)
            if answer.success:
                why = answer.output or "approved by a person"
                chronicle.step_blocked(transaction, step_id, why, opened=True)
                opened = list(dict.fromkeys([*run.get("opened", ()), step_id]))
                decided = {"opened": opened, **self._over(run, step_id)}
            else:
                chronicle.steps_skipped(transaction, {step_id: answer.output or "declined by a person"})
                decided = {"declined": [*run.get("declined", ()), step_id]}
            if _ASKED_OVER in run:
                decided[_ASKED_OVER] = {each: of for each, of in run[_ASKED_OVER].items() if each != step_id}
            return records.change_run(transaction, state.run_id, **decided)

        state.take_run(await self._services.store.transact(work))
        self._services.changed(state)
        return answer.success

    async def _decision(self, step_id: str) -> tuple[Answer, StepApproval | None]:
        """May the step start? With the Confirm by which that is decided, where it is by one."""
        confirm = self._confirms.of(step_id)
        if confirm is not None and confirm.word == "rejected":
            # Also where a person said yes before the process ended: this came later.
            return await self._written(step_id, None, Answer(False, why_rejected(confirm)))
        before, known = self._questions.answered(step_id, "gate"), self._asked(step_id)
        asked = self._to_ask(step_id, confirm)
        is_waiting = confirm is not None and confirm.word == "pending"
        if known is not None:
            # A Confirm that waits and is not what a person was asked about has no answer yet.
            if before is None or (is_waiting and asked is not known):
                before = self._decided_elsewhere(step_id, known["over"])
            if before is not None:
                return await self._written(step_id, known["over"], before)

        def waited(waiting: asyncio.Future[Answer]) -> Awaitable[Answer]:
            return self._outside.answered(waiting, lambda: self._decided_elsewhere(step_id, asked["over"]))

        def told(transaction: Transaction) -> None:
            if asked is known:
                return
            run = records.read_run(transaction, self._state.run_id) or {}
            every = {**run.get(_ASKED_OVER, {}), step_id: asked}
            records.change_run(transaction, self._state.run_id, **{_ASKED_OVER: every})
            if asked["confirm_id"]:
                self._tell(transaction, step_id, asked["confirm_id"], "requested")

        answer = await self._questions.ask_gate(step_id, self._text(step_id, confirm), waited, told)
        now = self._confirms.of(step_id)
        if now is not None and now.word == "pending" and _which(now) != asked["over"]:
            # One that has come since: nobody was asked about that, and nothing is signed unseen.
            return await self._decision(step_id)
        return await self._written(step_id, asked["over"], answer)

    def _asked(self, step_id: str) -> _Asked | None:
        """What a person is asked about the step, also before this process; None once that is decided."""
        found: _Asked | None = self._state.run.get(_ASKED_OVER, {}).get(step_id)
        return found

    def _to_ask(self, step_id: str, confirm: StepApproval | None) -> _Asked:
        """What a person is to be asked; the same as before where nothing has changed since."""
        known, over = self._asked(step_id), None if confirm is None else _which(confirm)
        if known is not None and known["over"] == over:
            return known
        confirm_id = confirm.confirm_id if confirm is not None and confirm.word == "pending" else ""
        if not confirm_id and step_id in self._state.gates:
            confirm_id = self._services.new_id()
        return {"over": over, "confirm_id": confirm_id, "at": timestamp(self._services.clock())}

    def _text(self, step_id: str, confirm: StepApproval | None) -> str | None:
        """What a person is asked; None where no more is to be said than that it is about the step."""
        failing = self._outside.failing_tools()
        text = why_blocked(failing) if failing else None
        if confirm is None or confirm.word != "pending":
            return text
        told = f"{text.partition(' May ')[0]} " if text is not None else ""
        return told + why_pending(self._state.steps[step_id]["description"], confirm)

    def _decided_elsewhere(self, step_id: str, over: list[str] | None) -> Answer | None:
        """What has been decided since a person was asked; `over` is how a Confirm stood then."""
        now = self._confirms.of(step_id)
        if now is not None and now.word == "rejected":
            return Answer(False, why_rejected(now))
        if now is not None and now.word == "pending":
            return None
        is_approved = now is not None and _which(now) != over
        if now is not None and step_id in self._state.gates and not _waited(over, now):
            # An older decision that is edited is no answer to what was asked.
            known = self._asked(step_id)
            is_approved = is_approved and known is not None and now.at > datetime.fromisoformat(known["at"])
        # A gate that the settings ask for is opened by a person alone: this one, or who approved meanwhile.
        if (step_id in self._state.gates and not is_approved) or self._outside.failing_tools():
            return None
        return Answer(True, "its Confirm is approved" if is_approved else "nothing holds it up any more")

    async def _written(
        self, step_id: str, over: list[str] | None, answer: Answer
    ) -> tuple[Answer, StepApproval | None]:
        """The decision, and the Confirm that it is about, as it stands with it; None where it is about none.

        `over` is the Confirm as it stood when that was asked. A rejection that somebody has written meanwhile
        counts more than a person's yes.
        """
        confirm = self._confirms.of(step_id)
        if confirm is None or (confirm.word != "pending" and _which(confirm) == over):
            return answer, None
        await self._confirms.answered(step_id, answer)
        now = self._confirms.of(step_id) or confirm
        if now.word == "rejected" and answer.success:
            answer = Answer(False, why_rejected(now))
        return answer, now

    def _over(self, run: Record, step_id: str) -> Record:
        """What of the run's record says over which Confirm the step was let in, if there is one."""
        confirm = self._confirms.of(step_id)
        known = run.get(_OPENED_OVER, {})
        return {} if confirm is None else {_OPENED_OVER: {**known, step_id: _which(confirm)}}

    def _tell_without_document(self, transaction: Transaction, step_id: str, answer: Answer) -> None:
        """No Confirm has decided: the one that was asked for is withdrawn, or the settings asked."""
        asked = self._asked(step_id)
        is_of_document = asked is not None and _is_of_document(asked)
        if asked is not None and is_of_document and self._confirms.of(step_id) is None:
            self._tell(transaction, step_id, asked["confirm_id"], "cancelled")
        if step_id in self._state.gates:
            self._keep(transaction, step_id, answer, None if is_of_document else asked)

    def _keep(self, transaction: Transaction, step_id: str, answer: Answer, asked: _Asked | None) -> None:
        """A decision that no document has is a Confirm in the graph alone (runtime.md 4)."""
        now = timestamp(self._services.clock())
        if asked is None:
            asked = {"over": None, "confirm_id": self._services.new_id(), "at": now}
            self._tell(transaction, step_id, asked["confirm_id"], "requested")
        confirm_id = asked["confirm_id"]
        decision = {
            "decision_id": self._services.new_id(),
            "status": _word_of(answer),
            "decided_by_role": "human",
            "decided_at": now,
        }
        if answer.output.strip():
            decision["reason"] = answer.output.strip()
        run = self._state.run
        value = {
            "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0", "created_by": "mplp-lsp"},
            "confirm_id": confirm_id,
            "target_type": "other",
            "target_id": step_id,
            "status": _word_of(answer),
            "requested_by_role": "mplp-lsp",
            "requested_at": asked["at"],
            "reason": "[gates] confirm_steps",
            "decisions": [decision],
            "trace": {name: run[name] for name in ("trace_id", "span_id", "context_id")},
        }
        self._tell(transaction, step_id, confirm_id, _word_of(answer))
        edge = Edge("target", "Confirm", confirm_id, "Step", step_id)
        stream = self._chronicle.stream
        self._chronicle.graph.put(
            transaction,
            "Confirm",
            confirm_id,
            value,
            edges=[edge],
            stream=stream,
            event_type="decision_added",
        )

    def _tell(self, transaction: Transaction, step_id: str, confirm_id: str, word: _Word) -> None:
        """A Confirm keeps a step from starting, or has decided whether it starts (runtime.md 4)."""
        run, chronicle = self._state.run, self._chronicle
        event = pipeline_stage(
            chronicle.bus.stamper,
            f"confirm_{word}",
            pipeline_id=run["plan_id"],
            # A stage of its own: what becomes of the step is told by the step's.
            stage_id=confirm_id,
            stage_name=self._state.steps[step_id]["description"],
            status=_STAGE[word],
            project_id=run["context_id"],
            payload={"confirm_id": confirm_id, "step_id": step_id},
        )
        chronicle.bus.record(transaction, chronicle.stream, event)


def _which(confirm: StepApproval) -> list[str]:
    """What tells one state of a Confirm from another; a reason that is edited makes none."""
    return [confirm.word, confirm.confirm_id, confirm.decision_id, confirm.at.isoformat()]


def _is_of_document(asked: _Asked) -> bool:
    """Whether what a person is asked is what a Confirm document asks for."""
    return asked["confirm_id"] != "" and asked["over"] is not None and asked["confirm_id"] == asked["over"][1]


def _waited(over: list[str] | None, now: StepApproval) -> bool:
    """Whether a Confirm was open when a person was asked, so that its decision is an answer."""
    return over is not None and over[:2] == ["pending", now.confirm_id]


def _word_of(answer: Answer) -> Literal["approved", "rejected"]:
    return "approved" if answer.success else "rejected"
