"""What a person decides about a run that does not go well: retry a step, skip it, roll the run back.

Each decision is durable before it takes effect (runtime.md 3). A run that is over stays as it ended: what
comes after it is a run of its own, which takes over what was completed and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_runtime.ael.undo import FOLDER as UNDO_FOLDER
from mplp_runtime.drift.dependence import EXPECTS, run_drift
from mplp_runtime.errors import (
    MplpError,
    RunInProgress,
    RunRefused,
    RunUnknown,
    StateDamaged,
    WorkspaceNotTrusted,
)
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import StartRequest, plan_value
from mplp_runtime.orchestrator.beginning import refuse_if_continued
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.record_shapes import sound_run
from mplp_runtime.orchestrator.rollback import Rollback, RolledBack, refuse_if_built_upon
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.orchestrator.step_decisions import end_of_skipped, record_skip
from mplp_runtime.orchestrator.views import RunView, StepView
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.files import FILE
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Transaction

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.carrying import Carrying
    from mplp_runtime.orchestrator.manager import RunManager
    from mplp_runtime.runtime import Runtime

_Decision = Callable[[Transaction, Chronicle, RunState, str], None]
_NO_REASON = "a person decided so"
_ANSWERABLE = frozenset({"handoff", "gate", "repeat"})


class StepNotOpen(RunRefused):
    """The step is not in a state in which this can be decided about it."""

    code = "step-not-open"


class Interventions:
    """Decisions about runs. Belongs to the manager's event loop."""

    def __init__(self, runtime: Runtime, manager: RunManager, carrying: Carrying) -> None:
        self._runtime = runtime
        self._manager = manager
        self._carrying = carrying
        self.rollback = Rollback(runtime.root, runtime.vsl, runtime.bus, runtime.graph, runtime.clock)

    async def retry(self, run_id: str, step_id: str, request: StartRequest) -> RunView:
        """Tries a failed step once more, and what waits for it.

        In a run that is over this starts a new run of the plan in `request`, in which completed steps stay
        completed; it needs what every start needs, approvals included. Raises StepNotOpen, and RunRefused and
        its kin as `start` does.
        """
        view, step = await self._step(run_id, step_id)
        if view.is_live:
            await self._retry_live(view, step)
            return self._manager.view(run_id)
        if step.status != "failed":
            raise StepNotOpen(f"Only a step that failed is tried again; this one is {_word(step)}.")
        if view.status == "interrupted":
            return await self._go_on(view, step_id, request, _back_to_pending)
        return await self._continued(view, request, {})

    async def skip(self, run_id: str, step_id: str, request: StartRequest, reason: str = "") -> RunView:
        """Goes on without a step that failed, waits or has not begun; what waits for it runs.

        So it does without one that was under way, or waiting, when its process ended. Raises StepNotOpen for
        a step that is over or under way, and what `retry` raises.
        """
        view, step = await self._step(run_id, step_id)
        because = reason.strip() or _NO_REASON
        if view.is_live:
            await self._skip_live(view, step, because)
            return self._manager.view(run_id)
        if step.status in {"completed", "skipped"} and not self._is_declined(view, step_id):
            raise StepNotOpen(f"The step is {_word(step)}, so there is nothing to skip.")
        if view.status == "interrupted":
            return await self._go_on(view, step_id, request, self._skipped(because))
        return await self._continued(view, request, {step_id: because})

    async def roll_back(
        self, run_id: str, *, trusted: bool, force: bool = False
    ) -> tuple[RunView, RolledBack]:
        """Takes back what the file operations of a run did, the newest first; what changed since stays.

        An interrupted run is given up by it. A run from which a later one went on is rolled back only with
        `force`. Raises RunInProgress, RunBuiltUpon, RunRefused and WorkspaceNotTrusted.
        """
        view = await self._manager.settled(run_id)
        if view.is_live:
            raise RunInProgress("The run is under way; cancel it before it is rolled back.")
        if view.simulated:
            raise RunRefused("A dry run has done nothing, so there is nothing to roll back.")
        if not trusted:
            raise WorkspaceNotTrusted(
                "This folder is not trusted, so nothing is written in it. Trust it first."
            )
        if not force:
            self._runtime.vsl.read(lambda reading: refuse_if_built_upon(reading, run_id))
        latest = self._manager.latest(view.plan_id)
        if latest is not None and latest.is_live and not latest.simulated:
            raise RunInProgress(
                f"Run {latest.generation} ({latest.run_id[:8]}) of the plan is under way; cancel it, or wait "
                "for its end, before an earlier one is rolled back."
            )
        if view.status == "interrupted":
            view = await self._manager.cancel(run_id)
        await self._carrying.at_rest(run_id)
        state = self._state(run_id)
        left = (state.run.get("rolled_back") or {}).get("files_left")
        if left is not None and not left:
            raise RunRefused("The run was rolled back already, as a whole.")
        done = await self.rollback.of(state)
        await self.told_of_rollback(run_id)
        return self._manager.view(run_id), done

    async def told_of_rollback(self, run_id: str) -> None:
        """What a run did was taken back, or stands again: its files and whoever looks at it learn of it."""
        await self._carrying.told_anew(run_id)

    async def before_end(self, state: RunState, status: str) -> str:
        """Rolls back a run that failed, where its settings say so, and notes what it leaves behind."""
        told = ""
        if status == "failed" and state.run["on_failure"] == "rollback":
            told = await self.rollback.after_failure(state)
        if not state.run["simulated"]:
            await self.rollback.note_what_is_left(state)
        return told

    async def accept(self, run_id: str, path: str | None = None) -> RunView:
        """What came apart from what a run expects is meant to be so: the run expects it from now on.

        With `path` only that file. Raises RunUnknown.
        """
        state = self._state(run_id)

        def work(transaction: Transaction) -> None:
            run = records.read_run(transaction, run_id) or {}
            expects = dict(run.get(EXPECTS, {}))
            for drift in run_drift(transaction, run):
                if path is None or drift.path == path:
                    node = transaction.read_node(FILE, drift.path)
                    now = None if node is None or drift.change == "deleted" else node.data["content_hash"]
                    expected = expects.pop(drift.path)
                    if now is not None:
                        expects[drift.path] = {**expected, "hash": now}
            records.change_run(transaction, run_id, **{EXPECTS: expects})
            self._runtime.graph.record_growth(
                transaction,
                "drift_accepted",
                (records.RUN, run_id),
                Growth(0, 0, is_changed=True),
                stream="project",
            )

        await self._runtime.vsl.transact(work)
        if run_id not in self._carrying.live:
            state = self._state(run_id)
        self._manager.notices.tell_soon(state)
        return self._manager.view(run_id)

    def plan_text(self, run_id: str) -> str:
        """The plan as the run began with it, for when its file is gone. Raises RunUnknown."""
        frozen = self._runtime.vsl.read(lambda reading: reading.read_node(records.RUN_PLAN, run_id))
        if frozen is None:
            raise RunUnknown(f"No run {run_id} is known in this project.")
        return str(frozen.data["text"])

    def told_of_files(self) -> None:
        """Files have changed: the newest run of each plan that relied on some is shown anew."""
        newest: dict[str, records.Record] = {}
        for node in self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN)):
            with suppress(StateDamaged):
                run = sound_run(node.id, dict(node.data))
                known = newest.get(run["plan_id"])
                if known is None or known["generation"] < run["generation"]:
                    newest[run["plan_id"]] = run
        for run in newest.values():
            if run.get(EXPECTS):
                self._manager.show(run["run_id"])

    def completed(self, view: RunView, run: Mapping[str, Any], folder: Path | None) -> RunView:
        """The view with what is known about its files: what came apart, and what can be rolled back."""
        if run.get(EXPECTS):
            drift = self._runtime.vsl.read(lambda reading: run_drift(reading, run))
            view = replace(view, drift=drift) if drift else view
        rolled_back = run.get("rolled_back")
        if view.is_live or view.simulated or folder is None:
            return view
        is_done = rolled_back is not None and not rolled_back["files_left"]
        has_undo = not is_done and (folder / UNDO_FOLDER / view.run_id).is_dir()
        if not has_undo and rolled_back is None:
            return view
        return replace(view, is_rolled_back=rolled_back is not None, has_undo=has_undo)

    async def obey(self, run_id: str, message: Mapping[str, Any]) -> None:
        """Does what another process asks of a run that is carried here."""
        live = self._carrying.live.get(run_id)
        if live is None:
            return
        if message["kind"] == "retry":
            await live.loop.decisions.retry(message["step_id"])
        elif message["kind"] == "skip":
            await live.loop.decisions.skip(message["step_id"], message["because"])

    # How

    async def _retry_live(self, view: RunView, step: StepView) -> None:
        run_id, asked = view.run_id, view.question_at(step.step_id)
        if asked is not None and asked[0] == "repeat":
            await self._manager.answer(run_id, step.step_id, success=False, repeat=True)
            return
        if step.status != "failed":
            raise StepNotOpen(f"Only a step that failed is tried again; this one is {_word(step)}.")

        def is_done() -> bool:
            now = self._manager.view(run_id).steps[step.step_id]
            return now.status != "failed" or now.attempt > step.attempt

        live = self._carrying.live.get(run_id)
        if live is None:
            await self._manager.others.ask_owner(run_id, {"kind": "retry", "step_id": step.step_id}, is_done)
        elif not await live.loop.decisions.retry(step.step_id):
            raise StepNotOpen("The step is tried again already, or the run is about to end; look again.")

    async def _skip_live(self, view: RunView, step: StepView, because: str) -> None:
        run_id, asked = view.run_id, view.question_at(step.step_id)
        if asked is None or asked[0] not in _ANSWERABLE:
            if step.status == "in_progress":
                raise StepNotOpen("The step is under way; cancel the run, or wait for its end.")
            if step.status in {"completed", "skipped"} and not self._is_declined(view, step.step_id):
                raise StepNotOpen(f"The step is {_word(step)}, so there is nothing to skip.")
        live = self._carrying.live.get(run_id)
        if live is None:
            message = {"kind": "skip", "step_id": step.step_id, "because": because}
            await self._manager.others.ask_owner(
                run_id, message, lambda: self._state_now(run_id).is_skipped(step.step_id)
            )
        elif not await live.loop.decisions.skip(step.step_id, because):
            raise StepNotOpen("The step has just begun, or the run is about to end; look again.")

    async def _go_on(self, view: RunView, step_id: str, request: StartRequest, decide: _Decision) -> RunView:
        """The decision is written into the interrupted run, which then goes on with it."""
        if not view.simulated and not request.trusted:
            raise WorkspaceNotTrusted("This folder is not trusted, so nothing in it is run. Trust it first.")
        # Before it is written: a decision that is refused leaves nothing behind.
        await asyncio.to_thread(self._manager.refuse_if_rejected, view)
        state = self._state(view.run_id)
        chronicle = self._manager.recovery.chronicle(state)

        def work(transaction: Transaction) -> None:
            run = records.read_run(transaction, view.run_id)
            if run is None or run["status"] != "interrupted":
                raise RunInProgress("The run was taken up by another process a moment ago.")
            decide(transaction, chronicle, state, step_id)

        await self._runtime.vsl.transact(work)
        self._manager.others.reload(view.run_id)
        return await self._manager.resume(view.run_id, trusted=request.trusted)

    async def _continued(self, view: RunView, request: StartRequest, skipped: Mapping[str, str]) -> RunView:
        """A new run that takes over what the old one completed."""
        if view.status == "completed" or view.simulated:
            kind = "dry run" if view.simulated else "run"
            raise RunRefused(f"The {kind} is {view.status}, and that is final. Run the plan again instead.")
        self._runtime.vsl.read(lambda reading: refuse_if_continued(reading, view.run_id))
        state = self._state(view.run_id)
        carried = {step_id: state.status_of(step_id) for step_id in state.done_steps}
        carried.update(dict.fromkeys(skipped, "skipped"))
        _refuse_if_changed(state, plan_value(request.plan_text), carried)
        words = {**state.run.get("skipped", {}), **skipped}
        return await self._manager.start(
            replace(request, simulate=False, continues=view.run_id, carried=carried, skipped=words)
        )

    def _skipped(self, because: str) -> _Decision:
        def decide(transaction: Transaction, chronicle: Chronicle, state: RunState, step_id: str) -> None:
            attempt = state.attempts.get(step_id)
            if attempt is not None and attempt["step_status"] == "in_progress":
                now = timestamp(self._runtime.clock())
                ended = records.change_attempt(transaction, attempt, **end_of_skipped(because, now))
                chronicle.step_finished(transaction, ended)
            record_skip(transaction, chronicle, state.run_id, step_id, because)

        return decide

    async def _step(self, run_id: str, step_id: str) -> tuple[RunView, StepView]:
        view = await self._manager.settled(run_id)
        step = view.steps.get(step_id)
        if step is None:
            raise MplpError(f"Run {view.generation} of “{view.title}” has no step {step_id}.")
        return view, step

    def _state(self, run_id: str) -> RunState:
        return self._manager.others.reload(run_id)

    def _state_now(self, run_id: str) -> RunState:
        state = self._runtime.vsl.read(lambda reading: load_state(reading, run_id))
        return state if state is not None else self._state(run_id)

    def _is_declined(self, view: RunView, step_id: str) -> bool:
        state = self._state_now(view.run_id)
        return state.is_declined(step_id) and not state.is_skipped(step_id)


def _back_to_pending(transaction: Transaction, chronicle: Chronicle, state: RunState, step_id: str) -> None:
    attempt = records.change_attempt(transaction, state.attempts[step_id], step_status="pending")
    chronicle.step_retried(transaction, attempt)


def _refuse_if_changed(state: RunState, now: Mapping[str, Any], carried: Mapping[str, str]) -> None:
    """What was completed counts only for a step that still says what it said."""
    steps = {step["step_id"]: step for step in now.get("steps", ()) if isinstance(step, dict)}
    for step_id in carried:
        before, after = state.steps[step_id], steps.get(step_id)
        if after is None or {**after, "status": None} != {**before, "status": None}:
            what = "is no longer in the plan" if after is None else "has changed since"
            raise RunRefused(
                f"Step “{before['description']}” {what}, so its result does not count any more. "
                "Run the plan again instead."
            )


def _word(step: StepView) -> str:
    return {"in_progress": "under way", "pending": "still to come"}.get(step.status, step.status)
