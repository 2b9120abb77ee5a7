"""How a run comes to be carried by this process, and how it stops being carried; nothing is left half-way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import Admitted, StartRequest
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.beginning import OwnerGone, begin_run, take_over_run
from mplp_runtime.orchestrator.files_at_rest import FilesAtRest
from mplp_runtime.orchestrator.live import LiveRun, RunFiles
from mplp_runtime.orchestrator.record_shapes import runs_of_plan, sound_claim
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.orchestrator.run import RunLoop
from mplp_runtime.orchestrator.sessions.loop import SessionLoop
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.orchestrator.step_confirms import StepConfirms
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.vsl.interface import Reading

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.manager import RunManager
    from mplp_runtime.runtime import Runtime

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Carrying:
    """The runs of this process: `live` ones, and those `dropped` while the state could not be written.

    The state still calls a dropped run ours; it is settled as soon as the state can be written again.
    """

    def __init__(self, runtime: Runtime, manager: RunManager, recovery: Recovery, instance: str) -> None:
        self._runtime = runtime
        self._manager = manager
        self._recovery = recovery
        self._instance = instance
        self.live: dict[str, LiveRun] = {}
        self.dropped: dict[str, RunState] = {}
        self.files = FilesAtRest(runtime, recovery)
        self._settling = threading.Lock()
        self._beginnings: set[asyncio.Future[Any]] = set()
        self._in_turn: set[asyncio.Future[Any]] = set()
        # How many are about to cancel a run: one that comes to be carried meanwhile begins nothing.
        self._cancelling: Counter[str] = Counter()
        # By runs, while somebody takes one up or cancels it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, request: StartRequest, plan: Admitted, confirm_id: str | None) -> str:
        """Starts a run and carries it; its id. Raises RunInProgress, RunLeftOpen and StoreError."""
        return await _known_to(self._beginnings, self._begun(request, plan, confirm_id))

    async def begun(self) -> None:
        """Returns once every run that is being begun, taken up or cancelled now is so, or could not be."""
        if under_way := {*self._beginnings, *self._in_turn}:
            await asyncio.wait(under_way)

    async def _begun(self, request: StartRequest, plan: Admitted, confirm_id: str | None) -> str:
        self._manager.refuse_if_closed()
        begun = await self._owned(lambda: begin_run(self._runtime, self._instance, request, plan, confirm_id))
        run_id = str(begun["run_id"])
        async with self._or_dropped(run_id):
            await self._abandon_older(begun)
            self._manager.refuse_if_closed()
            state = RunState(
                begun,
                plan.plan,
                plan.bindings,
                frozenset(plan.gates),
                assigned=plan.cast.assigned,
                schedule=plan.scheduled,
            )
            await self._carry(state)
            # Whoever decides what comes next has it now, and lets go of steps that are done.
            state.schedule = None
        return run_id

    async def take_up(self, run_id: str, repeat: bool | None) -> None:
        """Carries an interrupted run from here on. Raises RunInProgress, RunRefused and StoreError."""
        await _known_to(self._in_turn, self._taken_up(run_id, repeat))

    async def _taken_up(self, run_id: str, repeat: bool | None) -> None:
        async with self._turn(run_id):
            await self.at_rest(run_id)
            self._manager.refuse_if_closed()
            await self._settle_if_dropped(run_id)
            await self._owned(lambda: take_over_run(self._runtime, self._instance, run_id))
            async with self._or_dropped(run_id):
                self._manager.refuse_if_closed()
                self._manager.others.follow()
                await self._carry(await self._loaded(run_id), repeat=repeat)

    async def cancel(self, run_id: str) -> None:
        """Ends a run that is carried here, with its processes, and gives up an interrupted one.

        To its end, also if whoever asked goes away meanwhile. Raises RunUnknown and StoreError.
        """
        self._manager.refuse_if_closed()
        self._cancelling[run_id] += 1
        await _known_to(self._in_turn, self._cancelled(run_id))

    async def _cancelled(self, run_id: str) -> None:
        try:
            async with self._turn(run_id):
                await self._cancelled_in_turn(run_id)
        finally:
            self._cancelling -= Counter((run_id,))

    async def _cancelled_in_turn(self, run_id: str) -> None:
        while self._beginnings and self._is_about_to_be_carried(run_id):
            # It is one of these: it is in the state, and nobody carries it yet.
            await asyncio.wait(self._beginnings, return_when=asyncio.FIRST_COMPLETED)
        live = self.live.get(run_id)
        if live is not None and live.task is not None:
            live.loop.cancel()
            # Perhaps only its files were still being finished, or the disk was quicker.
            await asyncio.wait({live.task})
        await self._settle_if_dropped(run_id)
        if self._manager.view(run_id).status == "interrupted":
            await asyncio.to_thread(self._recovery.abandon, run_id, "The run was cancelled.")
            await self.told_anew(run_id)

    def _is_about_to_be_carried(self, run_id: str) -> bool:
        if run_id in self.live or run_id in self.dropped:
            return False

        def is_claimed_here(reading: Reading) -> bool:
            run = records.read_run(reading, run_id)
            claim = None if run is None else sound_claim(reading, run["owner_key"])
            return claim is not None and (claim["run_id"], claim["instance"]) == (run_id, self._instance)

        return self._runtime.vsl.read(is_claimed_here)

    async def at_rest(self, run_id: str) -> None:
        """Returns once nobody here writes the files of a run that has stopped; at once while it goes on."""
        live = self.live.get(run_id)
        if live is not None and live.task is not None and live.state.run["status"] != "running":
            await asyncio.wait({live.task})

    def _turn(self, run_id: str) -> asyncio.Lock:
        return self._turns.setdefault(run_id, asyncio.Lock())

    async def _owned(self, claim: Callable[[], Awaitable[T]]) -> T:
        """Claims a plan, after the run of an owner that is gone has been settled."""
        try:
            return await claim()
        except OwnerGone:
            await asyncio.to_thread(self._manager.recover)
            return await claim()

    @asynccontextmanager
    async def _or_dropped(self, run_id: str) -> AsyncIterator[None]:
        """A run that is ours but could not be carried does not stay ours."""
        try:
            yield
        except BaseException:
            state = self._runtime.vsl.read(lambda reading: load_state(reading, run_id))
            if state is not None:
                state.take_run({**state.run, "status": "interrupted"})
                self.dropped[run_id] = state
                with suppress(StoreError):
                    await asyncio.to_thread(self.settle, run_id)
            raise

    def settle(self, run_id: str) -> bool:
        """Makes a dropped run `interrupted` in the state too. Raises StoreError as long as it cannot."""
        # One at a time: whoever came second would interrupt the run again after it was taken up.
        with self._settling:
            dropped = self.dropped.get(run_id)
            if dropped is None:
                return False
            is_settled = self._recovery.interrupt(run_id, instance=self._instance, error=dropped.error)
            self.dropped.pop(run_id, None)
            return is_settled

    async def _settle_if_dropped(self, run_id: str) -> None:
        if run_id in self.dropped and await asyncio.to_thread(self.settle, run_id):
            await self.told_anew(run_id)

    async def _abandon_older(self, begun: Record) -> None:
        """Interrupted runs of the same plan are given up: resuming them would do things twice (D21)."""
        if begun["simulated"]:
            return
        of_plan = self._runtime.vsl.read(lambda reading: runs_of_plan(reading, begun["plan_id"]))
        for run in of_plan:
            if run["status"] == "interrupted" and not run["simulated"]:
                await self.at_rest(run["run_id"])
                why = f"Given up: run {begun['generation']} of the plan was started instead."
                await asyncio.to_thread(self._recovery.abandon, run["run_id"], why, is_newest=False)
                await self.told_anew(run["run_id"])

    async def _loaded(self, run_id: str) -> RunState:
        vsl = self._runtime.vsl
        state = await asyncio.to_thread(vsl.read, lambda reading: load_state(reading, run_id))
        if state is None:
            raise StoreError(f"The run {run_id} is no longer in the state.")
        return state

    async def _carry(self, state: RunState, *, repeat: bool | None = None) -> None:
        runtime = self._runtime
        self._manager.others.forget(state.run_id)
        confirm_files = None if state.run["simulated"] else runtime.confirm_files
        confirms = StepConfirms(confirm_files, state, runtime.approvals.decide_step, runtime.vsl)
        services = RunServices(
            root=runtime.root,
            store=runtime.vsl,
            layer=ActionExecutionLayer(runtime.clock, handlers=runtime.handlers),
            clock=runtime.clock,
            new_id=runtime.new_id,
            changed=self._manager.notices.tell_soon,
            output=self._output,
            prepare=runtime.prepare_step,
            before_end=self._manager.interventions.before_end,
            confirms=confirms,
        )
        made = SessionLoop if state.run.get("session") else RunLoop
        loop = made(services, state, self._recovery.chronicle(state))
        loop.repeat_interrupted = repeat
        # In threads, because they read files, and all that happened before.
        await asyncio.to_thread(confirms.look)
        await confirms.keep()
        files = await asyncio.to_thread(
            RunFiles, runtime.folder, state, runtime.bus, runtime.vsl, runtime.clock
        )
        live = LiveRun(state, loop, files)
        self.live[state.run_id] = live
        self._manager.others.has_begun()
        if self._cancelling[state.run_id]:
            loop.cancel()
        elif self._manager.is_closed:
            # Since this began: no step begins, and the run is left as any other.
            loop.interrupt()
        live.task = asyncio.create_task(self._driven(live, confirms), name=f"run {state.run_id}")
        files.changed(())
        if not state.run["simulated"] and not self._manager.is_closed:
            runtime.active_drift.wake()
        self._manager.notices.tell_soon(state)

    def _output(self, state: RunState) -> None:
        self._manager.notices.tell_later(state)
        live = self.live.get(state.run_id)
        if live is not None:
            live.files.shown()

    async def _driven(self, live: LiveRun, confirms: StepConfirms) -> None:
        error: str | None = None
        watching = asyncio.create_task(confirms.watch(), name=f"confirms of run {live.state.run_id}")
        try:
            await live.loop.drive()
            error = live.state.error
        except Exception:
            logger.exception("A bug in the control loop of run %s.", live.state.run_id)
            error = "The run stopped because of an internal error; the log says more."
        finally:
            watching.cancel()
        run_id = live.state.run_id
        if live.state.run["status"] == "running":
            try:
                await asyncio.to_thread(
                    self._recovery.interrupt, run_id, instance=self._instance, error=error
                )
                stored = self._manager.others.reload(run_id)
                for step_id in [each["step_id"] for each in live.state.attempts.under_way()]:
                    if (attempt := stored.attempts.get(step_id)) is not None:
                        live.state.take_attempt(attempt)
                live.state.take_run(stored.run)
            except StoreError:
                # The state cannot be written now; this is made good as soon as it can.
                live.state.error = error
                live.state.take_run({**live.state.run, "status": "interrupted"})
                self.dropped[run_id] = live.state
        self.state_changed(live.state)
        try:
            await live.files.close()
            if live.files.is_finished and run_id not in self.dropped:
                await asyncio.to_thread(self.files.finish, live.state)
        except StoreError as problem:
            # Whoever opens the project next finishes them.
            logger.warning("%s", problem)
        except Exception:
            logger.exception("The files of run %s could not be finished.", run_id)
        del self.live[run_id]
        if run_id not in self.dropped:
            self._manager.notices.tell_now(self._manager.others.keep(live.state))
        else:
            self._manager.notices.tell_now(live.state)

    async def told_anew(self, run_id: str) -> None:
        """What became of a run that nobody carries goes into its files and to whoever looks at it."""
        # In a thread: somebody may keep a file for seconds.
        await asyncio.to_thread(self.files.write, run_id)
        self._manager.notices.tell_soon(self._manager.others.reload(run_id))

    def state_changed(self, state: RunState) -> None:
        """What has moved in a run goes into its trace."""
        moved, state.moved = state.moved, {}
        live = self.live.get(state.run_id)
        if live is not None:
            live.files.changed(moved.values())


async def _known_to(tasks: set[asyncio.Future[Any]], work: Coroutine[Any, Any, T]) -> T:
    """Does `work` to its end, and has it among `tasks` until then."""
    task = asyncio.ensure_future(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return await to_the_end(task)
