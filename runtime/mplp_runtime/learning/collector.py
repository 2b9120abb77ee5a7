"""Keeps learning samples of a project, beside its work and never in its way (`[learning] collect`)."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from mplp_runtime.errors import MplpError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, Stamper
from mplp_runtime.learning.occasions import STREAM
from mplp_runtime.learning.samples import POINTS, samples_of
from mplp_runtime.sources import NewId
from mplp_runtime.trace.files import append_line
from mplp_runtime.vsl.interface import StoredEvent, ValueStateLayer

SAMPLES = "learning/samples.ndjson"
MOST_WAITING = 10_000
MakeEvent = Callable[[Stamper], Event]

logger = logging.getLogger(__name__)


class Collector:
    """Takes events from the bus and writes samples on a thread of its own.

    Samples are protected as timelines are (`[state] files`). What cannot be kept is a warning, once: a run
    never waits for it and never fails because of it.
    """

    def __init__(self, folder: Path, store: ValueStateLayer, bus: EventBus, *, new_id: NewId) -> None:
        self._protection = store.file_protection
        self._path = folder / f"{SAMPLES}{self._protection.suffix}"
        self._store = store
        self._new_id = new_id
        self._bus = bus
        self._waiting: queue.Queue[StoredEvent | MakeEvent | None] = queue.Queue(MOST_WAITING)
        self._has_warned = False
        self._unsubscribe = bus.subscribe("*", self._offer)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def tell(self, make: MakeEvent) -> None:
        """Has an event recorded that is told for learning alone; who tells it never waits for the state."""
        self._put(make)

    def close(self) -> None:
        """Writes what waits and ends. It waits for commits, so who commits must not wait for it.

        A state that another process has locked may hold that up.
        """
        if self._thread is not None:
            # What is recorded meanwhile comes back as an event of which a sample is to be made.
            self._waiting.join()
        self._unsubscribe()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _offer(self, stored: StoredEvent) -> None:
        """On the thread that commits: only a look at whether this event is worth anything."""
        if any(point.is_met(stored.event) for point in POINTS):
            self._put(stored)

    def _put(self, told: StoredEvent | MakeEvent) -> None:
        with self._starting:
            # Whoever commits and whoever asks may be the first at one moment: the end is told to one thread.
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="learning samples", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(told)
        except queue.Full:
            self._warn("Learning samples come faster than they can be written; some are left out.")

    def _write_all(self) -> None:
        while (told := self._waiting.get()) is not None:
            try:
                if isinstance(told, StoredEvent):
                    self._write(told)
                else:
                    self._record(told)
            except OSError as problem:
                self._warn(f"Learning samples cannot be written: {problem.strerror}.")
            except MplpError as problem:
                self._warn(f"A learning sample was left out: {problem}")
            except Exception:
                of = told.event.get("event_type") if isinstance(told, StoredEvent) else "what was told"
                logger.exception("A bug in making a learning sample of %s.", of)
            finally:
                self._waiting.task_done()

    def _record(self, make: MakeEvent) -> None:
        self._store.transact_sync(
            lambda transaction: self._bus.record(transaction, STREAM, make(self._bus.stamper))
        )

    def _write(self, stored: StoredEvent) -> None:
        found = self._store.read(lambda reading: samples_of(stored.event, reading, new_id=self._new_id))
        if not found:
            return
        for _, sample in found:
            shown = self._protection.event(sample)
            append_line(self._path, json.dumps(shown, ensure_ascii=False, separators=(",", ":")))

    def _warn(self, sentence: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning("%s", sentence)
