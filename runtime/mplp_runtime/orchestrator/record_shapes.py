"""Whether what a state says of runs is what a run leaves there: others may have written or changed it.

Looked at where records are read to show a run or to go on with it, never while a run writes its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from mplp_runtime.errors import StateDamaged
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempt_table import COMMON
from mplp_runtime.orchestrator.passed_by import SEGMENTS
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.views import QuestionKind, RunStatus, StepStatus
from mplp_runtime.vsl.interface import Reading, StoredEvent

logger = logging.getLogger(__name__)

T = TypeVar("T")
_Fits = Callable[[Any], bool]
_Shape = Mapping[str, _Fits]

_MISSING = object()
_SINGLE = frozenset({str, int, float, bool})
_A_NAME = re.compile(r"[\w-]+")


def sound_run(run_id: str, run: Record) -> Record:
    """The record of this run. Raises StateDamaged."""
    what = f"run {run_id[:8]}"
    _refuse_unfit(what, run, _RUN)
    if run["run_id"] != run_id:
        raise _damaged(what, "run_id")
    return run


def sound_runs(reading: Reading) -> list[Record]:
    """The records of all runs, in the order in which they began. Raises StateDamaged."""
    return [sound_run(node.id, dict(node.data)) for node in reading.nodes(records.RUN)]


def runs_of_plan(reading: Reading, plan_id: str) -> list[Record]:
    """Those of one plan; a damaged one of another does not matter. Raises StateDamaged."""
    nodes = (node for node in reading.nodes(records.RUN) if node.data.get("plan_id") == plan_id)
    return [sound_run(node.id, dict(node.data)) for node in nodes]


def each_sound(read: Callable[[str], T], run_ids: Iterable[str]) -> list[T]:
    """What `read` says of these runs; a damaged one is told in the log and left out.

    Raises StateDamaged where none is left.
    """
    found: list[T] = []
    problem: StateDamaged | None = None
    for run_id in run_ids:
        try:
            found.append(read(run_id))
        except StateDamaged as damage:
            problem = problem or damage
            logger.warning("%s", damage)
    if problem is not None and not found:
        raise problem
    return found


def sound_plan(run_id: str, plan: Any) -> dict[str, Any]:
    """The plan that a run froze, with all that is read of it without being asked for. Raises StateDamaged."""
    what = f"the plan of run {run_id[:8]}"
    if not isinstance(plan, dict):
        raise _damaged(what)
    _refuse_unfit(what, plan, _PLAN)
    return plan


def refuse_unsound_frozen(run_id: str, frozen: Mapping[str, Any]) -> None:
    """Raises StateDamaged where what a run froze beside its plan is something else."""
    _refuse_unfit(f"the plan of run {run_id[:8]}", frozen, _FROZEN)


def refuse_strange_steps(run: Record, step_ids: Collection[str]) -> None:
    """Raises StateDamaged where a run asks about steps that its plan does not have."""
    if not run.get("questions", {}).keys() <= step_ids:
        raise _damaged(f"run {run['run_id'][:8]}", "questions")


def sound_attempts(run: Record, step_id: str, attempts: Sequence[Record]) -> Sequence[Record]:
    """Attempts at a step of a sound run, from its records. Raises StateDamaged."""
    people = len(run["session"]["participants"]) if run.get("session") else 0
    for attempt in attempts:
        what = f"an attempt of run {run['run_id'][:8]}"
        _refuse_unfit(what, attempt, _ATTEMPT)
        if attempt["step_id"] != step_id:
            raise _damaged(what, "step_id")
        if any(turn["participant"] >= people for turn in attempt.get("turns", ())):
            raise _damaged(what, "turns")
    return attempts


def sound_claim(reading: Reading, key: str) -> Record | None:
    """Who says that a run is theirs; None where nobody does. Raises StateDamaged."""
    claim = reading.get(key)
    if claim is None:
        return None
    if not isinstance(claim, dict):
        raise _damaged("a claim to a run")
    _refuse_unfit("a claim to a run", claim, _CLAIM)
    return claim


def refuse_unsound_events(events: Iterable[StoredEvent]) -> None:
    """Raises StateDamaged where one lacks what every event has."""
    for stored in events:
        event = stored.event
        if not (
            isinstance(event, Mapping)
            and type(event.get("event_id")) is str
            and type(event.get("event_type")) is str
            and _is_instant(event.get("timestamp"))
        ):
            raise _damaged("an event")


def _refuse_unfit(what: str, record: Mapping[str, Any], shape: _Shape) -> None:
    for name, fits in shape.items():
        if not fits(record.get(name, _MISSING)):
            raise _damaged(what, name)


def _damaged(what: str, member: str | None = None) -> StateDamaged:
    named = what if member is None else f"`{member}` of {what}"
    return StateDamaged(f"The state is damaged: {named} is not what a run leaves there.")


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_number(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_name(value: Any) -> bool:
    """Files are named by it, and no file outside of the project may be."""
    return type(value) is str and _A_NAME.fullmatch(value) is not None


def _is_instant(value: Any) -> bool:
    if type(value) is not str:
        return False
    try:
        return records.instant(value).tzinfo is not None
    except ValueError:
        return False


def _is_truth(value: Any) -> bool:
    return type(value) is bool


def _is_single(value: Any) -> bool:
    return type(value) in _SINGLE


def _is_mapping(value: Any) -> bool:
    return type(value) is dict


def _if_there(fits: _Fits) -> _Fits:
    return lambda value: value is _MISSING or fits(value)


def _maybe(fits: _Fits) -> _Fits:
    """Also where it is missing, or None."""
    return lambda value: value is _MISSING or value is None or fits(value)


def _one_of(words: object) -> _Fits:
    known = frozenset(get_args(words))
    return lambda value: type(value) is str and value in known


def _list_of(fits: _Fits) -> _Fits:
    return lambda value: type(value) is list and all(map(fits, value))


def _by_name(fits: _Fits) -> _Fits:
    return lambda value: type(value) is dict and all(map(fits, value.values()))


def _shaped(shape: _Shape) -> _Fits:
    return lambda value: (
        type(value) is dict and all(fits(value.get(name, _MISSING)) for name, fits in shape.items())
    )


def _is_order(value: Any) -> bool:
    return type(value) in {int, float}


_TEXTS = _list_of(_is_text)
_STEP = _shaped(
    {
        "step_id": _is_text,
        "description": _is_text,
        "status": _one_of(StepStatus),
        "agent_role": _maybe(_is_text),
        "dependencies": _maybe(_TEXTS),
        "order_index": _maybe(_is_order),
    }
)
_PLAN: _Shape = {"plan_id": _is_text, "context_id": _is_text, "title": _is_text, "steps": _list_of(_STEP)}
_FROZEN: _Shape = {
    "bindings": _is_mapping,
    "gates": _TEXTS,
    "assigned": _maybe(_by_name(_list_of(_is_number))),
}
_SEGMENT = _shaped({"segment_id": _is_text, "label": _is_text, "status": _is_text, "started_at": _is_instant})
_SESSION = _shaped(
    {
        "collab_id": _is_text,
        "title": _is_text,
        "mode": _is_text,
        "participants": _list_of(_shaped({"name": _is_text})),
        "unmatched": _TEXTS,
    }
)
_RUN: _Shape = {
    "run_id": _is_name,
    "plan_id": _is_text,
    "context_id": _is_text,
    "plan_path": _is_text,
    "title": _is_text,
    "status": _one_of(RunStatus),
    "trace_id": _is_name,
    "span_id": _is_text,
    "simulated": _is_truth,
    "unsaved": _is_truth,
    "started_at": _is_instant,
    "finished_at": _maybe(_is_instant),
    "owner_key": _is_text,
    "generation": _is_number,
    "error": _maybe(_is_text),
    "confirm_id": _maybe(_is_text),
    "continues": _maybe(_is_text),
    "paused": _maybe(_is_truth),
    "questions": _if_there(_by_name(_one_of(QuestionKind))),
    "question_texts": _if_there(_by_name(_is_text)),
    "question_numbers": _if_there(_by_name(_is_number)),
    "conflict_between": _if_there(_TEXTS),
    "declined": _if_there(_TEXTS),
    "skipped": _if_there(_by_name(_is_text)),
    "not_completed_because": _maybe(_is_text),
    "expects": _if_there(_by_name(_shaped({"hash": _is_text, "step": _maybe(_is_text)}))),
    "rolled_back": _maybe(_shaped({"files_left": _TEXTS, "snapshot_before": _maybe(_is_text)})),
    "undone_by": _if_there(_list_of(_shaped({"before": _is_text}))),
    "session": _maybe(_SESSION),
    SEGMENTS: _if_there(_by_name(_SEGMENT)),
}
_ATTEMPT: _Shape = {
    **dict.fromkeys(COMMON, _maybe(_is_single)),
    "step_id": _is_text,
    "attempt": _is_number,
    "status": _is_text,
    "step_status": _one_of(StepStatus),
    "segment_id": _is_text,
    "segment_status": _is_text,
    "started_at": _is_instant,
    "finished_at": _maybe(_is_instant),
    "tail": _maybe(_is_text),
    "error": _maybe(_is_text),
    "turns": _if_there(_list_of(_shaped({"participant": _is_number}))),
}
_CLAIM: _Shape = {
    "run_id": _is_text,
    "pid": _is_number,
    "start_ticks": _maybe(_is_number),
    "instance": _is_text,
    "place": _is_text,
    "since": _is_text,
    "beat": _is_instant,
}
