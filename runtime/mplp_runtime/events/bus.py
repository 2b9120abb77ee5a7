"""The causal event bus: every event is checked, given its place in time, stored, and then delivered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import Stamper
from mplp_runtime.events.validate import event_errors
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.vsl.interface import Json, StoredEvent, Transaction, ValueStateLayer
from mplp_runtime.vsl.ready import WrittenEvents
from mplp_runtime.vsl.texts import append_texts
from mplp_runtime.vsl.values import stamped

logger = logging.getLogger(__name__)

T = TypeVar("T")

INTEGRATION_TOPICS: Mapping[str, str] = {
    "file_update": "integration.file_update",
    "git_operation": "integration.git",
    "ci_pipeline": "integration.ci",
    "tool_execution": "integration.tool",
}


class EventBus:
    """The one way into the event log of a project.

    Callbacks are called with the StoredEvent after its transaction has committed, in Lamport order, on the
    thread that commits; they must be quick and must not write to the store (hand over to a loop or a queue).
    Only events of this process are delivered; `store.data_version()` tells when others have written.
    """

    def __init__(self, store: ValueStateLayer, *, clock: Clock, new_id: NewId) -> None:
        self.stamper = Stamper(clock, new_id)
        self._store = store
        self._subscriptions: tuple[tuple[Callable[[Sequence[StoredEvent]], None]], ...] = ()
        self._lock = threading.Lock()

    def record(self, transaction: Transaction, stream: str, event: Mapping[str, Json]) -> int:
        """Stores `event` as part of `transaction` and returns its Lamport time.

        The event is the bus's from now on: what its payload holds is not copied for the subscribers.
        Raises EventRejected if the event is not valid or would stand before its cause (seed 1, 6.3).
        """
        errors = event_errors(event)
        if errors:
            raise EventRejected(f"Event {event.get('event_type')!r} is not valid: {'; '.join(errors)}.")
        _check_causality(transaction, event)
        lamport = transaction.append_event(stream, event)
        if event["event_type"] == "plan_created":
            transaction.set(_creation_key(_plan_of(event)), lamport)
        stored = StoredEvent(lamport, stream, stamped(event, lamport))
        transaction.after_commit(lambda: self._deliver([stored]))
        return lamport

    def record_texts(self, transaction: Transaction, stream: str, texts: Sequence[str]) -> None:
        """Stores events whose makers have shown that they are valid, and that nothing must stand before them.

        They are complete: their Lamport times are those that follow `transaction.lamport()`. Nothing is
        checked here: each kind of event that comes this way has a test that compares it, for any input, with
        what `record` would accept.
        """
        if texts:
            stored = WrittenEvents(transaction.lamport() + 1, stream, texts)
            append_texts(transaction, stream, texts)
            transaction.after_commit(lambda: self._deliver(stored))

    def record_in(
        self, transaction: Transaction, streams: Sequence[str], event: Mapping[str, Json]
    ) -> list[int]:
        """The same in several streams, the project's first; the Lamport times.

        What happened outside may come late, or wait for its turn. It stands at the instant at which it is
        recorded, so that the times of a timeline never go back; when it happened is in its payload.
        """
        here = {**event, "timestamp": timestamp(self.stamper.clock())}
        return [self.record(transaction, stream, here) for stream in streams]

    async def tell(self, stream: str, make: Callable[[Stamper], Mapping[str, Json]]) -> int:
        """Records what `make` makes, as `emit` does; it is made in its transaction.

        So its instant is not before those of events that were stored while it waited for its turn.
        """
        return await self._store.transact(
            lambda transaction: self.record(transaction, stream, make(self.stamper))
        )

    async def emit(self, stream: str, event: Mapping[str, Json]) -> int:
        """Records `event` in a transaction of its own; returns its Lamport time once it is durable."""
        return await self._store.transact(lambda transaction: self.record(transaction, stream, event))

    def emit_sync(self, stream: str, event: Mapping[str, Json]) -> int:
        """The same for callers without an event loop."""
        return self._store.transact_sync(lambda transaction: self.record(transaction, stream, event))

    def subscribe(self, topic: str, callback: Callable[[StoredEvent], None]) -> Callable[[], None]:
        """Calls `callback` for events of a topic; returns a function that ends this.

        Topics: `observability.<family>`, `integration.file_update|git|ci|tool`, `profile.sa`, `profile.map`.
        `*` stands for anything, as in `integration.*`. An event that fits in several ways is delivered once.
        """

        def each_that_fits(events: Sequence[StoredEvent]) -> None:
            for stored in events:
                if topic == "*" or any(fnmatchcase(known, topic) for known in topics_of(stored.event)):
                    _call(callback, stored)

        return self.follow(each_that_fits)

    def follow(self, callback: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """Calls `callback` with all events, those that came in one piece together; returns how to end this.

        For who keeps them: a run of thousands of steps makes a hundred thousand events in a few seconds.
        """
        # Something of its own: the same callback may follow twice.
        subscription = (callback,)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def unsubscribe() -> None:
            with self._lock:
                self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

        return unsubscribe

    def _deliver(self, events: Sequence[StoredEvent]) -> None:
        for (callback,) in self._subscriptions:
            _call(callback, events)


def _call(callback: Callable[[T], None], told: T) -> None:
    """A bug of a subscriber is logged and does not keep the others from hearing."""
    try:
        callback(told)
    except Exception:
        logger.exception("A subscriber to events failed.")


def topics_of(event: Mapping[str, Json]) -> tuple[str, ...]:
    """The topics an event is delivered under.

    >>> topics_of({"event_family": "external_integration", "event_type": "ci_pipeline"})
    ('observability.external_integration', 'integration.ci')
    """
    family = event.get("event_family")
    if family is None:
        return ("profile.sa",) if "sa_id" in event else ("profile.map",)
    topics: tuple[str, ...] = (f"observability.{family}",)
    if family == "external_integration" and event.get("event_type") in INTEGRATION_TOPICS:
        topics += (INTEGRATION_TOPICS[event["event_type"]],)
    return topics


def _check_causality(transaction: Transaction, event: Mapping[str, Json]) -> None:
    if event["event_type"] not in {"plan_created", "plan_execution_started"}:
        return
    plan_id = _plan_of(event)
    if not plan_id:
        raise EventRejected(
            f"Event {event['event_type']!r} does not say which plan it is about: plan_id is missing."
        )
    if event["event_type"] == "plan_execution_started" and transaction.get(_creation_key(plan_id)) is None:
        raise EventRejected(
            f"Plan {plan_id} cannot be executed before it was created: no plan_created is known."
        )


def _plan_of(event: Mapping[str, Json]) -> str:
    payload = event.get("payload")
    inner = payload if isinstance(payload, Mapping) else {}
    for value in (event.get("plan_id"), inner.get("plan_id"), event.get("pipeline_id")):
        if isinstance(value, str) and value:
            return value
    return ""


def _creation_key(plan_id: str) -> str:
    return f"causality/plan_created/{plan_id}"
