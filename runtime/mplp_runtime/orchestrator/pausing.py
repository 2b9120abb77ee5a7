"""A run that is paused: what is under way ends, and nothing more begins until somebody has it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mplp_runtime.errors import RunRefused
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.live import LiveRun
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.vsl.interface import Transaction

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.carrying import Carrying
    from mplp_runtime.orchestrator.manager import RunManager
    from mplp_runtime.runtime import Runtime


class NotUnderWay(RunRefused):
    """Only what is under way can be paused."""

    code = "not-under-way"


class Pausing:
    """Pauses runs and has them go on. Belongs to the manager's event loop."""

    def __init__(self, runtime: Runtime, manager: RunManager, carrying: Carrying) -> None:
        self._runtime = runtime
        self._manager = manager
        self._carrying = carrying

    async def change(self, run_id: str, *, paused: bool) -> RunView:
        """The run once it is paused, or goes on again; also where another process carries it.

        Raises NotUnderWay, RunRefused where that process does not react, and StoreError.
        """
        view = await self._manager.settled(run_id)
        if not view.is_live:
            raise NotUnderWay(f"The run is {view.status}; only a run that is under way can be paused.")
        live = self._carrying.live.get(run_id)
        if view.is_paused == paused:
            return view
        if live is not None:
            await to_the_end(self.obey(live, paused=paused))
        else:

            def is_done() -> bool:
                now = self._manager.view(run_id)
                return now.is_paused == paused or not now.is_live

            await self._manager.others.ask_owner(run_id, {"kind": "pause" if paused else "unpause"}, is_done)
        return self._manager.view(run_id)

    async def obey(self, live: LiveRun, *, paused: bool) -> None:
        """Pauses a run that is carried here, or has it go on; durable before anything more begins."""
        state = live.state
        chronicle = self._manager.recovery.chronicle(state)

        def work(transaction: Transaction) -> Record:
            run = records.read_run(transaction, state.run_id) or {}
            if run.get("status") != "running" or bool(run.get("paused")) == paused:
                return run
            chronicle.run_paused(transaction, paused=paused)
            return records.change_run(transaction, state.run_id, paused=paused)

        if paused:
            # First, so that nothing begins after the moment that the events tell.
            live.loop.hold(paused=True)
        try:
            if paused:
                await live.loop.written()
            state.take_run(await self._runtime.vsl.transact(work))
        finally:
            live.loop.hold(paused=bool(state.run.get("paused")))
        self._manager.notices.tell_soon(state)
