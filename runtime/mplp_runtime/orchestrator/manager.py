"""The run manager: the one place that starts work, and the one that knows how every run stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.errors import (
    MplpError,
    RunInProgress,
    RunRefused,
    RunUnknown,
    StoreError,
    WorkspaceNotTrusted,
)
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import (
    Admitted,
    StartRequest,
    admitted,
    needs_approval,
    refuse_unapproved,
)
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.live import LiveRun, RunFiles, write_files_from_store
from mplp_runtime.orchestrator.notices import Notices
from mplp_runtime.orchestrator.others import OtherRuns
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.orchestrator.run import Answer, RunLoop, RunServices
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.sources import timestamp
from mplp_runtime.version import runtime_version
from mplp_runtime.vsl.interface import Transaction

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

__all__ = ["RunManager", "StartRequest"]

logger = logging.getLogger(__name__)

ANSWER_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class _Begun:
    run: Record
    abandoned: tuple[str, ...]


class RunManager:
    """Starts, watches, stops and resumes runs. Belongs to the event loop it is first used on."""

    def __init__(self, runtime: Runtime, instance: str) -> None:
        self._runtime = runtime
        self._instance = instance
        self._live: dict[str, LiveRun] = {}
        self._is_closed = False
        self.recovery = Recovery(runtime.vsl, runtime.bus, runtime.graph, runtime.clock)
        self.notices = Notices(self._state_changed, self.view)
        self.others = OtherRuns(runtime, self)

    async def start(self, request: StartRequest) -> RunView:
        """Starts a run and returns once the start is durable.

        Raises RunRefused (PlanInvalid, PlanNotApproved, RoleNotBound, WorkspaceNotTrusted, RunInProgress, …),
        SettingsInvalid and StoreError.
        """
        self._refuse_if_closed()
        plan = await asyncio.to_thread(admitted, request, self._runtime.settings())
        self._refuse_if_held(plan.plan["plan_id"], request)
        confirm_id = await self._approved(request, plan)
        if request.trusted or not request.simulate:
            self._runtime.persist()
        self.others.follow()
        begun = await self._begin(request, plan, confirm_id)
        for run_id in begun.abandoned:
            self._write_files(run_id)
        state = self._runtime.vsl.read(lambda reading: load_state(reading, begun.run["run_id"]))
        if state is None:
            raise StoreError("The run that was just started is not in the state.")
        self._carry(state)
        return self.view(state.run_id)

    async def wait(self, run_id: str) -> RunView:
        """The run once it is over or interrupted; questions are waited for as long as it takes."""
        self.others.follow()
        view = self.view(run_id)
        while view.is_live:
            live = self._live.get(run_id)
            if live is not None and live.task is not None:
                await asyncio.shield(live.task)
            else:
                await self.notices.changed_within(1.0)
            view = self.view(run_id)
        return view

    async def cancel(self, run_id: str) -> RunView:
        """Ends a run and its processes; returns once that is done. An interrupted run is given up for good."""
        view = self.view(run_id)
        live = self._live.get(run_id)
        if live is not None and live.task is not None:
            live.loop.cancel()
            await asyncio.shield(live.task)
        elif view.status == "interrupted":
            await asyncio.to_thread(self.recovery.abandon, run_id, "The run was cancelled.")
            self._write_files(run_id)
            self.notices.tell_soon(self.others.reload(run_id))
        elif view.is_live:
            await self.others.ask_owner(run_id, {"kind": "cancel"}, lambda: not self.view(run_id).is_live)
        return self.view(run_id)

    async def resume(self, run_id: str, *, repeat: bool | None = None, trusted: bool = False) -> RunView:
        """Goes on with an interrupted run: finished steps stay finished.

        A step that was under way runs again only if its binding says `idempotent` or `repeat` is True; with False
        it counts as failed, with None a person is asked. Raises RunRefused where there is nothing to resume.
        """
        self._refuse_if_closed()
        view = self.view(run_id)
        live = self._live.get(run_id)
        if live is not None and repeat:
            live.loop.repeat_all()
            return self.view(run_id)
        if view.is_live:
            raise RunInProgress(f"The run is under way already, in process {view.owner_pid}.")
        if view.status != "interrupted":
            raise RunRefused(f"The run is {view.status}, and that is final. Run the plan again instead.")
        if not view.simulated and not trusted:
            raise WorkspaceNotTrusted("This folder is not trusted, so nothing in it is run. Trust it first.")
        await self._runtime.vsl.transact(lambda transaction: self._take_over(transaction, run_id))
        state = self.others.reload(run_id)
        self.others.forget(run_id)
        self.others.follow()
        self._carry(state, repeat=repeat)
        return self.view(run_id)

    async def answer(
        self, run_id: str, step_id: str, *, success: bool, output: str = "", repeat: bool = False
    ) -> RunView:
        """A person's answer to the question at a step; returns once it has taken effect.

        For a step that was interrupted, `success` counts it as done and `repeat` runs it again. Raises MplpError
        where nothing is asked.
        """
        view = self.view(run_id)
        if not any(question.step_id == step_id for question in view.questions):
            raise MplpError("No question is open at this step.")

        def is_answered() -> bool:
            return not any(question.step_id == step_id for question in self.view(run_id).questions)

        live = self._live.get(run_id)
        if live is None:
            message = {
                "kind": "answer",
                "step_id": step_id,
                "success": success,
                "output": output,
                "repeat": repeat,
            }
            await self.others.ask_owner(run_id, message, is_answered)
        elif live.loop.answer(step_id, Answer(success, output, repeat)):
            await self.notices.until(is_answered, ANSWER_LIMIT_S)
        return self.view(run_id)

    def view(self, run_id: str) -> RunView:
        """The run as it stands. Raises RunUnknown."""
        live = self._live.get(run_id)
        state = live.state if live is not None else self.others.state(run_id)
        if state is None:
            raise RunUnknown(f"No run {run_id} is known in this project.")
        return self.view_of(state)

    def all(self) -> Sequence[RunView]:
        """Every run of the project, those of other processes too; the newest is last."""
        nodes = self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN))
        views = [self.view(node.id) for node in nodes]
        return sorted(views, key=lambda view: view.started_at)

    def latest(self, plan_id: str) -> RunView | None:
        """The newest run of a plan; None if it was never run."""
        nodes = self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN))
        of_plan = [node for node in nodes if node.data["plan_id"] == plan_id]
        if not of_plan:
            return None
        return self.view(max(of_plan, key=lambda node: int(node.data["generation"])).id)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Calls `callback` with each change of any run, also those of other processes; returns how to stop that."""
        self.others.follow()
        return self.notices.subscribe(callback)

    async def close(self) -> None:
        """Ends the processes that were started here; their runs stay as `interrupted`, to be resumed (D26)."""
        self._is_closed = True
        await self.others.close()
        for live in list(self._live.values()):
            live.loop.interrupt()
        tasks = [live.task for live in self._live.values() if live.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        self.notices.close()

    # What follows is for the other parts of the orchestrator.

    def is_own(self, run_id: str) -> bool:
        """Whether this manager carries the run."""
        return run_id in self._live

    def obey(self, run_id: str, message: Record) -> None:
        """Does what another process asks of a run that is carried here."""
        live = self._live.get(run_id)
        if live is None:
            return
        if message["kind"] == "cancel":
            live.loop.cancel()
        elif message["kind"] == "answer":
            answer = Answer(message["success"], message["output"], message["repeat"])
            live.loop.answer(message["step_id"], answer)

    def view_of(self, state: RunState) -> RunView:
        """The view of a run, with its owner and its files."""
        run = state.run
        claim = self._runtime.vsl.read(lambda reading: reading.get(run["owner_key"]))
        owner = claim["pid"] if claim is not None and claim["run_id"] == run["run_id"] else None
        trace = timeline = None
        if self._runtime.folder is not None:
            trace = f".mplp/traces/{run['trace_id']}.trace.json"
            timeline = f".mplp/traces/{run['trace_id']}.events.ndjson"
        return state.view(owner_pid=owner, trace_path=trace, timeline_path=timeline)

    def recover(self) -> list[str]:
        """Settles the runs whose process is gone; returns their ids."""
        recovered = self.recovery.recover_all()
        for run_id in recovered:
            self._write_files(run_id)
        return recovered

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise StoreError("The runtime is closed.")

    def _refuse_if_held(self, plan_id: str, request: StartRequest) -> None:
        if request.simulate:
            return
        key = records.owner_key(plan_id, "", simulated=False)
        claim = self._runtime.vsl.read(lambda reading: reading.get(key))
        if claim is not None and records.is_claim_alive(claim):
            raise _held(claim)

    async def _approved(self, request: StartRequest, plan: Admitted) -> str | None:
        """The id of the Confirm that covers the plan; None where none is needed. Raises PlanNotApproved."""
        if request.simulate:
            return None
        approvals = self._runtime.approvals
        state = approvals.state(request.plan_path, plan.plan, plan.settings)
        if request.approve and not state.is_approved and needs_approval(plan.plan, plan.settings):
            await approvals.propose(request.plan_path, plan.plan)
            await approvals.approve(request.plan_path, plan.plan)
            state = approvals.state(request.plan_path, plan.plan, plan.settings)
        if needs_approval(plan.plan, plan.settings):
            refuse_unapproved(state.word, state.changed)
        elif state.word in {"rejected", "void"}:
            refuse_unapproved(state.word, state.changed)
        return state.confirm_id if state.is_approved else None

    async def _begin(self, request: StartRequest, plan: Admitted, confirm_id: str | None) -> _Begun:
        new_id, value = self._runtime.new_id, plan.plan
        run_id = new_id()
        started_at = timestamp(self._runtime.clock())
        owner_key = records.owner_key(value["plan_id"], run_id, simulated=request.simulate)
        run: Record = {
            "run_id": run_id,
            "plan_id": value["plan_id"],
            "context_id": value["context_id"],
            "plan_path": _relative(request.plan_path, self._runtime.root),
            "title": value["title"],
            "status": "running",
            "trace_id": new_id(),
            "span_id": new_id(),
            "sa_id": new_id(),
            "simulated": request.simulate,
            "unsaved": request.unsaved,
            "started_at": started_at,
            "owner_key": owner_key,
            "max_parallel": plan.settings.run.max_parallel,
            "on_failure": plan.settings.run.on_failure,
            "confirm_id": confirm_id,
            "questions": {},
        }
        frozen = {
            "text": request.plan_text,
            "plan": value,
            "bindings": plan.bindings,
            "gates": list(plan.gates),
        }
        generation = records.generation_key(value["plan_id"])
        interrupted = [] if request.simulate else self._interrupted_runs(value["plan_id"])

        def work(transaction: Transaction) -> Record:
            claim = transaction.get(owner_key)
            if claim is not None and records.is_claim_alive(claim):
                raise _held(claim)
            begun = {**run, "generation": (transaction.get(generation) or 0) + 1}
            transaction.set(generation, begun["generation"])
            transaction.set(owner_key, records.own_claim(run_id, self._instance, started_at))
            transaction.create_node(records.RUN, run_id, begun)
            transaction.create_node(records.RUN_PLAN, run_id, frozen)
            chronicle = self._chronicle(begun, value)
            chronicle.run_started(transaction, list(plan.order), runtime_version())
            return begun

        record = await self._runtime.vsl.transact(work)
        why = f"Given up: run {record['generation']} of the plan was started instead."
        for each in interrupted:
            await asyncio.to_thread(self.recovery.abandon, each, why)
        return _Begun(record, tuple(interrupted))

    def _interrupted_runs(self, plan_id: str) -> list[str]:
        nodes = self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN))
        return [
            node.id
            for node in nodes
            if node.data["plan_id"] == plan_id
            and node.data["status"] == "interrupted"
            and not node.data["simulated"]
        ]

    def _take_over(self, transaction: Transaction, run_id: str) -> None:
        run = records.read_run(transaction, run_id)
        state = load_state(transaction, run_id)
        if run is None or state is None or run["status"] != "interrupted":
            raise RunInProgress("The run was taken up by another process a moment ago.")
        claim = transaction.get(run["owner_key"])
        if claim is not None and records.is_claim_alive(claim):
            raise _held(claim)
        since = timestamp(self._runtime.clock())
        transaction.set(run["owner_key"], records.own_claim(run_id, self._instance, since))
        self._chronicle(run, state.plan).run_resumed(transaction)
        records.change_run(transaction, run_id, status="running", error=None, questions={})

    def _chronicle(self, run: Record, plan: Any) -> Chronicle:
        positions = {step["step_id"]: position for position, step in enumerate(plan["steps"])}
        return Chronicle(self._runtime.bus, self._runtime.graph, run, plan, positions)

    def _carry(self, state: RunState, *, repeat: bool | None = None) -> None:
        runtime = self._runtime
        services = RunServices(
            root=runtime.root,
            store=runtime.vsl,
            layer=ActionExecutionLayer(runtime.clock),
            clock=runtime.clock,
            new_id=runtime.new_id,
            changed=self.notices.tell_soon,
            output=self.notices.tell_later,
        )
        loop = RunLoop(services, state, self._chronicle(state.run, state.plan))
        loop.repeat_interrupted = repeat
        files = RunFiles(runtime.folder, state, runtime.bus, runtime.vsl, runtime.clock)
        live = LiveRun(state, loop, files)
        self._live[state.run_id] = live
        live.task = asyncio.create_task(self._driven(live), name=f"run {state.run_id}")
        files.changed([])
        self.notices.tell_soon(state)

    async def _driven(self, live: LiveRun) -> None:
        error: str | None = None
        try:
            await live.loop.drive()
            error = live.state.error
        except Exception:
            logger.exception("A bug in the control loop of run %s.", live.state.run_id)
            error = "The run stopped because of an internal error; the log says more."
        run_id = live.state.run_id
        if live.state.run["status"] == "running":
            try:
                await asyncio.to_thread(self.recovery.interrupt, run_id, instance=self._instance, error=error)
                live.state.take_run(self.others.reload(run_id).run)
            except StoreError:
                # The state cannot be written now; the next look at it will find the run without its owner.
                live.state.take_run({**live.state.run, "status": "interrupted"})
        self._state_changed(live.state)
        await live.files.close()
        del self._live[run_id]
        self.others.keep(live.state)
        self.notices.tell_now(live.state)

    def _state_changed(self, state: RunState) -> None:
        moved, state.moved = state.moved, []
        live = self._live.get(state.run_id)
        if live is not None:
            live.files.changed(moved)

    def _write_files(self, run_id: str) -> None:
        state = self._runtime.vsl.read(lambda reading: load_state(reading, run_id))
        if state is None or self._runtime.folder is None:
            return
        try:
            write_files_from_store(self._runtime.folder, state, self._runtime.vsl, self._runtime.clock)
        except StoreError as problem:
            logger.warning("%s", problem)


def _held(claim: Record) -> RunInProgress:
    return RunInProgress(
        f"This plan is being run by process {claim['pid']} since {claim['since']}. Wait for it, or cancel that run."
    )


def _relative(path: Path, root: Path) -> str:
    absolute = path if path.is_absolute() else Path.cwd() / path
    for base in (root, root.resolve()):
        for candidate in (absolute, absolute.resolve()):
            if candidate.is_relative_to(base):
                return candidate.relative_to(base).as_posix()
    return absolute.as_posix()
