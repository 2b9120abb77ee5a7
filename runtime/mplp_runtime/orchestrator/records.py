"""How runs lie in the store: which node or key holds what, and who owns a run.

`Run` (id = run_id): the small record that changes. `RunPlan` (id = run_id): what runs, frozen at the start
(D20). `StepAttempt` (id = run_id/position/attempt): created before the action starts, so a second one cannot
be made. Outputs that dependants read stand under keys of their own, so that showing a run does not load
them; but short ones, which the record of the attempt holds as its `tail`, are not written twice.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import ProcessIdentity
from mplp_runtime.ael.process_table import is_alive, start_ticks
from mplp_runtime.vsl.interface import Reading, Transaction

RUN = "Run"
RUN_PLAN = "RunPlan"
STEP_ATTEMPT = "StepAttempt"
RUN_REQUEST = "RunRequest"

OWNERS = "run_owner/"
"""Prefix of the keys of owner rows: there is one for each run under way."""

FILES_BEHIND = "run_files/"
"""Prefix of the keys of runs whose trace and timeline are not finished, with the claim of who writes them."""

# Without hashes, because of a damaged record any value may stand there; whoever reads it whole says so.
LIVE_STATUSES = ("pending", "running")
"""Of runs that somebody carries, or whose owner is gone."""
FINAL_STATUSES = ("completed", "failed", "cancelled")
"""Of runs that are over."""

Record = dict[str, Any]

BEAT_S = 10.0
"""How often an owner gives a sign of life."""
_SILENCE_S = 60.0

_live_instances: set[str] = set()


def attempt_id(record: Mapping[str, Any]) -> str:
    """Id of the StepAttempt node that holds this record.

    By the step's position in the frozen plan: ids of steps are random, and rows that are written together
    would lie all over a large index. Runs of earlier versions have the step's id there.
    """
    position = record.get("position")
    step = record["step_id"] if position is None else place(position)
    return f"{record['run_id']}/{step}/{record['attempt']}"


def place(position: int) -> str:
    """The position of a step as a part of ids, which sort as positions below a million do.

    >>> place(12)
    '000012'
    """
    return f"{position:06}"


def output_key(run_id: str, step_id: str) -> str:
    """Key of what a completed step returned."""
    return f"run_output/{run_id}/{step_id}"


def is_output_in_tail(record: Mapping[str, Any]) -> bool:
    """Whether what an attempt returned is the text that its record shows anyway, and stands nowhere else."""
    return bool(record.get("output_in_tail"))


def owner_key(plan_id: str, run_id: str, *, simulated: bool) -> str:
    """Key of the row that lets one process at a time run a plan; a simulation only excludes itself."""
    return OWNERS + (run_id if simulated else plan_id)


def live_runs(reading: Reading) -> tuple[str, ...]:
    """The ids of the runs under way: what happens outside meanwhile belongs to their traces."""
    claims = [reading.get(key) for key in reading.keys(OWNERS)]
    return tuple(str(claim["run_id"]) for claim in claims if isinstance(claim, Mapping) and "run_id" in claim)


def files_key(run_id: str) -> str:
    """Key that is there until the run's files on disk tell all that the store knows."""
    return FILES_BEHIND + run_id


def generation_key(plan_id: str) -> str:
    """Key of the number of runs that this plan has had."""
    return f"run_generation/{plan_id}"


@lru_cache(maxsize=256)
def instant(text: str) -> datetime:
    """The instant of a stored timestamp; steps that begin or end together share theirs."""
    return datetime.fromisoformat(text)


def instant_if_any(text: str | None) -> datetime | None:
    """The instant of a stored timestamp; None where there is none."""
    return None if text is None else instant(text)


def own_claim(run_id: str, instance: str, since: str) -> Record:
    """An owner row for this process: the start time tells it from a later process with the same number."""
    pid = os.getpid()
    return {
        "run_id": run_id,
        "pid": pid,
        "start_ticks": start_ticks(pid),
        "instance": instance,
        "place": own_place(),
        "since": since,
        "beat": since,
    }


@cache
def own_place() -> str:
    """Where this process's number means something: the machine, and on Linux the set of processes it sees.

    A container and its host share folders, and neither sees (all of) the other's processes.
    """
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{platform.node()} {space}".strip()


@cache
def _own_start_ticks(pid: int) -> int | None:
    # By number, because a process that forks is another one.
    return start_ticks(pid)


def is_claim_alive(claim: Mapping[str, Any], now: datetime) -> bool:
    """Whether the owner is still there.

    Within this process: whether its runtime is still open. At another place, whose processes cannot be asked
    for: whether it has given a sign of life lately.
    """
    if claim["place"] != own_place():
        return (now - instant(claim["beat"])).total_seconds() < _SILENCE_S
    if is_of_this_process(claim):
        return claim["instance"] in _live_instances
    return is_alive(ProcessIdentity(claim["pid"], claim["start_ticks"]))


def is_of_this_process(claim: Mapping[str, Any]) -> bool:
    """Whether a runtime of this process made the claim, perhaps another one."""
    pid = os.getpid()
    own = (own_place(), pid, _own_start_ticks(pid))
    return (claim["place"], claim["pid"], claim["start_ticks"]) == own


def instance_opened(instance: str) -> None:
    """From now on claims of this runtime instance are alive."""
    _live_instances.add(instance)


def instance_closed(instance: str) -> None:
    """Claims of this runtime instance are no longer alive."""
    _live_instances.discard(instance)


def read_run(reading: Reading, run_id: str) -> Record | None:
    """The run's record; None if there is no such run."""
    node = reading.read_node(RUN, run_id)
    return None if node is None else dict(node.data)


def change_run(transaction: Transaction, run_id: str, **changes: Any) -> Record:
    """Writes some members of a run's record, keeping the others."""
    node = transaction.read_node(RUN, run_id)
    record = {**(node.data if node else {}), **changes}
    transaction.write_node(RUN, run_id, record)
    return record


def read_attempt(
    reading: Reading, run_id: str, step_id: str, position: int | None, attempt: int
) -> Record | None:
    """One attempt's record; None if it was never started."""
    known = {"run_id": run_id, "step_id": step_id, "attempt": attempt}
    node = reading.read_node(STEP_ATTEMPT, attempt_id({**known, "position": position}))
    if node is None and position is not None:
        node = reading.read_node(STEP_ATTEMPT, attempt_id(known))
    return None if node is None else dict(node.data)


def read_attempts(
    reading: Reading, run_id: str, step_id: str, position: int | None, *, first: int = 1
) -> list[Record]:
    """The attempts at one step from number `first` on, oldest first."""
    found: list[Record] = []
    while (record := read_attempt(reading, run_id, step_id, position, first + len(found))) is not None:
        found.append(record)
    return found


def change_attempt(transaction: Transaction, record: Mapping[str, Any], **changes: Any) -> Record:
    """Writes some members of an attempt's record, keeping the others."""
    changed = {**record, **changes}
    transaction.write_node(STEP_ATTEMPT, attempt_id(changed), changed)
    return changed
