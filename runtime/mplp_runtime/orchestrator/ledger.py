"""What begins and ends in a run, written together: one commit for all that is known by then.

The end of a step and the start of those that waited for it stand in one transaction, so that a chain of steps
costs one commit each and many parallel steps share one. Nothing is told before it is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.page import PageWriter
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to write. `done` is called once it is on disk, `failed` if it cannot be written.

    For the start of an attempt `done` gets what the step's dependencies returned, for its end nothing of use.
    """

    record: Record
    done: Callable[[Inputs], None]
    failed: Callable[[BaseException], None]
    output: Any = None


class Player(Protocol):
    """Who plays steps that answer at once: it hears of all those on a page together."""

    def begun(self, attempts: Sequence[Record]) -> None: ...
    def ended(self, count: int) -> None: ...
    def failed(self, problem: BaseException, count: int) -> None: ...


@dataclass(slots=True)
class _Page:
    ends: list[Entry] = field(default_factory=list)
    starts: list[Entry] = field(default_factory=list)
    played_ends: list[Record] = field(default_factory=list)
    played_starts: list[Record] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.has_records or bool(self.waiting)

    @property
    def has_records(self) -> bool:
        return bool(self.ends or self.starts or self.played_ends or self.played_starts)


class Ledger:
    """Writes what a run hands in, in that order but for ends, which come first. Belongs to one event loop."""

    def __init__(
        self,
        store: ValueStateLayer,
        state: RunState,
        chronicle: Chronicle,
        changed: Callable[[RunState], None],
    ) -> None:
        self._store = store
        self._state = state
        self._chronicle = chronicle
        self._changed = changed
        self._page = _Page()
        self._writing: asyncio.Task[None] | None = None
        self.player: Player | None = None

    def start(self, entry: Entry) -> None:
        """The record of a new attempt, which must be on disk before its action begins."""
        self._page.starts.append(entry)
        self._write_soon()

    def end(self, entry: Entry) -> None:
        """The record of an attempt that has ended, and what it returned."""
        self._page.ends.append(entry)
        self._write_soon()

    def start_played(self, record: Record) -> None:
        """The same for a step that answers at once; its player is told."""
        self._page.played_starts.append(record)
        self._write_soon()

    def end_played(self, record: Record) -> None:
        """The record of such a step that has ended, and succeeded; what it returned is in its `tail`."""
        self._page.played_ends.append(record)
        self._write_soon()

    async def written(self) -> None:
        """Returns when everything handed in so far was written, or could not be."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._page.waiting.append(waiting)
        self._write_soon()
        await waiting

    async def settled(self) -> None:
        """Returns when nothing is left to be written."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="write what steps did")

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        has_turned = False
        try:
            while self._page:
                if not has_turned:
                    # What ends in the same moment goes into the same commit; and a store in memory never
                    # waits.
                    await asyncio.sleep(0)
                page, self._page = self._page, _Page()
                turns: list[None] = []
                if page.has_records:
                    loop.call_soon(turns.append, None)
                    await self._write_page(page)
                # Where no task was told of anything, nothing is about to end; and others had their turn.
                has_turned = bool(turns) and not (page.ends or page.starts or page.waiting)
                for each in page.waiting:
                    if not each.done():
                        each.set_result(None)
        finally:
            self._writing = None

    async def _write_page(self, page: _Page) -> None:
        player = self.player
        try:
            inputs = await self._store.transact(lambda transaction: self._work(transaction, page))
        except Exception as problem:
            for entry in (*page.ends, *page.starts):
                entry.failed(problem)
            if player is not None:
                player.failed(problem, len(page.played_ends) + len(page.played_starts))
            return
        # Only now: what is shown is on disk.
        for entry in page.ends:
            self._state.take_attempt(entry.record)
        self._state.take_attempts(page.played_ends)
        for entry in page.starts:
            self._state.take_attempt(entry.record)
        self._state.take_attempts(page.played_starts)
        self._changed(self._state)
        for entry in page.ends:
            entry.done({})
        for entry, given in zip(page.starts, inputs, strict=True):
            entry.done(given)
        if player is not None:
            player.begun(page.played_starts)
            player.ended(len(page.played_ends))

    def _work(self, transaction: Transaction, page: _Page) -> Sequence[Inputs]:
        begins = len(page.starts) + len(page.played_starts)
        written = PageWriter(self._chronicle, transaction, begins=begins, plays=len(page.played_ends))
        ended: dict[str, Record] = {}
        for entry in page.ends:
            record = entry.record
            if entry.output not in (None, "") and not records.is_output_in_tail(record):
                transaction.set(records.output_key(record["run_id"], record["step_id"]), entry.output)
            written.ended(record)
            ended[record["step_id"]] = record
        for record in page.played_ends:
            written.played(record)
            ended[record["step_id"]] = record
        for entry in page.starts:
            written.begun(entry.record)
        for record in page.played_starts:
            written.begun(record)
        written.write()
        # Here, because a read of its own would cost the event loop more.
        return [self.inputs_of(transaction, entry.record["step_id"], ended) for entry in page.starts]

    def inputs_of(self, reading: Reading, step_id: str, ended: Mapping[str, Record]) -> Inputs:
        """What a step's dependencies returned, by their ids; `ended` holds those that are being written."""
        state = self._state
        inputs: dict[str, Any] = {}
        for each in state.steps[step_id].get("dependencies", ()):
            record = ended.get(each) or state.attempts.get(each)
            if record is not None and records.is_output_in_tail(record):
                inputs[each] = record["tail"]
            else:
                inputs[each] = reading.get(records.output_key(state.run_id, each))
        return inputs
