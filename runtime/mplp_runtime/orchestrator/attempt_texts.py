"""Records of attempts as the text that is stored.

A run of 10,000 steps stores 20,000 records that differ in a few values; the encoder takes several times as
long for each as it takes to put those few into their places.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted

from mplp_runtime.orchestrator.records import Record
from mplp_runtime.vsl.values import compact

_BEGUN = (
    "run_id",
    "step_id",
    "position",
    "attempt",
    "action",
    "status",
    "step_status",
    "segment_id",
    "segment_status",
    "execution_id",
    "started_at",
    "simulated",
)
_PLAYED = (*_BEGUN, "finished_at", "duration_s", "tail", "output_in_tail")
"""The members, in their order, of an attempt that begins, and of one that answered at once."""


def record_text(record: Record) -> str:
    """What `values.compact` makes of the record of an attempt."""
    names = tuple(record)
    if names == _BEGUN:
        return f"{_head(record)}}}"
    if names == _PLAYED:
        return (
            f'{_head(record)},"finished_at":{quoted(record["finished_at"])}'
            f',"duration_s":{compact(record["duration_s"])},"tail":{quoted(record["tail"])}'
            f',"output_in_tail":{_TRUTH[record["output_in_tail"]]}}}'
        )
    return compact(record)


_TRUTH = {True: "true", False: "false"}


def _head(record: Record) -> str:
    return (
        f'{{"run_id":{quoted(record["run_id"])},"step_id":{quoted(record["step_id"])}'
        f',"position":{record["position"]},"attempt":{record["attempt"]},"action":{quoted(record["action"])}'
        f',"status":{quoted(record["status"])},"step_status":{quoted(record["step_status"])}'
        f',"segment_id":{quoted(record["segment_id"])},"segment_status":{quoted(record["segment_status"])}'
        f',"execution_id":{quoted(record["execution_id"])},"started_at":{quoted(record["started_at"])}'
        f',"simulated":{_TRUTH[record["simulated"]]}'
    )
