"""The run manager: the one place that starts work, and the one that knows how every run stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mplp_runtime.approval_judgement import as_they_stand
from mplp_runtime.confirm_files import Look, confirm_paths
from mplp_runtime.errors import (
    MplpError,
    RunInProgress,
    RunUnknown,
    StoreError,
    WorkspaceNotTrusted,
)
from mplp_runtime.kinds import confirm_path
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import (
    OPEN_WORDS,
    Admitted,
    StartRequest,
    admitted,
    needs_approval,
    refuse_unapproved,
)
from mplp_runtime.orchestrator.beginning import held, refuse_if_left_open, refuse_if_over
from mplp_runtime.orchestrator.carrying import Carrying
from mplp_runtime.orchestrator.interventions import Interventions
from mplp_runtime.orchestrator.live import sealed_file, trace_file
from mplp_runtime.orchestrator.notices import Notices
from mplp_runtime.orchestrator.others import OtherRuns
from mplp_runtime.orchestrator.pausing import Pausing
from mplp_runtime.orchestrator.questions import refuse_if_unwritten
from mplp_runtime.orchestrator.record_shapes import each_sound, runs_of_plan, sound_claim
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.orchestrator.views import Answer, RunView, as_interrupted
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Transaction

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

__all__ = ["RunManager", "StartRequest"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_LIMIT_S = 15.0


class RunManager:
    """Starts, watches, stops and resumes runs. Belongs to the event loop it is first used on."""

    def __init__(self, runtime: Runtime, instance: str) -> None:
        self._runtime = runtime
        self.recovery = Recovery(runtime.vsl, runtime.bus, runtime.graph, runtime.clock)
        self._carrying = Carrying(runtime, self, self.recovery, instance)
        self.is_closed = False
        self._spawned: set[asyncio.Future[None]] = set()
        self.notices = Notices(self._carrying.state_changed, self.view)
        self.others = OtherRuns(runtime, self)
        self.interventions = Interventions(runtime, self, self._carrying)
        self.pausing = Pausing(runtime, self, self._carrying)

    async def start(self, request: StartRequest) -> RunView:
        """Starts a run and returns once the start is durable.

        Raises RunRefused (PlanInvalid, PlanNotApproved, RoleNotBound, WorkspaceNotTrusted, RunInProgress,
        RunLeftOpen, …), SettingsInvalid and StoreError.
        """
        self.refuse_if_closed()
        plan = await asyncio.to_thread(admitted, request, self._runtime.settings(), self._runtime.handlers)
        self._refuse_if_held(plan.plan["plan_id"], request)
        plan_id = plan.plan["plan_id"]
        self._runtime.vsl.read(lambda reading: refuse_if_left_open(reading, plan_id, request))
        confirm_id = await self._approved(request, plan)
        if request.trusted or not request.simulate:
            await asyncio.to_thread(self._runtime.persist)
        self.others.follow()
        # To its end, also if whoever asked goes away meanwhile: what has begun is carried by somebody.
        return self.view(await self._carrying.begin(request, plan, confirm_id))

    async def wait(self, run_id: str) -> RunView:
        """The run once it is over or interrupted; questions are waited for as long as it takes."""
        self.others.follow()
        while True:
            view = self.view(run_id)
            live = self._carrying.live.get(run_id)
            if live is not None and live.task is not None:
                # Also of a run that has just ended: its last trace is being written.
                await asyncio.shield(live.task)
            elif view.is_live:
                await self.notices.changed_within(1.0)
            else:
                return view

    async def cancel(self, run_id: str) -> RunView:
        """Ends a run and its processes; returns once that is done. An interrupted run is given up."""
        await self._carrying.cancel(run_id)
        if self.view(run_id).is_live:
            await self.others.ask_owner(run_id, {"kind": "cancel"}, lambda: not self.view(run_id).is_live)
            # Perhaps the owner was gone already.
            await self._carrying.cancel(run_id)
        return self.view(run_id)

    async def pause(self, run_id: str) -> RunView:
        """Lets what is under way end and begins nothing more until `resume`; a session is suspended.

        Raises RunRefused where the run is not under way.
        """
        return await self.pausing.change(run_id, paused=True)

    async def resume(self, run_id: str, *, repeat: bool | None = None, trusted: bool = False) -> RunView:
        """Goes on with an interrupted or paused run: finished steps stay finished.

        A step that was under way runs again only if its binding says `idempotent` or `repeat` is True; with
        False it counts as failed, with None a person is asked. What was handed to a person is still open,
        whatever `repeat` says: the same attempt asks again. Raises RunRefused where there is nothing to
        resume.
        """
        self.refuse_if_closed()
        view = await self.settled(run_id)
        live = self._carrying.live.get(run_id)
        if live is not None and view.is_live and repeat:
            live.loop.repeat_interrupted = True
            live.loop.decisions.repeat_all()
            return self.view(run_id)
        if view.is_paused:
            return await self.pausing.change(run_id, paused=False)
        if view.is_live:
            raise RunInProgress(f"The run is under way already, in process {view.owner_pid}.")
        refuse_if_over(view.status)
        if not view.simulated and not trusted:
            raise WorkspaceNotTrusted("This folder is not trusted, so nothing in it is run. Trust it first.")
        await asyncio.to_thread(self.refuse_if_rejected, view)
        await self._carrying.take_up(run_id, repeat)
        return self.view(run_id)

    async def answer(
        self, run_id: str, step_id: str, *, success: bool, output: str = "", repeat: bool = False
    ) -> RunView:
        """A person's answer to the question at a step; returns once it has taken effect.

        For a step that was interrupted, `success` counts it as done and `repeat` runs it again. Raises
        MplpError where nothing is asked.
        """
        view = self.view(run_id)
        asked = view.question_at(step_id)
        if asked is None:
            raise MplpError("No question is open at this step.")

        def is_answered() -> bool:
            return self.view(run_id).question_at(step_id) != asked

        live = self._carrying.live.get(run_id)
        if live is None:
            message = {
                "kind": "answer",
                "step_id": step_id,
                "asked": list(asked),
                "success": success,
                "output": output,
                "repeat": repeat,
            }
            await self.others.ask_owner(run_id, message, is_answered)
        elif live.loop.answer(step_id, Answer(success, output, repeat)):
            await self.notices.until(is_answered, ANSWER_LIMIT_S)
            refuse_if_unwritten(live.state, step_id, asked)
        return self.view(run_id)

    def view(self, run_id: str) -> RunView:
        """The run as it stands. Raises RunUnknown."""
        live = self._carrying.live.get(run_id)
        state = (
            live.state
            if live is not None
            else self._carrying.dropped.get(run_id) or self.others.state(run_id)
        )
        if state is None:
            raise RunUnknown(f"No run {run_id} is known in this project.")
        return self.view_of(state)

    async def settled(self, run_id: str) -> RunView:
        """The run as it stands, interrupted if the process that carried it is gone. Raises RunUnknown.

        Who does not follow the runs of others has not heard of that.
        """
        if self.view(run_id).is_live and not self.is_own(run_id) and self.recovery.ownerless():
            for each in await asyncio.to_thread(self.recover):
                self.notices.tell_soon(self.others.reload(each))
        return self.view(run_id)

    def all(self) -> Sequence[RunView]:
        """Every run of the project, those of other processes too; the newest is last.

        Damaged ones are left out as `each_sound` says, which may raise StateDamaged.
        """
        nodes = self._runtime.vsl.read(lambda reading: reading.nodes(records.RUN))
        views = each_sound(self.view, [node.id for node in nodes])
        return sorted(views, key=lambda view: view.started_at)

    def live_output(self, run_id: str) -> Mapping[str, str]:
        """What steps under way have put out so far, by their ids; nothing of runs that others carry."""
        live = self._carrying.live.get(run_id)
        return {} if live is None else dict(live.state.live_output)

    def latest(self, plan_id: str) -> RunView | None:
        """The newest run of a plan; None if it was never run."""
        of_plan = self._runtime.vsl.read(lambda reading: runs_of_plan(reading, plan_id))
        newest = max(of_plan, key=lambda run: int(run["generation"]), default=None)
        return None if newest is None else self.view(newest["run_id"])

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Calls `callback` with each change of any run, also of other processes; returns how to stop that."""
        self.others.follow()
        return self.notices.subscribe(callback)

    async def close(self) -> None:
        """Ends the processes that were started here; their runs stay, interrupted and resumable (D26)."""
        self.is_closed = True
        for live in self._carrying.live.values():
            live.loop.interrupt()
        await self.others.close()
        # Only now, because what begins may wait for files; it will see that this is closed.
        await self._carrying.begun()
        tasks = [live.task for live in self._carrying.live.values() if live.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        self.notices.close()

    # What follows is for the other parts of the orchestrator.

    def is_carrying(self) -> bool:
        """Whether any run that is no simulation is under way here."""
        return any(not live.state.run["simulated"] for live in self._carrying.live.values())

    def refuse_if_rejected(self, view: RunView) -> None:
        """A plan that was rejected since its run began does not go on; its own later edits do not matter.

        Nor does one of which a Confirm cannot be read. Raises PlanNotApproved.
        """
        state = self._runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
        if view.simulated or state is None:
            return
        approval = self._runtime.approvals.state(self._runtime.root / view.plan_path, state.plan)
        if approval.word in {"rejected", "unreadable"}:
            refuse_unapproved(approval.word, approval.changed)

    def show(self, run_id: str) -> None:
        """Has the run shown anew to whoever looks at it."""
        live = self._carrying.live.get(run_id)
        state = live.state if live is not None else self.others.state(run_id)
        if state is not None:
            self.notices.tell_soon(state)

    def is_own(self, run_id: str) -> bool:
        """Whether this manager carries the run."""
        return run_id in self._carrying.live

    async def beat(self) -> None:
        """Says that the runs carried here are alive, for processes that cannot see this one."""
        live_runs = self._carrying.live.items()
        claims = {str(live.state.run["owner_key"]): run_id for run_id, live in live_runs}
        claims |= {records.files_key(run_id): run_id for run_id, _live in live_runs}
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
        live = self._carrying.live.get(run_id)
        if live is None:
            return
        if message["kind"] == "cancel":
            live.loop.cancel()
            return
        if message["kind"] in {"pause", "unpause"}:
            self._spawn(self.pausing.obey(live, paused=message["kind"] == "pause"))
            return
        if message["kind"] in {"retry", "skip"}:
            self._spawn(self.interventions.obey(run_id, message))
            return
        asked = self.view(run_id).question_at(message["step_id"])
        # Meanwhile it may be the next question at that step, which the person has not seen.
        if asked is not None and list(asked) == message["asked"]:
            answer = Answer(message["success"], message["output"], message["repeat"])
            live.loop.answer(message["step_id"], answer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    def view_of(self, state: RunState) -> RunView:
        """The view of a run, with its owner and its files."""
        run = state.run
        claim = self._runtime.vsl.read(lambda reading: sound_claim(reading, run["owner_key"]))
        owner = claim["pid"] if claim is not None and claim["run_id"] == run["run_id"] else None
        trace = timeline = None
        live, folder = self._carrying.live.get(state.run_id), self._runtime.folder
        path = None if folder is None else trace_file(folder, run["trace_id"])
        # A run that began in memory has no files, even if the state moved into the folder since.
        if live.files.is_written if live is not None else path is not None and path.exists():
            trace = f".mplp/traces/{run['trace_id']}.trace.json"
            timeline = f".mplp/traces/{run['trace_id']}.events.ndjson"
        is_sealed = trace is None and (
            live.files.is_sealed if live is not None else path is not None and sealed_file(path).exists()
        )
        view = state.view(owner_pid=owner, trace_path=trace, timeline_path=timeline, is_sealed=is_sealed)
        if self._runtime.is_read_only and view.is_live:
            # Nobody settles it here.
            is_carried = claim is not None and records.is_claim_alive(claim, self._runtime.clock())
            view = view if is_carried else as_interrupted(view)
        return self.interventions.completed(view, run, folder)

    def has_lost_runs(self) -> bool:
        """Whether `recover` has anything to do."""
        are_files_behind = not self._carrying.files.unwritable.issuperset(self.recovery.files_behind())
        return are_files_behind or bool(self._carrying.dropped or self.recovery.ownerless())

    def recover(self) -> list[str]:
        """Settles the runs whose process is gone; returns their ids. It may take seconds to end processes."""
        recovered = [run_id for run_id in list(self._carrying.dropped) if self._carrying.settle(run_id)]
        recovered += self.recovery.recover_all()
        for run_id in dict.fromkeys([*recovered, *self.recovery.files_behind()]):
            self._carrying.files.write(run_id)
        return recovered

    def refuse_if_closed(self) -> None:
        """Raises StoreError once `close` was called."""
        if self.is_closed:
            raise StoreError("The runtime is closed.")

    def _refuse_if_held(self, plan_id: str, request: StartRequest) -> None:
        if request.simulate:
            return
        key = records.owner_key(plan_id, "", simulated=False)
        claim = self._runtime.vsl.read(lambda reading: sound_claim(reading, key))
        if claim is not None and records.is_claim_alive(claim, self._runtime.clock()):
            raise held(claim)

    async def _approved(self, request: StartRequest, plan: Admitted) -> str | None:
        """The id of the Confirm that covers the plan; None where none is needed. Raises PlanNotApproved."""
        if request.simulate:
            return None
        approvals, path = self._runtime.approvals, request.plan_path
        look, unreadable = await asyncio.to_thread(self._confirms, request, plan)
        confirms = as_they_stand(look.values, request.confirms)
        state = approvals.state(path, plan.plan, plan.settings, confirms=confirms, unreadable=unreadable)
        is_asked_for = needs_approval(plan.plan, plan.settings) or state.word in OPEN_WORDS
        await self._runtime.approval_record.catch_up(plan.plan, look.values)
        if state.word == "unreadable":
            # Before anything is approved, which would not help.
            refuse_unapproved(state.word, state.changed)
        if request.approve and not state.is_approved and is_asked_for:
            await approvals.propose(path, plan.plan)
            await approvals.approve(path, plan.plan)
            own = await asyncio.to_thread(self._runtime.confirm_files.known, confirm_path(path))
            confirms = as_they_stand(confirms, own.values)
            state = approvals.state(path, plan.plan, plan.settings, confirms=confirms)
        if is_asked_for:
            refuse_unapproved(state.word, state.changed)
        return state.confirm_id if state.is_approved else None

    def _confirms(self, request: StartRequest, plan: Admitted) -> tuple[Look, list[str]]:
        """Those on disk, and which of the plan's cannot be read; those of its steps are known from now on.

        What somebody has open is as it is there.
        """
        beside, plan_id = confirm_path(request.plan_path), plan.plan["plan_id"]
        about_plan = confirm_paths(request.world, {plan_id})
        about_steps = confirm_paths(request.world, {step["step_id"] for step in plan.plan["steps"]})
        look = self._runtime.confirm_files.everywhere(beside, *about_plan, *about_steps)
        broken = look.unreadable(plan_id, {beside, *about_plan})
        return look, [*(each.name for each in broken if each not in request.shown), *request.unreadable]
