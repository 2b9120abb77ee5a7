"""One run's control loop: which step starts when, what is recorded before and after, who is asked.

The order of every step: its start is durable, then its action begins; its result is durable, then it is
shown. A step of a dry run has no action, and so one moment (`played.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from mplp_runtime.ael.action import Action, ActionResult, EventMaker
from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator.attempts import SHOWN_CHARACTERS, AttemptRecords, RunServices
from mplp_runtime.orchestrator.bindings import Bound
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.ending import end_run
from mplp_runtime.orchestrator.gates import Gates
from mplp_runtime.orchestrator.ledger import Inputs
from mplp_runtime.orchestrator.places import Places
from mplp_runtime.orchestrator.played import AT_ONCE, PlayedSteps
from mplp_runtime.orchestrator.questions import Questions
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.schedule import Frontier, StepSource
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.step_decisions import StepDecisions
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import Answer


class RunLoop:
    """Drives one run to its end, or until it is stopped. Belongs to one event loop."""

    def __init__(self, services: RunServices, state: RunState, chronicle: Chronicle) -> None:
        self._services = services
        self._state = state
        self._chronicle = chronicle
        self._wake = asyncio.Event()
        self._attempts = AttemptRecords(services, state, chronicle)
        self._played = PlayedSteps(
            services.clock, self._attempts, state.steps, self._finished_at_once, self._wake.set
        )
        self._frontier: StepSource = Frontier(state.scheduled, state.done_steps)
        self._is_paused = bool(state.run.get("paused"))
        self._bounds: dict[int, Bound] = {}
        # Steps whose end is being written; those that wait for them may be written as begun with it.
        self._released: set[str] = set()
        self._tasks: dict[asyncio.Task[bool], str] = {}
        # Filled by callbacks, because waiting for all tasks anew at each end costs their number each time.
        self._ended: list[asyncio.Task[bool]] = []
        self._cancelled: set[asyncio.Task[bool]] = set()
        self._places = Places(self._wake.set)
        self._questions = Questions(services, state, chronicle, self._places)
        self._gates = Gates(services, state, chronicle, self._questions)
        self._stop_starting = False
        self._ending: str | None = None
        self._is_finishing = False
        # Steps whose wait was ended from outside; they are ready again should the run go on.
        self._withdrawn: set[str] = set()
        # Steps about which a decision is being written; none of them begins before it holds.
        self._undecided: set[str] = set()
        self.decisions = StepDecisions(services, state, chronicle, self._attempts, self)
        self.repeat_interrupted: bool | None = None

    async def drive(self) -> None:
        """Runs until the run is completed, failed or cancelled, or `interrupt` stops it where it stands."""
        try:
            while True:
                self._start_what_may_start()
                is_idle = not self._tasks and not self._played.count and not self.decisions.under_way
                if is_idle and (not self._is_paused or self._ending):
                    break
                await self._wake.wait()
                self._wake.clear()
                self._collect()
            self._is_finishing = True
            if self._ending == "interrupted":
                return
            await self._end_tasks()
            if not self._ending and self._state.is_done:
                await self._questions.about_completion()
            if self._ending == "interrupted":
                return
            await self._finish()
        except StoreError as problem:
            # Nothing that is not on disk is shown as done; the run can be resumed once the state can be
            # written.
            self._state.error = str(problem)
            self._ending = "interrupted"
        finally:
            self._stop_starting = True
            self._played.ending = self._ending or "interrupted"
            await self._end_tasks()
            await self._services.layer.release(self._state.run_id)

    def cancel(self) -> None:
        """Ends all processes of the run; it will be `cancelled`."""
        self._end("cancelled")

    def interrupt(self) -> None:
        """Ends all processes and records nothing: the run stays as a crash would leave it (D26)."""
        self._end("interrupted")

    def hold(self, *, paused: bool) -> None:
        """Nothing more begins until the run goes on again; what is under way ends as ever."""
        self._is_paused = paused
        self._wake.set()

    async def written(self) -> None:
        """Returns when all that was handed in so far is on disk, or could not be written."""
        await self._attempts.ledger.written()

    def answer(self, step_id: str, answer: Answer) -> bool:
        """Hands a person's answer to the step that waits for it; False if none waits."""
        return self._questions.answer(step_id, answer)

    @property
    def is_ending(self) -> bool:
        """Whether nothing can be decided any more about the steps."""
        return self._ending is not None or self._is_finishing

    def is_played_out(self, step_id: str) -> bool:
        """Whether a step that answers at once has been handed in to begin, so that nothing can stop it."""
        return self._played.has(step_id)

    def keep_back(self, step_id: str) -> None:
        """The step does not begin before `go_on`."""
        self._undecided.add(step_id)

    async def withdraw(self, step_id: str) -> None:
        """Ends what waits at a step that is kept back, if anything does."""
        for task in [task for task, each in self._tasks.items() if each == step_id]:
            self._cancelled.add(task)
            task.cancel()
            await asyncio.wait({task})

    def go_on(self, step_id: str, *, is_skipped: bool) -> None:
        """A person has decided about a step; unless another has failed, what was held back starts."""
        self._undecided.discard(step_id)
        self._withdrawn.discard(step_id)
        (self._pass_by if is_skipped else self._frontier.again)(step_id)
        status_of = self._state.status_of
        if not self._ending and all(status_of(each) != "failed" for each in self._state.attempts):
            self._stop_starting = False
            for each in self._withdrawn:
                self._frontier.again(each)
            self._withdrawn.clear()
        self._wake.set()

    def _end(self, word: str) -> None:
        if self._ending is None:
            self._ending = word
        self._stop_starting = True
        self._played.ending = self._ending
        self._cancel_tasks()
        self._questions.end()
        self._wake.set()

    def _cancel_tasks(self) -> None:
        # Once only: a second cancellation would interrupt the clean-up that the first one began.
        for task in self._tasks:
            if task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel()

    def _start_what_may_start(self) -> None:
        limit, places = int(self._state.run["max_parallel"]), self._places
        while places.taken < limit and not self._ending:
            if places.give_back():
                continue
            if self._stop_starting or self._is_paused or (step_id := self._frontier.take()) is None:
                return
            if step_id in self._undecided:
                continue
            places.taken += 1
            bound = self._bound(step_id)
            if self._is_played(step_id, bound):
                self._played.begin(step_id, bound.kind)
                continue
            self._begin(step_id, self._step(step_id))

    def _begin(self, step_id: str, work: Coroutine[None, None, bool]) -> None:
        task = asyncio.create_task(work, name=f"step {step_id}")
        task.add_done_callback(self._note_end)
        self._tasks[task] = step_id

    def _pass_by(self, step_id: str) -> None:
        self._frontier.skip(step_id)

    def _is_played(self, step_id: str, bound: Bound) -> bool:
        state = self._state
        return (
            bound.kind in AT_ONCE
            and step_id not in state.attempts
            and not state.is_declined(step_id)
            and not self._gates.has(step_id)
        )

    def _bound(self, step_id: str) -> Bound:
        """The step's action; many steps have the same."""
        bindings = self._state.bindings
        number = bindings["steps"][step_id]
        if number not in self._bounds:
            self._bounds[number] = Bound.of(bindings, step_id)
        return self._bounds[number]

    def _note_end(self, task: asyncio.Task[bool]) -> None:
        self._ended.append(task)
        self._wake.set()

    def _collect(self) -> None:
        if self._played.problem is not None:
            raise self._played.problem
        ended, self._ended = self._ended, []
        for task in ended:
            step_id = self._tasks.pop(task)
            if step_id in self._released:
                self._released.discard(step_id)
                if not task.cancelled():
                    # It raises where the end could not be written.
                    task.result()
            elif task.cancelled():
                self._places.taken -= 1
                self._withdrawn.add(step_id)
            else:
                self._free_place(step_id, succeeded=task.result())

    def _release(self, step_id: str, *, succeeded: bool) -> None:
        """The end of a step is handed in to be written; what it makes ready is written as begun with it."""
        self._released.add(step_id)
        self._finished_step(step_id, succeeded)

    def _finished_step(self, step_id: str, succeeded: bool) -> None:
        self._free_place(step_id, succeeded=succeeded)
        self._start_what_may_start()

    def _finished_at_once(self, step_ids: Sequence[str]) -> None:
        for step_id in step_ids:
            self._free_place(step_id, succeeded=True)
        self._start_what_may_start()

    def _free_place(self, step_id: str, *, succeeded: bool) -> None:
        self._places.taken -= 1
        if succeeded:
            self._frontier.finish(step_id)
        elif self._state.run["on_failure"] != "continue-independent":
            self._stop_starting = True
            self._withdraw_gates()

    def _withdraw_gates(self) -> None:
        """Nobody is asked any more whether a step may start that is not going to."""
        asked = self._state.run.get("questions", {})
        for task, step_id in self._tasks.items():
            if asked.get(step_id) == "gate" and task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel()

    async def _end_tasks(self) -> None:
        self._cancel_tasks()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._attempts.ledger.settled()

    async def _finish(self) -> None:
        for attempt in self._state.attempts.under_way():
            await self._attempts.settle(
                attempt, Answer(False, "Its outcome is unknown: the process ended meanwhile.")
            )
        await end_run(self._services, self._state, self._chronicle, self._ending)

    async def _step(self, step_id: str) -> bool:
        """Carries one step to its end; True if it succeeded."""
        bound = self._bound(step_id)
        known = self._state.attempts.get(step_id)
        if self._state.is_declined(step_id) or (known is not None and known["step_status"] == "failed"):
            # It failed before this run was interrupted, and that stands.
            return False
        if known is not None and known["step_status"] == "in_progress":
            settled = await self._settle_interrupted(known, bound)
            if settled is not None:
                return settled
        # A step that begins once more was let in before; what has come since holds it up all the same.
        is_held = self._gates.has(step_id) if known is None else self._gates.has_anew(step_id)
        if is_held and not await self._is_opened(step_id):
            return False
        if known is None and self._state.is_risky(step_id):
            await self._all_before()
            await self._services.prepare(self._state, step_id)
        tried = 0
        while True:
            tried += 1
            record = await self._attempt(step_id, bound, may_retry=tried <= bound.retries)
            if record["step_status"] != "pending":
                return bool(record["step_status"] == "completed")
            if self._gates.has_anew(step_id) and not await self._is_opened(step_id):
                return False

    async def _attempt(
        self, step_id: str, bound: Bound, *, may_retry: bool, left: Record | None = None
    ) -> Record:
        """A new attempt at a step, or the one that was `left` when its process ended, to its end."""
        begun = self._attempts.start(step_id, bound) if left is None else self._attempts.taken_up(left)
        try:
            attempt, inputs = await to_the_end(begun)
            result = await self._carried_out(attempt, self._action_of(attempt, inputs))
            await self._questions.withdraw(step_id)
        except asyncio.CancelledError:
            known = self._state.attempts.get(step_id)
            if self._ending == "cancelled" and known is not None and known["step_status"] == "in_progress":
                await self._attempts.cancelled(known)
            raise
        will_retry = not result.success and (may_retry or self._may_rework(attempt))
        written = self._attempts.result(
            attempt,
            result,
            will_retry=will_retry,
            answered_by="human" if bound.is_handoff_to_person else None,
        )
        if not will_retry:
            self._release(step_id, succeeded=result.success)
        return await to_the_end(written)

    async def _carried_out(self, attempt: Record, action: Action) -> ActionResult:  # noqa: ARG002
        return await self._services.layer.execute(action)

    def _may_rework(self, attempt: Record) -> bool:  # noqa: ARG002
        return False

    def _is_handed_to_person(self, bound: Bound) -> bool:
        return bound.is_handoff_to_person

    async def _is_opened(self, step_id: str) -> bool:
        await self._all_before()
        return await self._gates.opened(step_id)

    async def _all_before(self) -> None:
        """What a step waited for ended first, and is written first. Raises what kept it from that."""
        await self._attempts.ledger.written()
        self._attempts.ledger.refuse_if_stopped()

    async def _settle_interrupted(self, attempt: Record, bound: Bound) -> bool | None:
        """Decides about a step whose outcome nobody knows: None if it shall run again (with consent only)."""
        is_free = bound.idempotent or bound.kind == "simulated"
        step_id = attempt["step_id"]
        if self._is_handed_to_person(bound):
            # Nothing was cut off: the person still has it, and what the same attempt asks is asked again.
            may_retry = attempt["attempt"] <= bound.retries
            record = await self._attempt(step_id, bound, may_retry=may_retry, left=attempt)
            return None if record["step_status"] == "pending" else record["step_status"] == "completed"
        known = self._questions.answered(step_id, "repeat")
        if known is not None:
            # A person has said so already, right before the process ended.
            answer, is_free = known, False
        elif is_free or self.repeat_interrupted:
            answer = Answer(False, repeat=True)
        elif self.repeat_interrupted is False:
            answer = Answer(False, "It was under way when the process ended, and was not to be repeated.")
        else:
            answer = await self._questions.ask(step_id, "repeat")
        record = await self._attempts.settle(attempt, answer, answered_by=None if is_free else "human")
        return None if record["step_status"] == "pending" else answer.success

    def _action_of(self, attempt: Record, inputs: Inputs) -> Action:
        step_id = attempt["step_id"]
        bound = self._bound(step_id)
        return Action(
            kind=bound.kind,
            run_id=self._state.run_id,
            plan=self._state.plan,
            step=self._state.steps[step_id],
            attempt=attempt["attempt"],
            root=self._services.root,
            settings=bound.settings,
            inputs=inputs,
            limits=bound.limits,
            on_output=lambda piece: self._show_output(step_id, piece),
            on_process=lambda process: self._attempts.process(attempt, process),
            on_event=self._tell,
            ask=lambda text: self._ask_person(step_id, text),
        )

    async def _tell(self, make: EventMaker) -> None:
        await self._chronicle.bus.tell(self._chronicle.stream, make)

    def _show_output(self, step_id: str, piece: str) -> None:
        shown = self._state.live_output
        shown[step_id] = (shown.get(step_id, "") + piece)[-SHOWN_CHARACTERS:]
        self._state.forget([step_id])
        self._services.output(self._state)

    async def _ask_person(self, step_id: str, text: str) -> tuple[bool, str]:
        own = None if text == self._state.steps[step_id]["description"] else text
        answer = await self._questions.ask(step_id, "handoff", own)
        return answer.success, answer.output
