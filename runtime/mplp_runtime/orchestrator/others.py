"""Runs that this process does not carry: those that are over, and those of other processes (D19)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mplp_runtime.errors import RunRefused, RunUnknown, StateDamaged, StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.record_shapes import sound_claim
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState, load_state, refresh_state
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.vsl.interface import Node, Reading, StoredEvent, Transaction
from mplp_runtime.vsl.ready import events_of

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.manager import RunManager
    from mplp_runtime.runtime import Runtime

logger = logging.getLogger(__name__)

_OWNER_LIMIT_S = 15.0
_EVENTS_AT_ONCE = 1_000
_ABOUT_FILES = frozenset({"file_update", "file_missing", "files_reconciled", "files_found", "graph_restored"})


class OtherRuns:
    """Reads runs from the store, and follows it while somebody wants to know."""

    def __init__(self, runtime: Runtime, manager: RunManager) -> None:
        self._runtime = runtime
        self._manager = manager
        self._states: dict[str, RunState] = {}
        self._task: asyncio.Task[None] | None = None
        self._version: tuple[int, int] | None = None
        self._begun = 0
        self._is_closed = False
        self._lamport: int | None = None
        self._untold: set[str] = set()
        # Set on the thread that commits, and by what other processes have committed.
        self._have_files_changed = False
        self._unfollow: Callable[[], None] = lambda: None

    def state(self, run_id: str) -> RunState | None:
        """The run as the store has it now; None if there is none."""
        known = self._states.get(run_id)
        if known is None:
            known = self._runtime.vsl.read(lambda reading: load_state(reading, run_id))
            if known is not None:
                self._states[run_id] = known
            return known
        if known.run["status"] not in records.FINAL_STATUSES and self._is_refreshed(known):
            # Whoever asked knows now; the subscribers are told at the next look.
            self._untold.add(run_id)
        return known

    def reload(self, run_id: str) -> RunState:
        """The run, read again as a whole. Raises RunUnknown."""
        self._states.pop(run_id, None)
        state = self.state(run_id)
        if state is None:
            raise RunUnknown(f"No run {run_id} is known in this project.")
        return state

    def keep(self, state: RunState) -> RunState:
        """The run, which was carried here and is from now on not; as others have changed it meanwhile."""

        def look(reading: Reading) -> tuple[Record | None, int]:
            return records.read_run(reading, state.run_id), reading.lamport()

        run, lamport = self._runtime.vsl.read(look)
        if run != state.run:
            return self.reload(state.run_id)
        state.seen_lamport = lamport
        self._states[state.run_id] = state
        return state

    def forget(self, run_id: str) -> None:
        """A run is from now on carried here."""
        self._states.pop(run_id, None)

    def has_begun(self) -> None:
        """A run has come to be carried here: what others have asked of it already is looked for anew."""
        self._begun += 1

    async def ask_owner(self, run_id: str, message: Record, is_done: Callable[[], bool]) -> None:
        """Leaves a message for the process that carries a run and waits until it took effect.

        A word to cancel stands also if who said it goes away before it was heard. Raises RunRefused if that
        process does not react.
        """
        request_id = f"{run_id}/{self._runtime.new_id()}"
        request = {"run_id": run_id, **message}
        self.follow()
        stands = False
        try:
            await to_the_end(
                self._runtime.vsl.transact(
                    lambda transaction: transaction.create_node(records.RUN_REQUEST, request_id, request)
                )
            )
            if not await self._manager.notices.until(is_done, _OWNER_LIMIT_S):
                raise RunRefused("The process that carries this run does not react.")
        except asyncio.CancelledError:
            stands = message["kind"] == "cancel"
            raise
        finally:
            if not stands:
                await self._withdraw(request_id)

    async def _withdraw(self, request_id: str) -> None:
        """A request that nobody took must not surprise whoever carries the run later."""

        def work(transaction: Transaction) -> None:
            if transaction.read_node(records.RUN_REQUEST, request_id) is not None:
                transaction.delete_node(records.RUN_REQUEST, request_id)

        with suppress(StoreError):
            await self._runtime.vsl.transact(work)

    def follow(self) -> None:
        """From now on looks at what other processes write, until `close`."""
        if self._task is None and not self._is_closed:
            self._unfollow = self._runtime.bus.follow(self._note_files)
            self._task = asyncio.get_running_loop().create_task(self._follow(), name="follow other runs")

    async def close(self) -> None:
        self._is_closed = True
        if self._task is not None:
            self._unfollow()
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + records.BEAT_S
        told: str | None = None
        while True:
            try:
                await self._look()
                told = None
                if loop.time() >= next_beat:
                    next_beat = loop.time() + records.BEAT_S
                    await self._manager.beat()
            except StoreError as problem:
                # Once, and not at every look, as long as it lasts.
                if told != str(problem):
                    logger.warning("%s", problem)
                told = str(problem)
            except Exception:
                logger.exception("A look at the runs of other processes failed.")
            await asyncio.sleep(self._runtime.follow_interval_s)

    async def _look(self) -> None:
        if self._runtime.have_others_begun:
            # In a thread: their state may be locked.
            await asyncio.to_thread(self._runtime.persist)
        if self._runtime.folder is None:
            return
        # In a thread: the processes that a run has left behind are ended, which takes its time.
        is_somebody_gone = self._manager.has_lost_runs()
        for run_id in await asyncio.to_thread(self._manager.recover) if is_somebody_gone else ():
            self._manager.notices.tell_soon(self.reload(run_id))
        untold, self._untold = self._untold, set()
        for run_id in untold & self._states.keys():
            self._manager.notices.tell_soon(self._states[run_id])
        if self._have_files_changed:
            self._have_files_changed = False
            self._manager.interventions.told_of_files()
        version = (self._runtime.vsl.data_version(), self._begun)
        if version == self._version:
            return
        touched, lamport, news = self._runtime.vsl.read(self._touched)
        self._note_files(news)
        for run_id in touched:
            if not self._manager.is_own(run_id):
                try:
                    self._look_at(run_id)
                except StateDamaged as damage:
                    # It does not hide the others.
                    logger.warning("%s", damage)
        self._lamport = lamport
        await self._take_requests()
        # Last: what a locked state has kept from happening is done at the next look.
        self._version = version

    def _note_files(self, news: Sequence[StoredEvent]) -> None:
        if any(_is_about_files(stored.event) for stored in events_of("project", news)):
            self._have_files_changed = True

    def _touched(self, reading: Reading) -> tuple[list[str], int, list[StoredEvent]]:
        """Runs that may have changed: those with new events, those under way, and those known as such.

        With the time of the last event, and the new events of the project.
        """
        known = self._states.items()
        found = {run_id: None for run_id, state in known if state.run["status"] not in records.FINAL_STATUSES}
        for key in reading.keys(records.OWNERS):
            claim = sound_claim(reading, key)
            if claim is not None:
                found[claim["run_id"]] = None
        lamport = reading.lamport() if self._lamport is None else self._lamport
        of_project: list[StoredEvent] = []
        while news := reading.events(after=lamport, limit=_EVENTS_AT_ONCE):
            lamport = news[-1].lamport
            found.update((stored.stream, None) for stored in news if stored.stream != "project")
            of_project += events_of("project", news)
        touched = [run_id for run_id in found if records.read_run(reading, run_id) is not None]
        return touched, lamport, of_project

    def _look_at(self, run_id: str) -> None:
        known = self._states.get(run_id)
        if known is None:
            self._manager.notices.tell_soon(self.reload(run_id))
        elif known.run["status"] not in records.FINAL_STATUSES and self._is_refreshed(known):
            self._manager.notices.tell_soon(known)

    def _is_refreshed(self, state: RunState) -> bool:
        seen, is_refreshed = state.seen_lamport, False

        def read(reading: Reading) -> bool:
            nonlocal is_refreshed
            # What an earlier look took in is taken again: the state may have been written during it.
            state.seen_lamport = seen
            is_refreshed = refresh_state(reading, state) or is_refreshed
            return is_refreshed

        return self._runtime.vsl.read(read)

    async def _take_requests(self) -> None:
        requests, over = self._runtime.vsl.read(_requests)
        taken = [node for node in requests if self._manager.is_own(str(node.data["run_id"]))]
        if not taken and not over:
            return

        def work(transaction: Transaction) -> None:
            for node in (*taken, *over):
                transaction.delete_node(records.RUN_REQUEST, node.id)

        await self._runtime.vsl.transact(work)
        for node in taken:
            self._manager.obey(str(node.data["run_id"]), dict(node.data))


def _requests(reading: Reading) -> tuple[list[Node], list[Node]]:
    """What is asked of runs, and of those what nobody will hear any more: their runs are over."""
    requests = list(reading.nodes(records.RUN_REQUEST))
    runs = {node.id: records.read_run(reading, str(node.data["run_id"])) for node in requests}
    over = {each for each, run in runs.items() if run is None or run.get("status") in records.FINAL_STATUSES}
    return [node for node in requests if node.id not in over], [node for node in requests if node.id in over]


def _is_about_files(event: Mapping[str, Any]) -> bool:
    return event.get("event_type") in _ABOUT_FILES
