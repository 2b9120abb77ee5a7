"""What goes with a run while this process carries it: its loop, its timeline, its trace on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from mplp_runtime.errors import StateDamaged, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.later_sink import LaterSink
from mplp_runtime.events.sinks import NdjsonSink
from mplp_runtime.events.whole_stream import WholeStream
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempt_table import EndedAttempt
from mplp_runtime.orchestrator.passed_by import segments_of
from mplp_runtime.orchestrator.record_shapes import refuse_unsound_events, sound_attempts
from mplp_runtime.orchestrator.run import RunLoop
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.sources import Clock, timestamp
from mplp_runtime.trace.document import TraceHead, trace_text
from mplp_runtime.trace.files import write_atomically
from mplp_runtime.trace.recorder import TraceRecorder
from mplp_runtime.trace.writer import TraceParts, TraceWriter
from mplp_runtime.vsl.file_protection import PLAIN, SEALED_SUFFIX, Protection
from mplp_runtime.vsl.interface import Reading, StoredEvent, ValueStateLayer

logger = logging.getLogger(__name__)

TRACES = "traces"
NOTHING_LIVE: Mapping[str, str] = MappingProxyType({})
_EVENTS_AT_ONCE = 1_000


def trace_file(folder: Path, trace_id: str) -> Path:
    """The trace document of a run, in the state folder."""
    return folder / TRACES / f"{trace_id}.trace.json"


def sealed_file(path: Path) -> Path:
    """Where a trace or timeline lies instead while the state is encrypted."""
    return path.with_name(path.name + SEALED_SUFFIX)


def timeline_file(folder: Path, trace_id: str) -> Path:
    """The timeline of a run, in the state folder."""
    return folder / TRACES / f"{trace_id}.events.ndjson"


class RunFiles:
    """Keeps timeline and trace of one run up to date. `folder` is None where nothing may be written (D23)."""

    def __init__(
        self, folder: Path | None, state: RunState, bus: EventBus, store: ValueStateLayer, clock: Clock
    ) -> None:
        self._state = state
        self._clock = clock
        self._sink: NdjsonSink | None = None
        self._later: LaterSink | None = None
        self._writer: TraceWriter | None = None
        self._is_sealed = bool(store.file_protection.suffix)
        self._passed: Mapping[str, Mapping[str, Any]] = {}
        # Held while events go in, so that whoever closes knows which of them have.
        self._taking = Lock()
        self._is_closed = False
        self._recorder, known_until = store.read(lambda reading: replayed(reading, state))
        self._stream = WholeStream(state.run_id, store, after=known_until)
        if folder is not None:
            trace_id = state.run["trace_id"]
            self._sink = NdjsonSink(timeline_file(folder, trace_id), store, state.run_id)
            try:
                self._sink.catch_up()
            except StoreError as problem:
                # The database is the record; the file is caught up on when it can be written.
                logger.warning("%s", problem)
            self._later = LaterSink(self._sink)
            self._writer = TraceWriter(
                trace_file(folder, trace_id),
                self._parts,
                size=lambda: self._recorder.size,
                protection=store.file_protection,
            )
        self._unsubscribe = bus.follow(self._take)

    def changed(self, attempts: Iterable[records.Record | EndedAttempt]) -> None:
        """Says which attempts have moved on; steps that were passed by meanwhile are told with them."""
        passed = segments_of(self._state.run)
        if passed is not self._passed:
            self._passed = passed
            for segment in passed.values():
                self._recorder.segment(segment)
        for attempt in attempts:
            if isinstance(attempt, EndedAttempt):
                self._recorder.ended(attempt.step["step_id"], attempt.number, attempt)
            else:
                self._recorder.attempt(attempt, self._state.steps[attempt["step_id"]])
        if self._writer is not None:
            self._writer.changed()

    def shown(self) -> None:
        """Says that a step under way has put something out."""
        if self._writer is not None:
            self._writer.changed()

    @property
    def is_written(self) -> bool:
        """Whether there are files that can be shown: encrypted ones are not."""
        return self._writer is not None and not self._is_sealed

    @property
    def is_sealed(self) -> bool:
        """Whether there are files, and they are encrypted."""
        return self._writer is not None and self._is_sealed

    @property
    def is_finished(self) -> bool:
        """Whether, after `close`, both files tell all that the store knows."""
        return (self._writer is None or self._writer.problem is None) and (
            self._sink is None or not self._sink.is_failing
        )

    async def close(self) -> None:
        """Writes what is left; both files are complete afterwards. Raises StoreError."""
        self._unsubscribe()
        with self._taking:
            self._is_closed = True
        try:
            if self._later is not None:
                # It may wait for a file that others keep.
                await to_the_end(asyncio.to_thread(self._later.close))
            await self._take_last_words()
        finally:
            if self._writer is not None:
                await self._writer.close()
            if self._sink is not None:
                self._sink.close()

    async def _take_last_words(self) -> None:
        """What came into the stream after the last event that was taken here."""
        rest = self._stream.rest()
        self._recorder.events(rest)
        if self._sink is not None:
            # Whatever became of what was to be written later: the file has what the store has.
            await to_the_end(asyncio.to_thread(self._sink.append, rest, is_whole=False))
        if rest and self._writer is not None:
            self._writer.changed()

    def _take(self, events: Sequence[StoredEvent]) -> None:
        """What was committed; on the thread that commits, so the file comes later."""
        with self._taking:
            ours = () if self._is_closed else self._stream.with_others(events)
            if ours:
                self._recorder.events(ours)
                if self._later is not None:
                    self._later.take(ours)

    def _parts(self) -> TraceParts:
        _show_live(self._recorder, self._state, self._state.live_output)
        return self._recorder.snapshot(trace_head(self._state, self._clock))


class LiveRun:
    """One run that this process carries."""

    def __init__(self, state: RunState, loop: RunLoop, files: RunFiles) -> None:
        self.state = state
        self.loop = loop
        self.files = files
        self.task: asyncio.Task[None] | None = None


def trace_head(state: RunState, clock: Clock) -> TraceHead:
    """The head of the trace as of now. An interrupted run's trace stays `running` (D21)."""
    run = state.run
    attributes: dict[str, Any] = {
        "run_id": run["run_id"],
        "run_status": run["status"],
        "plan_title": run["title"],
        "plan_path": run["plan_path"],
        "generation": run["generation"],
        "simulated": run["simulated"],
        "timeline": f"{run['trace_id']}.events.ndjson",
    }
    if run["unsaved"]:
        attributes["plan_text"] = "an open document that was not saved"
    if run.get("error"):
        attributes["error"] = run["error"]
    if run.get("rolled_back"):
        attributes["rolled_back"] = run["rolled_back"]
    if run.get("continues"):
        attributes["continues_run"] = run["continues"]
    if run.get("confirm_id"):
        attributes["confirm_id"] = run["confirm_id"]
    return TraceHead(
        trace_id=run["trace_id"],
        span_id=run["span_id"],
        context_id=run["context_id"],
        plan_id=run["plan_id"],
        status="running" if run["status"] == "interrupted" else run["status"],
        started_at=run["started_at"],
        updated_at=timestamp(clock()),
        finished_at=run.get("finished_at"),
        attributes=attributes,
    )


def replayed(reading: Reading, state: RunState) -> tuple[TraceRecorder, int]:
    """A recorder that was told all that the store knows about a run, and the time of its last event (0).

    Raises StateDamaged.
    """
    recorder = TraceRecorder(state.run["trace_id"])
    passed = segments_of(state.run).values()
    passed_ids = {segment["segment_id"] for segment in passed}
    # When each segment was told for the first time: many may have begun in the same millisecond.
    told: dict[object, int] = {}
    after = 0
    while events := reading.events(state.run_id, after=after, limit=_EVENTS_AT_ONCE):
        refuse_unsound_events(events)
        recorder.events(events)
        for stored in events:
            for key in _segments_told(stored.event, passed_ids):
                told.setdefault(key, stored.lamport)
        after = events[-1].lamport
    attempts = [
        attempt
        for step_id in state.attempts
        for attempt in sound_attempts(
            state.run,
            step_id,
            records.read_attempts(reading, state.run_id, step_id, state.positions[step_id]),
        )
    ]

    def place(each: Mapping[str, Any]) -> tuple[str, int]:
        key = (each["step_id"], str(each["attempt"])) if "attempt" in each else each["segment_id"]
        return each["started_at"], told.get(key, 0)

    for each in sorted((*passed, *attempts), key=place):
        if "attempt" in each:
            recorder.attempt(each, state.steps[each["step_id"]])
        else:
            recorder.segment(each)
    return recorder, after


def _segments_told(event: Mapping[str, Any], passed_ids: set[str]) -> Iterable[object]:
    """Which segments an event tells of: attempts by step and number, steps passed by by their own ids."""
    word, payload = event["event_type"], event.get("payload")
    if not isinstance(payload, Mapping):
        return ()
    if word == "SAStepStarted":
        return ((str(payload.get("step_id")), str(payload.get("attempt"))),)
    ids = payload.get("segment_ids") if word == "SATraceEmitted" and passed_ids else None
    return passed_ids.intersection(map(str, ids)) if isinstance(ids, list) else ()


def _show_live(recorder: TraceRecorder, state: RunState, live_output: Mapping[str, str]) -> None:
    """What steps under way have put out so far, by their ids, goes into their segments."""
    for step_id, text in live_output.items():
        attempt = state.attempts.get(step_id)
        if attempt is not None and attempt["segment_status"] == "running":
            recorder.attempt({**attempt, "tail": text}, state.steps[step_id])


def shown_record(
    state: RunState, store: ValueStateLayer, clock: Clock, live_output: Mapping[str, str] = NOTHING_LIVE
) -> tuple[str, list[Mapping[str, Any]]]:
    """The text of the run's Trace document and the events of its timeline, whatever became of its files.

    `live_output` is what `RunManager.live_output` says: a step's text is in the state only once it has ended.
    Who reads an encrypted state has its key, so both are open; `files = "redacted"` holds here too.
    """
    stored = store.read(lambda reading: list(reading.events(state.run_id)))
    protection = _shown(store)
    text = shown_trace(state, store, clock, live_output)
    return text, [protection.event(each.event) for each in stored]


def shown_trace(
    state: RunState, store: ValueStateLayer, clock: Clock, live_output: Mapping[str, str] = NOTHING_LIVE
) -> str:
    """The text of the Trace document alone. Raises StateDamaged."""
    recorder, _ = store.read(lambda reading: replayed(reading, state))
    _show_live(recorder, state, live_output)
    try:
        return "".join(_shown(store).text(trace_text(*recorder.snapshot(trace_head(state, clock)))))
    except RecursionError as problem:
        raise StateDamaged("The state is damaged: an event in it is nested too deeply.") from problem


def _shown(store: ValueStateLayer) -> Protection:
    return PLAIN if store.file_protection.suffix else store.file_protection


def write_files_from_store(folder: Path, state: RunState, store: ValueStateLayer, clock: Clock) -> None:
    """Brings timeline and trace of a run that nobody carries in line with the store."""
    recorder, _ = store.read(lambda reading: replayed(reading, state))
    sink = NdjsonSink(timeline_file(folder, state.run["trace_id"]), store, state.run_id)
    sink.catch_up()
    sink.close()
    head, segments, events = recorder.snapshot(trace_head(state, clock))
    protection, path = store.file_protection, trace_file(folder, state.run["trace_id"])
    text = protection.text(trace_text(head, segments, events))
    write_atomically(path.with_name(f"{path.name}{protection.suffix}"), text)
