"""Codes about the lists, times and statuses of documents other than plans."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, THIRD, Document, Entry, Example, Section, one

_NINE, _TEN, _NOON = "2026-03-14T09:00:00Z", "2026-03-14T10:00:00Z", "2026-03-14T12:00:00Z"


def _trace(*segments: str, head: str = "") -> str:
    listed = ",\n  ".join(segments)
    return f'{{{head}"segments": [\n  {listed}]}}'


def _segment(segment_id: str, *members: str, parent: str | None = None) -> str:
    around = [f'"parent_segment_id": "{parent}"'] if parent is not None else []
    return "{" + ", ".join([f'"segment_id": "{segment_id}"', *around, *members]) + "}"


def _time(name: str, instant: str) -> str:
    return f'"{name}": "{instant}"'


def _message(instant: str) -> str:
    return f'{{"role": "user", "content": "Hello", "timestamp": "{instant}"}}'


def _dialog(*instants: str, head: str = "") -> str:
    return f'{{{head}"messages": [\n  ' + ",\n  ".join(map(_message, instants)) + "]}"


def _confirm(status: str, *decisions: str, asked: str = _NINE) -> str:
    listed = f', "decisions": [\n  {", ".join(decisions)}]' if decisions else ""
    return f'{{"confirm_id": "{FIRST}", "status": "{status}", "requested_at": "{asked}"{listed}}}'


def _decision(status: str, instant: str = _TEN, decision_id: str = SECOND) -> str:
    return f'{{"decision_id": "{decision_id}", "status": "{status}", "decided_at": "{instant}"}}'


_TWO = one(_trace(_segment(FIRST), _segment(SECOND, parent=FIRST)), "trace")
_WHOLE = _segment(FIRST, _time("started_at", _NINE), _time("finished_at", _TEN))
_APPROVED = one(_confirm("approved", _decision("approved")), "confirm")
_RUNNING = '"status": "running"'
_DONE = '"status": "completed"'

LIST_SECTION = Section(
    "Lists and times",
    "What holds between the entries of a list, and between the times of a document.",
    (
        Entry(
            "entry-id-duplicate",
            "error",
            "Two entries of a list have the same id, so whatever names it could mean either.",
            "Give one of them an id of its own, or remove it. The other one is linked.",
            one(_trace(_segment(FIRST), _segment(FIRST)), "trace"),
            _TWO,
        ),
        Entry(
            "entry-repeated",
            "warning",
            "A participant of a collab or a module of a Core is listed twice.",
            "Remove one of them. The other one is linked.",
            one('{"participants": [{"participant_id": "ada"}, {"participant_id": "ada"}]}', "collab"),
            one('{"participants": [{"participant_id": "ada"}, {"participant_id": "bob"}]}', "collab"),
        ),
        Entry(
            "entry-out-of-order",
            "warning",
            "Decisions and messages are added at the end of their list, so their times never go back. Told "
            "are "
            "the fewest entries without which the others are in order.",
            "Correct the time, or move the entry.",
            one(_dialog(_TEN, _NINE), "dialog"),
            one(_dialog(_NINE, _TEN), "dialog"),
        ),
        Entry(
            "segment-parent-unknown",
            "error",
            "A segment names a parent that no segment of the trace is.",
            "Correct the id (a fix offers one that is nearly the same), or remove `parent_segment_id`.",
            one(_trace(_segment(FIRST), _segment(SECOND, parent=THIRD)), "trace"),
            _TWO,
        ),
        Entry(
            "segment-parent-self",
            "error",
            "A segment is its own parent.",
            "Name the segment around it, or remove `parent_segment_id`.",
            one(_trace(_segment(FIRST, parent=FIRST)), "trace"),
            _TWO,
        ),
        Entry(
            "segment-parent-cycle",
            "error",
            "Segments contain each other. Each circle is told once, where a segment names a parent that "
            "stands "
            "after it; the other parents are linked.",
            "Correct one of the parents; the outermost segment has none.",
            one(_trace(_segment(FIRST, parent=SECOND), _segment(SECOND, parent=FIRST)), "trace"),
            _TWO,
        ),
        Entry(
            "segment-outside-parent",
            "warning",
            "A segment starts or ends outside the time of its parent, or of the trace where it has none. "
            "Where "
            "all segments inside another are outside in the same way, its own time is told.",
            "Correct the time. The time around it is linked.",
            one(
                _trace(
                    _WHOLE,
                    _segment(SECOND, _time("started_at", _NINE), _time("finished_at", _NOON), parent=FIRST),
                ),
                "trace",
            ),
            one(
                _trace(
                    _WHOLE,
                    _segment(SECOND, _time("started_at", _NINE), _time("finished_at", _TEN), parent=FIRST),
                ),
                "trace",
            ),
        ),
        Entry(
            "message-outside-dialog",
            "warning",
            "A message is from before the dialog began or after it ended.",
            "Correct one of the times. The other one is linked.",
            one(_dialog(_NINE, head=_time("started_at", _TEN) + ",\n "), "dialog"),
            one(_dialog(_TEN, head=_time("started_at", _NINE) + ",\n "), "dialog"),
        ),
        Entry(
            "event-trace-mismatch",
            "warning",
            "An event in a trace says that it belongs to another trace.",
            "Write the `trace_id` of the trace it stands in. A fix does it.",
            one(f'{{"trace_id": "{FIRST}", "events": [{{"trace_id": "{SECOND}"}}]}}', "trace"),
            one(f'{{"trace_id": "{FIRST}", "events": [{{"trace_id": "{FIRST}"}}]}}', "trace"),
        ),
        Entry(
            "event-segment-unknown",
            "warning",
            "The `segment_id` in the data of an event is no segment of the trace.",
            "Correct the id. A fix offers one that is nearly the same.",
            one(
                f'{{"segments": [{_segment(FIRST)}], "events": [{{"data": {{"segment_id": "{SECOND}"}}}}]}}',
                "trace",
            ),
            one(
                f'{{"segments": [{_segment(FIRST)}], "events": [{{"data": {{"segment_id": "{FIRST}"}}}}]}}',
                "trace",
            ),
        ),
        Entry(
            "span-parent-self",
            "warning",
            "A span is its own parent. A root span has none.",
            "Remove `parent_span_id`, or name the span around it.",
            one(f'{{"root_span": {{"span_id": "{FIRST}", "parent_span_id": "{FIRST}"}}}}', "trace"),
            one(f'{{"root_span": {{"span_id": "{FIRST}"}}}}', "trace"),
        ),
        Entry(
            "trace-span-mismatch",
            "warning",
            "The root span of a trace names another trace.",
            "Write the trace's own `trace_id`. A fix does it.",
            one(f'{{"trace_id": "{FIRST}", "root_span": {{"trace_id": "{SECOND}"}}}}', "trace"),
            one(f'{{"trace_id": "{FIRST}", "root_span": {{"trace_id": "{FIRST}"}}}}', "trace"),
        ),
        Entry(
            "network-topology-contradicts",
            "warning",
            "A network is called `single_node`, but has several nodes.",
            "Choose another topology, or remove nodes.",
            one('{"topology_type": "single_node", "nodes": [{}, {}]}', "network"),
            one('{"topology_type": "mesh", "nodes": [{}, {}]}', "network"),
        ),
    ),
)

DECISION_SECTION = Section(
    "Statuses of confirms, traces and others",
    "Statuses that contradict what else a document says, and history that was rewritten.",
    (
        Entry(
            "confirm-decision-missing",
            "warning",
            "A Confirm is approved or rejected, but has no decision: nobody knows who did that and when.",
            "Add the decision, or put the status back to `pending`.",
            one(_confirm("approved"), "confirm"),
            _APPROVED,
        ),
        Entry(
            "confirm-status-contradicts",
            "warning",
            "The status of a Confirm is not that of its newest decision, the last of the list. A Confirm "
            "may stay "
            "`pending` after a rejection, while what it is about is reworked, and when it was asked for "
            "again.",
            "Write the status of the newest decision (a fix does it), or add a decision.",
            one(_confirm("approved", _decision("rejected")), "confirm"),
            _APPROVED,
        ),
        Entry(
            "decision-before-request",
            "warning",
            "A Confirm was decided before it was asked for.",
            "Correct one of the two times. The other one is linked.",
            one(_confirm("approved", _decision("approved", _NINE), asked=_TEN), "confirm"),
            _APPROVED,
        ),
        Entry(
            "trace-ended-unfinished",
            "warning",
            "A trace has ended, but one of its segments has not.",
            "Correct one of the statuses. The segments are linked.",
            one(_trace(_segment(FIRST, _RUNNING), head=_DONE + ", "), "trace"),
            one(_trace(_segment(FIRST, _DONE), head=_DONE + ", "), "trace"),
        ),
        Entry(
            "trace-not-begun",
            "warning",
            "A trace is pending, but one of its segments has begun.",
            "Correct one of the statuses. The segments are linked.",
            one(_trace(_segment(FIRST, _RUNNING), head='"status": "pending", '), "trace"),
            one(_trace(_segment(FIRST, _RUNNING), head=_RUNNING + ", "), "trace"),
        ),
        Entry(
            "status-contradicts-time",
            "warning",
            "A trace, a segment or a dialog is under way by its status, but has a time at which it ended.",
            "Write the status with which it ended (`completed`, `failed`, `cancelled`), or remove the time.",
            one(f'{{"status": "running", {_time("finished_at", _TEN)}}}', "trace"),
            one(f'{{"status": "completed", {_time("finished_at", _TEN)}}}', "trace"),
        ),
        Entry(
            "module-required-disabled",
            "warning",
            "A module is required, but disabled.",
            "Enable the module, or do not require it.",
            one('{"modules": [{"module_id": "plan", "status": "disabled", "required": true}]}', "core"),
            one('{"modules": [{"module_id": "plan", "status": "enabled", "required": true}]}', "core"),
        ),
        Entry(
            "history-changed",
            "warning",
            "Since the last save a decision of a Confirm, or a segment that had ended, was changed. Both are "
            "history.",
            "Take the change back. To decide anew add a decision; to try again record a new segment.",
            Example(
                Document(_confirm("rejected", _decision("rejected")), "confirm"),
                saved=Document(_confirm("rejected", _decision("rejected", _NOON)), "confirm"),
            ),
            Example(
                Document(
                    _confirm("approved", _decision("rejected"), _decision("approved", _NOON, THIRD)),
                    "confirm",
                ),
                saved=Document(_confirm("rejected", _decision("rejected")), "confirm"),
            ),
        ),
        Entry(
            "history-removed",
            "warning",
            "Since the last save a decision of a Confirm, or a segment that had ended, was removed.",
            "Put it back. To decide anew add a decision.",
            Example(
                Document(_confirm("pending"), "confirm"),
                saved=Document(_confirm("rejected", _decision("rejected")), "confirm"),
            ),
            Example(
                Document(_confirm("pending", _decision("rejected")), "confirm"),
                saved=Document(_confirm("rejected", _decision("rejected")), "confirm"),
            ),
        ),
    ),
)
