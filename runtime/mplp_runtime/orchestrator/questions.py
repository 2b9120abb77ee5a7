"""What a run asks of people, and what else counts as an answer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.outside import Outside, why_not_complete
from mplp_runtime.orchestrator.places import Places
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import Answer, QuestionKind
from mplp_runtime.vsl.interface import Transaction

Waiter = Callable[[asyncio.Future[Answer]], Awaitable[Answer]]
"""Waits for a person's answer, or for what counts as one."""


class Questions:
    """The questions of one run that are open. They are in the state before anybody is asked.

    A step asks one question at a time: further ones, of an agent that asks several, wait for their turn.
    While any is open, others have the step's place.
    """

    def __init__(self, services: RunServices, state: RunState, chronicle: Chronicle, places: Places) -> None:
        self._services = services
        self._state = state
        self._chronicle = chronicle
        self._outside = Outside(services.store, state)
        self._places = places
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._completing: asyncio.Task[None] | None = None
        self._before: dict[str, Record] = dict(state.run.get("answered", {}))

    def answer(self, step_id: str, answer: Answer) -> bool:
        """Hands a person's answer to what waits for it at this step; False if nothing does."""
        waiting = self._answers.get(step_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(answer)
        return True

    def end(self) -> None:
        """Nobody is asked any more whether the run may complete."""
        if self._completing is not None:
            self._completing.cancel()

    async def ask_gate(
        self, step_id: str, text: str | None, waited: Waiter, told: Callable[[Transaction], None]
    ) -> Answer:
        """May the step start? `waited` waits for a person, or for what counts as an answer.

        `told` records what belongs into the same commit as the question.
        """
        async with self._places.left(step_id):
            return await self._asked(step_id, "gate", text, waited, told)

    async def ask(self, step_id: str, kind: QuestionKind, text: str | None = None) -> Answer:
        """A person's answer, however long it takes; it is on disk before the step has its place again."""
        before = self.answered(step_id, kind)
        if before is not None:
            del self._before[step_id]
            return before
        async with self._places.left(step_id):
            return await self._asked(step_id, kind, text, lambda waiting: waiting)

    async def withdraw(self, step_id: str) -> None:
        """Nobody is asked any more what the step's action asked, which is over."""
        if step_id not in self._one_at_a_time:
            return
        # What was being written when the action ended is written first.
        async with self._one_at_a_time[step_id]:
            if self._state.question_kind(step_id) is not None:
                await self._change(step_id, None)

    def answered(self, step_id: str, kind: QuestionKind) -> Answer | None:
        """What a person has answered about the latest attempt before the process ended; None if nothing.

        An answer that was acknowledged is not asked for again, even if nothing came of it any more.
        """
        known = self._before.get(step_id)
        if known is None or (known["kind"], known["attempt"]) != (kind, self._attempt(step_id)):
            return None
        if known.get("number") != self._state.run.get("question_numbers", {}).get(step_id):
            # Something else was asked since, which nobody has answered.
            return None
        return Answer(known["success"], known["output"], known["repeat"])

    async def about_completion(self) -> None:
        """Waits while CI fails, where the settings say so, until it succeeds or a person decides."""
        failing = self._outside.failing_pipelines()
        if failing:
            self._completing = asyncio.create_task(self._decide_about_completion(why_not_complete(failing)))
            await asyncio.wait({self._completing})
            if not self._completing.cancelled():
                self._completing.result()

    async def _decide_about_completion(self, text: str) -> None:
        def waited(waiting: asyncio.Future[Answer]) -> Awaitable[Answer]:
            return self._outside.answered(
                waiting, lambda: None if self._outside.failing_pipelines() else Answer(True, "CI succeeded.")
            )

        state = self._state
        answer = await self._asked(state.plan["steps"][-1]["step_id"], "completion", text, waited)
        if answer.success:
            return
        why = answer.output or text.partition(" Shall ")[0]

        def work(transaction: Transaction) -> Record:
            return records.change_run(transaction, state.run_id, not_completed_because=why)

        state.take_run(await self._services.store.transact(work))

    async def _asked(
        self,
        step_id: str,
        kind: QuestionKind,
        text: str | None,
        waited: Waiter,
        told: Callable[[Transaction], None] = lambda _: None,
    ) -> Answer:
        async with self._one_at_a_time[step_id]:
            waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._answers[step_id] = waiting
            try:
                await to_the_end(self._change(step_id, kind, text, told=told))
                answer = await waited(waiting)
                await to_the_end(self._change(step_id, None, answer=(kind, answer)))
            finally:
                del self._answers[step_id]
            return answer

    def _attempt(self, step_id: str) -> int:
        return int(self._state.attempts.get(step_id, {}).get("attempt", 0))

    async def _change(
        self,
        step_id: str,
        kind: QuestionKind | None,
        text: str | None = None,
        answer: tuple[QuestionKind, Answer] | None = None,
        told: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        state = self._state
        attempt = self._attempt(step_id)

        def work(transaction: Transaction) -> Record:
            run = records.read_run(transaction, state.run_id) or {}
            questions = {**run.get("questions", {}), step_id: kind}
            texts = {**run.get("question_texts", {}), step_id: text}
            numbers = run.get("question_numbers", {})
            number = numbers.get(step_id, 0)
            if kind is not None:
                # An agent may ask the same again in the same words.
                numbers = {**numbers, step_id: number + 1}
            if kind == "gate":
                self._chronicle.step_blocked(transaction, step_id, text or "waiting for a person")
            told(transaction)
            return records.change_run(
                transaction,
                state.run_id,
                questions={each: word for each, word in questions.items() if word},
                question_texts={each: words for each, words in texts.items() if words},
                question_numbers=numbers,
                **(
                    {}
                    if answer is None
                    else {"answered": _with_answer(run, step_id, (attempt, number), *answer)}
                ),
            )

        state.take_run(await self._services.store.transact(work))
        self._services.changed(state)


def _with_answer(
    run: Record, step_id: str, asked: tuple[int, int], kind: QuestionKind, answer: Answer
) -> Record:
    """The run's answers with one more; of each step the last one is kept."""
    attempt, number = asked
    told = {
        "kind": kind,
        "attempt": attempt,
        "number": number,
        "success": answer.success,
        "output": answer.output,
        "repeat": answer.repeat,
    }
    return {**run.get("answered", {}), step_id: told}


def refuse_if_unwritten(state: RunState, step_id: str, asked: tuple[QuestionKind, int, str, int]) -> None:
    """Raises StoreError where the run stopped before the answer to that question was on disk."""
    known = state.run.get("answered", {}).get(step_id, {})
    kind, attempt, _, number = asked
    is_written = (known.get("kind"), known.get("attempt"), known.get("number")) == (kind, attempt, number)
    if state.run["status"] == "interrupted" and not is_written:
        why = state.error or "The run was interrupted."
        raise StoreError(f"The answer could not be written, so it does not count. {why}")
