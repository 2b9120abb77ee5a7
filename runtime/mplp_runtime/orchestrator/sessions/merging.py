"""What a wave wrote becomes part of the graph, once all of its turns are over (seed 1, 5.2: merge results).

A conflict is in the state before anybody is asked about it, and what is decided is merged in one transaction
with the events that tell of it; after a crash the same wave is merged again, and the question asked again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.ael.undo import FOLDER, UndoNote, digest_of, undo_notes
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.plan_in_graph import edges_to_plan
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.schedule import dependants
from mplp_runtime.orchestrator.sessions.conflicts import (
    Conflict,
    Write,
    claims,
    conflicts,
    meant_by,
    settled,
)
from mplp_runtime.orchestrator.sessions.session import Session
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import Answer
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer
from mplp_runtime.vsl.values import compact

SHARED_VALUE = "SharedValue"
"""Type of the graph's nodes for what participants write under a key; the node's id is the key."""

Ask = Callable[[str, str], Awaitable[Answer]]
"""Asks a person about a conflict at a step, in these words, for as long as it takes."""

_SHOWN = 200
_WRITES_FILES = frozenset({"file_operation", "agent_handoff"})


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one conflict. `chosen` is None where nobody's writing holds."""

    conflict: Conflict
    conflict_id: str
    strategy: str
    chosen: Write | None
    said: str = ""


class Merging:
    """Merges the waves of one run."""

    def __init__(
        self,
        root: Path,
        store: ValueStateLayer,
        state: RunState,
        chronicle: Chronicle,
        session: Session,
        ask: Ask,
    ) -> None:
        self._root = root
        self._store = store
        self._state = state
        self._chronicle = chronicle
        self._session = session
        self._ask = ask
        self._after = cache(lambda step_id: dependants(state.scheduled, (step_id,)))

    async def merge(self, wave: int, members: Collection[str], step_id: str) -> bool:
        """Merges what a wave wrote; False if a conflict was left unresolved, which ends the run as failed.

        `members` are the steps that had a turn in it, `step_id` is the one at which people are asked.
        """
        writes = self._store.read(lambda reading: list(self._writes(reading, members)))
        if not writes:
            return True
        found = list(conflicts(writes, self._are_ordered))
        decisions = [await self._decided(conflict, wave, step_id) for conflict in found]
        unresolved = [each for each in decisions if each.chosen is None]
        await self._put_files(decisions)
        overruled = {id(write) for each in decisions for write in each.conflict.writes} - {
            id(each.chosen) for each in decisions
        }
        kept = [each for each in writes if each.kind == "graph_key" and id(each) not in overruled]
        why = None
        if unresolved:
            why = f"The participants disagree about {unresolved[0].conflict.subject}, and nobody decided."

        def work(transaction: Transaction) -> Record:
            for write in sorted(kept, key=lambda each: each.order):
                self._put(transaction, write, wave)
            for each in decisions:
                if each.chosen is not None:
                    resolution = self._resolution(each, each.chosen)
                    told = self._chronicle.session.conflict_resolved(each.conflict_id, resolution)
                    self._chronicle.tell(transaction, [told])
            run = records.read_run(transaction, self._state.run_id) or {}
            known = dict(run.get("open_conflicts", {}))
            for each in decisions:
                known.pop(_key(each.conflict), None)
            changes: dict[str, Any] = {"merged_wave": wave, "open_conflicts": known}
            if why is not None:
                changes["not_completed_because"] = why
            return records.change_run(transaction, self._state.run_id, **changes)

        self._state.take_run(await self._store.transact(work))
        return not unresolved

    def _writes(self, reading: Reading, members: Collection[str]) -> Iterator[Write]:
        """What the completed steps of a wave wrote, each thing once per step, the last time it did."""
        known = self._state.attempts
        ended = {
            step_id: known[step_id]
            for step_id in sorted(members)
            if step_id in known and known[step_id]["step_status"] == "completed"
        }
        # One step alone agrees with itself about its files.
        has_files = len(ended) > 1 and any(each["action"] in _WRITES_FILES for each in ended.values())
        files: dict[str, dict[str, tuple[int, str | None]]] = {}
        for place, note in enumerate(reversed(self._notes() if has_files else [])):
            for path, digest in _files(note):
                files.setdefault(note.step_id, {})[path] = (place, digest)
        in_order = sorted(ended, key=lambda each: _moment(ended[each]))
        for place, step_id in enumerate(in_order):
            who = _writer(ended[step_id])
            keys, said = claims(_output_of(reading, ended[step_id]))
            for name, value in keys.items():
                yield Write("graph_key", name, value, step_id, who, place)
            written = files.get(step_id, {})
            for path in {**written, **dict.fromkeys(said)}:
                at, digest = written.get(path, (place, None))
                yield Write("file", path, digest, step_id, who, at)

    def _notes(self) -> list[UndoNote]:
        try:
            return undo_notes(self._root, self._state.run_id)
        except MplpError:
            # A note that cannot be read is no reason to lose what was written.
            return []

    def _are_ordered(self, one: str, other: str) -> bool:
        return other in self._after(one) or one in self._after(other)

    async def _decided(self, conflict: Conflict, wave: int, step_id: str) -> Decision:
        conflict_id = await self._noted(conflict, wave)
        strategy = self._session.conflicts
        chosen = settled(conflict, strategy)
        if chosen is not None and self._can_hold(chosen, conflict):
            return Decision(conflict, conflict_id, strategy, chosen)
        names = {write.participant: self._names_of(write.participant) for write in conflict.writes}
        text = self._question(conflict)
        while True:
            answer = await self._ask(step_id, text)
            if not answer.success:
                return Decision(conflict, conflict_id, "escalate", None, answer.output)
            if not answer.output.strip():
                # Said without a name: whoever wrote last keeps what is there.
                return Decision(conflict, conflict_id, "escalate", conflict.writes[-1], answer.output)
            meant = meant_by(answer.output, conflict, names)
            if meant is not None and self._can_hold(meant, conflict):
                return Decision(conflict, conflict_id, "escalate", meant, answer.output)
            if meant is not None:
                text = (
                    f"That version of {conflict.subject} was not kept. Put it in place and answer without a "
                    f"name, or name another. {self._question(conflict)}"
                )
                continue
            text = f"“{answer.output[:_SHOWN]}” names none of them, or several. {self._question(conflict)}"

    async def _noted(self, conflict: Conflict, wave: int) -> str:
        """The id of a conflict that is in the state, with the event that tells of it."""
        key = _key(conflict)
        known = self._state.run.get("open_conflicts", {}).get(key)
        conflict_id = known or self._chronicle.bus.stamper.new_id()
        writers = dict.fromkeys(each.participant for each in conflict.writes)
        names = [self._session.participants[each].name for each in writers]
        payload = {
            "kind": conflict.kind,
            "name": conflict.name,
            "wave": wave,
            "writes": [
                {
                    "participant_id": self._session.participants[each.participant].participant_id,
                    "step_id": each.step_id,
                    "value": compact(each.value)[:_SHOWN],
                }
                for each in conflict.writes
            ],
        }

        def work(transaction: Transaction) -> Record:
            if known is None:
                told = self._chronicle.session.conflict_detected(conflict_id, payload)
                self._chronicle.tell(transaction, [told])
            run = records.read_run(transaction, self._state.run_id) or {}
            opened = {**run.get("open_conflicts", {}), key: conflict_id}
            return records.change_run(
                transaction, self._state.run_id, open_conflicts=opened, conflict_between=names
            )

        self._state.take_run(await self._store.transact(work))
        return str(conflict_id)

    def _resolution(self, decision: Decision, chosen: Write) -> dict[str, Any]:
        told: dict[str, Any] = {
            "strategy": decision.strategy,
            "kind": decision.conflict.kind,
            "name": decision.conflict.name,
            "participant_id": self._session.participants[chosen.participant].participant_id,
            "step_id": chosen.step_id,
        }
        if decision.said:
            told["reason"] = decision.said[:_SHOWN]
        return told

    def _question(self, conflict: Conflict) -> str:
        told = "; ".join(
            f"{self._session.participants[each.participant].name} wrote {_shown(each)}"
            for each in conflict.writes
        )
        return (
            f"The participants disagree about {conflict.subject}: {told}. Whose holds? Answer with a name; "
            "without one the last holds."
        )

    def _names_of(self, participant: int) -> tuple[str, ...]:
        who = self._session.participants[participant]
        return who.participant_id, who.name

    def _put(self, transaction: Transaction, write: Write, wave: int) -> None:
        data = {
            "key": write.name,
            "value": write.value,
            "written_by": self._session.participants[write.participant].participant_id,
            "run_id": self._state.run_id,
            "step_id": write.step_id,
            "wave": wave,
        }
        edges = edges_to_plan(transaction, SHARED_VALUE, write.name, self._state.run)
        self._chronicle.graph.put(
            transaction, SHARED_VALUE, write.name, data, edges=edges, stream=self._chronicle.stream
        )

    async def _put_files(self, decisions: Sequence[Decision]) -> None:
        """Gives a file the content of whoever's holds, where that is not what lies there."""
        for each in decisions:
            chosen, writes = each.chosen, each.conflict.writes
            if each.conflict.kind != "file" or chosen is None or chosen is writes[-1]:
                continue
            kept = self._kept_after(chosen, writes)
            if kept is not None:
                path = inside_project(self._root.resolve(), each.conflict.name, follow=False)
                await asyncio.to_thread(_copied, kept, path)

    def _can_hold(self, chosen: Write, conflict: Conflict) -> bool:
        """Whether what was chosen can be put in its place: of a file written over only what was kept."""
        is_there = conflict.kind != "file" or chosen is conflict.writes[-1] or self._lies_there(chosen)
        return is_there or self._kept_after(chosen, conflict.writes) is not None

    def _lies_there(self, chosen: Write) -> bool:
        """Whether the file still is as it was after a write: who wrote it later only said so."""
        try:
            path = inside_project(self._root.resolve(), chosen.name, follow=False)
            return chosen.value is not None and digest_of(path) == chosen.value
        except (MplpError, OSError):
            return False

    def _kept_after(self, chosen: Write, writes: Sequence[Write]) -> Path | None:
        """The file as it was after a write: what the next one kept before it replaced it."""
        following = writes[writes.index(chosen) + 1]
        for note in self._notes():
            for change in note.changes if note.step_id == following.step_id else ():
                if change.path == chosen.name and change.kept is not None:
                    place = self._root.resolve() / STATE_FOLDER / FOLDER / note.run_id / change.kept
                    if place.is_file() and not place.is_symlink():
                        return place
        return None


def _copied(source: Path, target: Path) -> None:
    """Puts a copy of a file in the place of another, whole or not at all."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    shutil.copy2(source, beside)
    beside.replace(target)


def _moment(attempt: Mapping[str, Any]) -> tuple[str, int]:
    """When an attempt ended; of several at once the one whose turn was given later is later."""
    return attempt["finished_at"], attempt["turns"][0]["turn"]


def _writer(attempt: Mapping[str, Any]) -> int:
    """Who did what an attempt did: whoever it was handed to last, but never who reviewed it, or for whom."""
    doing = list(takewhile(lambda turn: turn["duty"] != "review", attempt["turns"]))
    return int(doing[-1]["participant"])


def _output_of(reading: Reading, attempt: Mapping[str, Any]) -> Any:
    if records.is_output_in_tail(attempt):
        return attempt["tail"]
    return reading.get(records.output_key(attempt["run_id"], attempt["step_id"]))


def _files(note: UndoNote) -> Iterator[tuple[str, str | None]]:
    """The files that a note's operation wrote, with their SHA-256."""
    for change in note.changes:
        if change.after is not None:
            yield change.path, change.after


def _key(conflict: Conflict) -> str:
    return f"{conflict.kind} {conflict.name}"


def _shown(write: Write) -> str:
    if write.kind == "file":
        return "it" if write.value is None else f"the version {write.value[:8]}"
    text = compact(write.value)
    return text if len(text) <= 60 else f"{text[:59]}…"
