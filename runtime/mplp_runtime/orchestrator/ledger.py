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
    opens: bool = False
    """Whether what waits for the step may be handed in to begin before this is on disk."""


class Player(Protocol):
    """Who plays steps that answer at once, in rounds that are written one after the other."""

    def play(self) -> Sequence[Sequence[Record]]: ...
    def written(self, count: int) -> None: ...
    def failed(self, problem: BaseException, count: int) -> None: ...


@dataclass(slots=True)
class _Page:
    ends: list[Entry] = field(default_factory=list)
    starts: list[Entry] = field(default_factory=list)
    is_to_be_played: bool = False
    rounds: Sequence[Sequence[Record]] = ()
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    written: int = 0
    """Commits of this page that are on disk."""
    inputs: Sequence[Inputs] = ()
    """What the dependencies of each of `starts` returned, once that was read."""

    def __bool__(self) -> bool:
        return self.has_records or self.is_to_be_played or bool(self.waiting)

    @property
    def has_records(self) -> bool:
        return bool(self.ends or self.starts or self.rounds)

    def count_commit(self) -> None:
        """One more commit of this page is on disk."""
        self.written += 1


class Ledger:
    """Writes what a run hands in. Belongs to one event loop.

    A page has the ends first, then the starts, then the first round that is played; each later round is a
    commit of its own.
    """

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
        # Of an end or a round that could not be written. What it made ready may have been handed in by then,
        # and does not begin; the run stops.
        self._problem: BaseException | None = None
        self.player: Player | None = None

    def start(self, entry: Entry) -> None:
        """The record of a new attempt, which must be on disk before its action begins."""
        self._page.starts.append(entry)
        self._write_soon()

    def end(self, entry: Entry) -> None:
        """The record of an attempt that has ended, and what it returned."""
        self._page.ends.append(entry)
        self._write_soon()

    def play_soon(self) -> None:
        """The player has steps that answer at once."""
        self._page.is_to_be_played = True
        self._write_soon()

    async def written(self) -> None:
        """Returns when everything handed in so far was written, or could not be."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._page.waiting.append(waiting)
        self._write_soon()
        await waiting

    def refuse_if_stopped(self) -> None:
        """Raises what kept an end or a round from being written: nothing that it made ready begins."""
        if self._problem is not None:
            raise self._problem

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
                try:
                    if page.is_to_be_played and self.player is not None:
                        page.rounds = self.player.play()
                    if page.has_records:
                        loop.call_soon(turns.append, None)
                        await self._write_page(page)
                finally:
                    for each in page.waiting:
                        if not each.done():
                            each.set_result(None)
                # Where no task was told of anything, nothing is about to end; and others had their turn.
                has_turned = bool(turns) and not (page.ends or page.starts or page.waiting)
        finally:
            self._writing = None

    async def _write_page(self, page: _Page) -> None:
        if self._problem is not None:
            self._fail(_Page(starts=page.starts, rounds=page.rounds), self._problem)
            page.starts, page.rounds = [], ()
            if not page.ends:
                return
        problem: BaseException | None = None
        works = [self._work_of(page, place) for place in range(len(page.rounds) or 1)]
        try:
            if len(works) > 1:
                await self._store.transact_each(works)
            else:
                await self._store.transact(works[0])
        except Exception as error:
            problem = error
        if problem is None and page.written < len(works):
            problem = RuntimeError("The store has acknowledged what it has not done.")
        if page.written < len(page.rounds) or (not page.written and any(each.opens for each in page.ends)):
            self._problem = problem
        # Only now: what is shown is on disk.
        self._show(page)
        if problem is not None:
            self._fail(page, problem)

    def _show(self, page: _Page) -> None:
        if not page.written:
            return
        for entry in page.ends:
            self._state.take_attempt(entry.record)
        for entry in page.starts:
            self._state.take_attempt(entry.record)
        count = 0
        for played in page.rounds[: page.written]:
            self._state.take_attempts(played)
            count += len(played)
        self._changed(self._state)
        for entry in page.ends:
            entry.done({})
        for entry, given in zip(page.starts, page.inputs, strict=True):
            entry.done(given)
        if count and self.player is not None:
            self.player.written(count)

    def _fail(self, page: _Page, problem: BaseException) -> None:
        if not page.written:
            for entry in (*page.ends, *page.starts):
                entry.failed(problem)
        left = sum(map(len, page.rounds[page.written :]))
        if left and self.player is not None:
            self.player.failed(problem, left)

    def _work_of(self, page: _Page, place: int) -> Callable[[Transaction], None]:
        """What one commit of a page writes: the first has all but the later rounds."""

        def work(transaction: Transaction) -> None:
            played = page.rounds[place] if page.rounds else ()
            begins = len(played) + (0 if place else len(page.starts))
            writer = PageWriter(self._chronicle, transaction, begins=begins, plays=len(played))
            if not place:
                self._put_entries(page, transaction, writer)
            writer.played(played)
            writer.write()
            transaction.after_commit(page.count_commit)

        return work

    def _put_entries(self, page: _Page, transaction: Transaction, writer: PageWriter) -> None:
        ended: dict[str, Record] = {}
        for entry in page.ends:
            record = entry.record
            if entry.output not in (None, "") and not records.is_output_in_tail(record):
                transaction.set(records.output_key(record["run_id"], record["step_id"]), entry.output)
            writer.ended(record)
            ended[record["step_id"]] = record
        for entry in page.starts:
            writer.begun(entry.record)
        # Here, because a read of its own would cost the event loop more.
        page.inputs = [self.inputs_of(transaction, entry.record["step_id"], ended) for entry in page.starts]

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
