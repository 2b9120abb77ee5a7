"""Which steps may not start yet, and what lets them: a person, a Confirm, a tool that has succeeded since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

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

_Word = Literal["requested", "approved", "rejected"]
_OPENED_OVER = "opened_over"
_STAGE: Mapping[_Word, str] = MappingProxyType(
    {"requested": "pending", "approved": "completed", "rejected": "failed"}
)


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
        self._own: dict[str, str] = {}
        self._asked_at: dict[str, str] = {}

    def has(self, step_id: str) -> bool:
        """Whether the step starts only after an answer or a decision, or once a failed tool succeeds."""
        if step_id in self._state.run.get("opened", ()):
            return False
        if step_id in self._state.gates or self._confirms.is_gated(step_id):
            return True
        return bool(self._outside.failing_tools())

    def has_anew(self, step_id: str) -> bool:
        """Whether a Confirm keeps a step from starting once more: one that has come since it was let in."""
        confirm = self._confirms.of(step_id)
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
            elif step_id in state.gates:
                self._keep(transaction, step_id, answer)
            if answer.success:
                why = answer.output or "approved by a person"
                chronicle.step_blocked(transaction, step_id, why, opened=True)
                opened = list(dict.fromkeys([*run.get("opened", ()), step_id]))
                return records.change_run(
                    transaction, state.run_id, opened=opened, **self._over(run, step_id)
                )
            chronicle.steps_skipped(transaction, {step_id: answer.output or "declined by a person"})
            return records.change_run(transaction, state.run_id, declined=[*run.get("declined", ()), step_id])

        state.take_run(await self._services.store.transact(work))
        self._services.changed(state)
        return answer.success

    async def _decision(self, step_id: str) -> tuple[Answer, StepApproval | None]:
        """May the step start? With the Confirm by which that is decided, where it is by one."""
        asked = self._confirms.of(step_id)
        before = self._questions.answered(step_id, "gate")
        if before is not None:
            is_open = asked is not None and asked.word == "pending"
            return await self._written(step_id, None if is_open else asked, before)
        if asked is not None and asked.word == "rejected":
            return await self._written(step_id, None, Answer(False, why_rejected(asked)))

        def waited(waiting: asyncio.Future[Answer]) -> Awaitable[Answer]:
            return self._outside.answered(waiting, lambda: self._decided_elsewhere(step_id, asked))

        def told(transaction: Transaction) -> None:
            if asked is not None and asked.word == "pending" and asked.confirm_id:
                self._tell(transaction, step_id, asked.confirm_id, "requested")
            elif step_id in self._state.gates:
                self._tell(transaction, step_id, self._own_confirm(step_id), "requested")

        self._asked_at[step_id] = timestamp(self._services.clock())
        answer = await self._questions.ask_gate(step_id, self._text(step_id, asked), waited, told)
        return await self._written(step_id, asked, answer)

    def _text(self, step_id: str, confirm: StepApproval | None) -> str | None:
        """What a person is asked; None where no more is to be said than that it is about the step."""
        failing = self._outside.failing_tools()
        text = why_blocked(failing) if failing else None
        if confirm is None or confirm.word != "pending":
            return text
        told = f"{text.partition(' May ')[0]} " if text is not None else ""
        return told + why_pending(self._state.steps[step_id]["description"], confirm)

    def _decided_elsewhere(self, step_id: str, asked: StepApproval | None) -> Answer | None:
        """What has been decided since a person was asked; `asked` is how a Confirm stood then."""
        now = self._confirms.of(step_id)
        if now is not None and now.word == "rejected":
            return Answer(False, why_rejected(now))
        if now is not None and now.word == "pending":
            return None
        is_approved = now is not None and (asked is None or _which(now) != _which(asked))
        if now is not None and step_id in self._state.gates and not _waited(asked, now):
            # An older decision that is edited is no answer to what was asked.
            is_approved = is_approved and now.at > datetime.fromisoformat(self._asked_at[step_id])
        # A gate that the settings ask for is opened by a person alone: this one, or who approved meanwhile.
        if (step_id in self._state.gates and not is_approved) or self._outside.failing_tools():
            return None
        return Answer(True, "its Confirm is approved" if is_approved else "nothing holds it up any more")

    async def _written(
        self, step_id: str, asked: StepApproval | None, answer: Answer
    ) -> tuple[Answer, StepApproval | None]:
        """The decision, and the Confirm that it is about, as it stands with it; None where it is about none.

        A rejection that somebody has written meanwhile counts more than a person's yes.
        """
        confirm = self._confirms.of(step_id)
        if confirm is None or (confirm == asked and confirm.word != "pending"):
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

    def _own_confirm(self, step_id: str) -> str:
        """The id of what a person is asked for by the settings, of which there is no document."""
        return self._own.setdefault(step_id, self._services.new_id())

    def _keep(self, transaction: Transaction, step_id: str, answer: Answer) -> None:
        """A decision that no document has is a Confirm in the graph alone (runtime.md 4)."""
        confirm_id, now = self._own_confirm(step_id), timestamp(self._services.clock())
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
            "requested_at": self._asked_at.get(step_id, now),
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


def _waited(asked: StepApproval | None, now: StepApproval) -> bool:
    """Whether a Confirm was open when a person was asked, so that its decision is an answer."""
    return asked is not None and asked.word == "pending" and asked.confirm_id == now.confirm_id


def _word_of(answer: Answer) -> Literal["approved", "rejected"]:
    return "approved" if answer.success else "rejected"
