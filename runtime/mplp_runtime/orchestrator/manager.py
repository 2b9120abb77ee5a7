"""The run manager: the one place that starts work, and the one that knows how every run stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

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
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.beginning import begin_run, held, take_over_run
from mplp_runtime.orchestrator.live import LiveRun, RunFiles, trace_file, write_files_from_store
from mplp_runtime.orchestrator.notices import Notices
from mplp_runtime.orchestrator.others import OtherRuns
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.orchestrator.run import Answer, RunLoop
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Transaction

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

__all__ = ["RunManager", "StartRequest"]

logger = logging.getLogger(__name__)

ANSWER_LIMIT_S = 15.0


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
        begun = await begin_run(self._runtime, self._instance, request, plan, confirm_id)
        await self._abandon_older(begun)
        state = self._runtime.vsl.read(lambda reading: load_state(reading, begun["run_id"]))
        if state is None:
            raise StoreError("The run that was just started is not in the state.")
        self._carry(state)
        return self.view(state.run_id)

    async def wait(self, run_id: str) -> RunView:
        """The run once it is over or interrupted; questions are waited for as long as it takes."""
        self.others.follow()
        while True:
            view = self.view(run_id)
            live = self._live.get(run_id)
            if live is not None and live.task is not None:
                # Also of a run that has just ended: its last trace is being written.
                await asyncio.shield(live.task)
            elif view.is_live:
                await self.notices.changed_within(1.0)
            else:
                return view

    async def cancel(self, run_id: str) -> RunView:
        """Ends a run and its processes; returns once that is done. An interrupted run is given up."""
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

        A step that was under way runs again only if its binding says `idempotent` or `repeat` is True; with
        False it counts as failed, with None a person is asked. Raises RunRefused where there is nothing to
        resume.
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
        await take_over_run(self._runtime, self._instance, run_id)
        state = self.others.reload(run_id)
        self.others.forget(run_id)
        self.others.follow()
        self._carry(state, repeat=repeat)
        return self.view(run_id)

    async def answer(
        self, run_id: str, step_id: str, *, success: bool, output: str = "", repeat: bool = False
    ) -> RunView:
        """A person's answer to the question at a step; returns once it has taken effect.

        For a step that was interrupted, `success` counts it as done and `repeat` runs it again. Raises
        MplpError where nothing is asked.
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
        """Calls `callback` with each change of any run, also of other processes; returns how to stop that."""
        self.others.follow()
        return self.notices.subscribe(callback)

    async def close(self) -> None:
        """Ends the processes that were started here; their runs stay, interrupted and resumable (D26)."""
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

    async def beat(self) -> None:
        """Says that the runs carried here are alive, for processes that cannot see this one."""
        claims = {str(live.state.run["owner_key"]): run_id for run_id, live in self._live.items()}
        if not claims:
            return
        beat = timestamp(self._runtime.clock())

        def work(transaction: Transaction) -> None:
            for key, run_id in claims.items():
                claim = transaction.get(key)
                if claim is not None and claim["run_id"] == run_id:
                    transaction.set(key, {**claim, "beat": beat})

        await self._runtime.vsl.transact(work)

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
        live, folder = self._live.get(state.run_id), self._runtime.folder
        # A run that began in memory has no files, even if the state moved into the folder since.
        if (
            live.files.is_written
            if live is not None
            else folder and trace_file(folder, run["trace_id"]).exists()
        ):
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
        if claim is not None and records.is_claim_alive(claim, self._runtime.clock()):
            raise held(claim)

    async def _approved(self, request: StartRequest, plan: Admitted) -> str | None:
        """The id of the Confirm that covers the plan; None where none is needed. Raises PlanNotApproved."""
        if request.simulate:
            return None
        approvals = self._runtime.approvals
        state = approvals.state(request.plan_path, plan.plan, plan.settings)
        is_asked_for = needs_approval(plan.plan, plan.settings) or state.word in {"rejected", "void"}
        if request.approve and not state.is_approved and is_asked_for:
            await approvals.propose(request.plan_path, plan.plan)
            await approvals.approve(request.plan_path, plan.plan)
            state = approvals.state(request.plan_path, plan.plan, plan.settings)
        if is_asked_for:
            refuse_unapproved(state.word, state.changed)
        return state.confirm_id if state.is_approved else None

    async def _abandon_older(self, begun: Record) -> None:
        """Interrupted runs of the same plan are given up: resuming them would do things twice (D21)."""
        if begun["simulated"]:
            return
        nodes = self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN))
        for node in nodes:
            run = node.data
            if run["plan_id"] == begun["plan_id"] and run["status"] == "interrupted" and not run["simulated"]:
                why = f"Given up: run {begun['generation']} of the plan was started instead."
                await asyncio.to_thread(self.recovery.abandon, node.id, why, is_newest=False)
                self._write_files(node.id)
                self.notices.tell_soon(self.others.reload(node.id))

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
        loop = RunLoop(services, state, self.recovery.chronicle(state))
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
