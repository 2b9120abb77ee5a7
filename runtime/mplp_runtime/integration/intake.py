"""The one door for events from outside: checked, told apart, kept in bounds, taken in (seed 2, 7 to 9).

An event that is offered is normalised and checked at once. Then it waits for its turn: the urgent first, each
source within its rate, changes of one file joined. What is taken in becomes durable together with what it
does to the graph, and a delivery that was taken in before does nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from mplp_runtime.errors import EventRejected, MplpError, NodeMissing, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, IntegrationKind
from mplp_runtime.integration.backlog import MOST_WAITING, Backlog, Delivered, Priority
from mplp_runtime.integration.deliveries import delivery_of, is_known, remember
from mplp_runtime.integration.envelope import normalised
from mplp_runtime.integration.error_log import ErrorLog
from mplp_runtime.integration.files import FileIngest, inside
from mplp_runtime.integration.knowledge import learn, node_of
from mplp_runtime.integration.rates import RateLimit
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import Clock
from mplp_runtime.vsl.interface import Json, Reading, Transaction, ValueStateLayer
from mplp_runtime.vsl.values import can_be_a_name

AT_ONCE = 100
"""Events in one transaction."""
LARGEST_EVENT_BYTES = 1_048_576
_OPEN_MERGES = "integration/merges/"
_RETRIES = 5
_FIRST_PAUSE_S = 0.1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an event that was offered. `error` is a sentence; `notes` say what was normalised."""

    outcome: Literal["waiting", "joined", "known", "rejected", "lost"]
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class Counts:
    """Events since this intake was made. `lost` are those without room, after which files are looked at."""

    taken_in: int = 0
    joined: int = 0
    known: int = 0
    rejected: int = 0
    lost: int = 0


class Intake:
    """Takes integration events in. Belongs to one event loop; `offer` never waits and never raises."""

    def __init__(
        self,
        root: PurePath,
        store: ValueStateLayer,
        bus: EventBus,
        graph: Graph,
        *,
        clock: Clock,
        folder: Callable[[], Path | None] = lambda: None,
        live_streams: Callable[[Reading], tuple[str, ...]] = lambda _: (),
        on_merge: Callable[[Event], Awaitable[None]] | None = None,
        look_at_files: Callable[[], Awaitable[object]] | None = None,
        rate_limit: RateLimit | None = None,
        most_waiting: int = MOST_WAITING,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._root = root
        self._store = store
        self._bus = bus
        self._graph = graph
        self._files = FileIngest(store, bus, graph, root=root)
        self._live_streams = live_streams
        self._on_merge = on_merge
        self._look_at_files = look_at_files
        self._backlog = Backlog(rate_limit or RateLimit(), most_waiting, lambda path: inside(path, root))
        self._monotonic = monotonic
        self._sleep = sleep
        self.errors = ErrorLog(folder, clock, lambda: store.file_protection)
        self.counts = Counts()
        self.must_rescan = False
        """Set when file events were lost, until `settle` has had all files looked at."""
        self._one_at_a_time = asyncio.Lock()
        self._hurry = asyncio.Event()

    @property
    def depth(self) -> int:
        """How many events wait."""
        return len(self._backlog)

    def depths(self) -> dict[Priority, int]:
        """How many events wait, by priority."""
        return self._backlog.depths()

    def offer_text(self, text: str, *, source: str) -> Receipt:
        """The same for one JSON document, as it came over a wire."""
        try:
            value = event_value(text)
        except EventRejected as problem:
            return self._rejected(str(problem), source, text)
        return self.offer(value, source=source)

    def offer(
        self,
        value: Mapping[str, Json],
        *,
        source: str,
        kind: IntegrationKind | None = None,
        is_told_once: bool = False,
    ) -> Receipt:
        """Checks an event in any of the three forms and lets it wait for its turn.

        `source` counts where the event names none. What is wrong is told in the receipt and in the error log.
        `is_told_once` says that nobody can deliver it again, so that nothing need be remembered of it.
        """
        try:
            found = normalised(value, stamper=self._bus.stamper, source=source, kind=kind)
            envelope = found.envelope
            deliveries = () if is_told_once else (delivery_of(value, str(envelope["source"])),)
            _refuse_outside(envelope, self._root)
            _refuse_names(envelope, deliveries)
        except MplpError as problem:
            return self._rejected(str(problem), source, value)
        if self._is_known(deliveries):
            self.counts.known += 1
            return Receipt("known", found.notes)
        outcome = self._backlog.put(Delivered(envelope, deliveries))
        if outcome == "full":
            return self._rejected("Too many events wait; this one was not taken.", source, value)
        if outcome == "joined":
            self.counts.joined += 1
        elif outcome == "known":
            self.counts.known += 1
        self._note_losses()
        return Receipt(outcome, found.notes)

    @property
    def has_work(self) -> bool:
        """Whether there is something for `settle` to do."""
        is_look_due = self.must_rescan and self._look_at_files is not None and not self._hurry.is_set()
        return bool(self._backlog) or is_look_due

    def look_again(self) -> None:
        """Changes of files were lost: the next `settle` has all files looked at."""
        if not self.must_rescan:
            logger.warning("More events came than can wait; the project's files are looked at again.")
        self.must_rescan = True

    def hurry(self) -> None:
        """From now on nothing is waited for, neither rates nor a locked state; files are not looked at."""
        self._hurry.set()

    async def settle(self) -> None:
        """Takes in all that waits, at the pace of the rate limits; after a loss all files are looked at once.

        Raises StoreError once retries are used up; what could not be stored waits for the next call.
        """
        async with self._one_at_a_time:
            await self._take_in_all()
            if self.must_rescan and self._look_at_files is not None and not self._hurry.is_set():
                # What is lost while the look goes on is one more loss.
                self.must_rescan = False
                try:
                    await self._look_at_files()
                except BaseException:
                    self.must_rescan = True
                    raise

    async def _take_in_all(self) -> None:
        # Of an earlier process, or where it did not work out before.
        await self._follow_up_merges()
        while (wait_s := self._backlog.wait_s(self._monotonic())) is not None:
            if wait_s > 0:
                await self.pause(wait_s)
            events = self._backlog.take(AT_ONCE, self._monotonic(), at_once=self._hurry.is_set())
            if not events:
                continue
            has_merges = any(_is_merge(event.envelope) for event in events)
            try:
                await self._store_patiently(events)
            except BaseException:
                self._backlog.put_back(events)
                raise
            if has_merges:
                await self._follow_up_merges()

    async def _store_patiently(self, events: list[Delivered]) -> None:
        """Takes out of `events` what is stored or rejected, so that what is left when it raises is not."""
        pause_s = _FIRST_PAUSE_S
        for attempt in range(_RETRIES + 1):
            try:
                taken_in = await self._store.transact(lambda transaction: self._take_in(transaction, events))
            except NodeMissing as problem:
                # That is no trouble of the store, and would be the same the next time.
                await self._one_by_one(events, problem)
                return
            except StoreError as problem:
                if attempt == _RETRIES or self._hurry.is_set():
                    self.errors.add("mplp-lsp", f"{len(events)} events wait: {problem}", {})
                    raise
                await self.pause(pause_s)
                pause_s *= 2
            except MplpError as problem:
                await self._one_by_one(events, problem)
                return
            except Exception:
                # In one event; it must not keep all others out for ever.
                if len(events) == 1:
                    logger.exception("A bug in taking an event in; it is rejected.")
                await self._one_by_one(events, EventRejected("A bug of mplp-lsp, which its log tells of."))
                return
            else:
                self.counts.taken_in += len(taken_in)
                self.counts.known += len(events) - len(taken_in)
                events.clear()
                return

    async def _one_by_one(self, events: list[Delivered], problem: MplpError) -> None:
        """One that the checks at the door let through does not hold up those that wait with it."""
        if len(events) > 1:
            while events:
                await self._store_patiently(events[:1])
                del events[0]
        else:
            envelope = events.pop().envelope
            self._rejected(str(problem), str(envelope["source"]), envelope)

    async def pause(self, seconds: float) -> None:
        """Sleeps, but not longer than until somebody is in a hurry."""
        if self._hurry.is_set():
            return
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._hurry.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _follow_up_merges(self) -> None:
        """What follows from merges that are stored; they are remembered until it has happened."""
        if self._on_merge is None:
            return
        for key, envelope in self._store.read(_open_merges):
            try:
                await self._on_merge(envelope)
            except MplpError as problem:
                # The event itself is stored; the next events try again.
                self.errors.add(str(envelope["source"]), str(problem), envelope)
                return
            await self._store.transact(lambda transaction: transaction.delete(key))  # noqa: B023

    def _take_in(self, transaction: Transaction, events: list[Delivered]) -> list[Event]:
        """Those of the events that were news."""
        # Asked here, or a run that ends meanwhile would have news behind its end, which no trace tells.
        streams = ("project", *self._live_streams(transaction))
        news: list[Event] = []
        for event in events:
            envelope, deliveries = event.envelope, event.deliveries
            if deliveries and all(is_known(transaction, delivery) for delivery in deliveries):
                # Another process was quicker, or it was offered twice before its turn.
                continue
            if envelope["event_type"] == "file_update":
                lamport = self._files.ingest_in(transaction, envelope, streams=streams).lamports[0]
            else:
                lamport, *_ = self._bus.record_in(transaction, streams, envelope)
                learn(self._graph, transaction, envelope, lamport, streams[0])
                if self._on_merge is not None and _is_merge(envelope):
                    transaction.set(f"{_OPEN_MERGES}{lamport:020}", envelope)
            for delivery in deliveries:
                remember(transaction, delivery, lamport)
            news.append(envelope)
        return news

    def _is_known(self, deliveries: tuple[str, ...]) -> bool:
        """Whether all of these had their effect; that is asked again when they are stored."""
        if not deliveries:
            return False
        try:
            return self._store.read(lambda reading: all(is_known(reading, each) for each in deliveries))
        except StoreError:
            return False

    def _rejected(self, error: str, source: str, event: object) -> Receipt:
        self.counts.rejected += 1
        self.errors.add(source, error, event)
        return Receipt("rejected", error=error)

    def _note_losses(self) -> None:
        if self._backlog.lost > self.counts.lost:
            self.counts.lost = self._backlog.lost
            self.look_again()


def _is_merge(envelope: Event) -> bool:
    return bool(envelope["payload"].get("event_kind") == "merge")


def _open_merges(reading: Reading) -> list[tuple[str, Event]]:
    return [(key, dict(reading.get(key) or {})) for key in sorted(reading.keys(_OPEN_MERGES))]


def _refuse_outside(envelope: Event, root: PurePath) -> None:
    """Raises PathOutsideProject before the event waits with others, which it must not hold up."""
    if envelope["event_type"] == "file_update":
        for name in ("file_path", "previous_path"):
            path = envelope["payload"].get(name)
            if path:
                inside(path, root)


def _refuse_names(envelope: Event, deliveries: tuple[str, ...]) -> None:
    """Raises EventRejected for what no state can find again; of a file's name such parts are replaced."""
    names = deliveries if envelope["event_type"] == "file_update" else (*deliveries, *node_of(envelope))
    if not can_be_a_name(*names):
        raise EventRejected("A name in the event has half of a surrogate pair in it, or a NUL.")


def event_value(text: str) -> dict[str, Json]:
    """One event as it stands in `text`. Raises EventRejected for what is no JSON object, or too large."""
    if len(text) > LARGEST_EVENT_BYTES:
        raise EventRejected(f"The event is larger than {LARGEST_EVENT_BYTES // 1024} KiB.")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        text.encode("utf-8")
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise EventRejected(f"This is not valid JSON ({where}): {problem.msg}.") from problem
    except RecursionError as problem:
        raise EventRejected("The event is nested too deeply.") from problem
    except UnicodeEncodeError as problem:
        raise EventRejected("The event is no UTF-8, or has half of a surrogate pair in a text.") from problem
    except ValueError as problem:
        raise EventRejected(f"This is not valid JSON: {problem}.") from problem
    if not isinstance(value, dict):
        raise EventRejected("An event is a JSON object.")
    return value


def _finite(word: str) -> float:
    # Python reads 1e400 as infinity, which no JSON text can say again: it could not be stored, and all that
    # wait with it would not be either.
    number = float(word)
    if math.isinf(number):
        raise ValueError(f"{word} is too large for a number")
    return number


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON value")
