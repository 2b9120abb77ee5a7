"""What no schema says about integration events and learning samples: whether their members agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.rules import habits, invariants, schema, shape
from mplp_runtime.rules.event_types import INTEGRATION_KINDS
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.sense import header_sense
from mplp_runtime.rules.words import nearest, quoted

Members = Mapping[str, object]

SAMPLE_FAMILIES = (
    "intent_resolution",
    "delta_impact",
    "pipeline_outcome",
    "confirm_decision",
    "graph_evolution",
    "multi_agent_coordination",
)
_NOT_ENDED = ("pending", "running")


def payload_findings(event: Members) -> list[Finding]:
    """What is wrong with the integration event that an envelope carries; places inside the envelope.

    The payload is the frozen integration event and nothing else; whatever more there is to say stands on the
    envelope.
    """
    kind = INTEGRATION_KINDS.get(str(event.get("event_type")))
    payload = event.get("payload")
    if (
        event.get("event_family") != "external_integration"
        or kind is None
        or not isinstance(payload, Mapping)
    ):
        return []
    other = _other_kind(kind, payload)
    if other is not None:
        word, right = event["event_type"], {of: name for name, of in INTEGRATION_KINDS.items()}[other]
        message = f"`event_type` is {quoted(word)}, but the payload is a {other} event: `{right}`."
        data = {"suggestion": right}
        return [_finding("event-payload-invalid", message, ("event_type",), Severity.ERROR, data=data)]
    found = schema.schema_findings(kind, payload) + habits.habit_findings(kind, payload)
    found += invariants.invariant_findings(kind, payload)
    found += [*integration_sense(kind, payload), *header_sense(kind, payload)]
    return [finding.below(("payload",)) for finding in found]


def _other_kind(kind: str, payload: Members) -> str | None:
    """The one kind of which the payload has all that is required, while it lacks that of `kind`."""
    whole = [
        each
        for each in INTEGRATION_KINDS.values()
        if payload.keys() >= set(shape.required_properties(schema.schema_for(each, None), ()))
    ]
    return whole[0] if len(whole) == 1 and whole[0] != kind else None


def integration_sense(kind: str, event: Members) -> Iterator[Finding]:
    """What is odd about an integration event or a learning sample; places inside it."""
    if kind == "file-update":
        yield from _rename(event)
    elif kind in ("ci", "tool"):
        yield from _unfinished(event)
        yield from _success(event)
    elif kind == "sample":
        yield from _family(event)


def _rename(event: Members) -> Iterator[Finding]:
    old, new = event.get("previous_path"), event.get("file_path")
    is_misnamed = any(word in key.lower() for key in event for word in ("old", "prev", "from"))
    if event.get("change_type") == "renamed" and old is None and not is_misnamed:
        message = "A renamed file has an old name: `previous_path` is missing."
        yield _finding("file-rename-incomplete", message, ("change_type",), Severity.INFORMATION)
    elif old is not None and old == new:
        message = "`previous_path` and `file_path` are the same, so nothing was renamed."
        yield _finding("file-rename-incomplete", message, ("previous_path",))


def _unfinished(event: Members) -> Iterator[Finding]:
    status = event.get("status")
    if status in _NOT_ENDED and isinstance(event.get("completed_at"), str):
        related = (Related(Place(("completed_at",)), "When it ended."),)
        message = f"`status` is {quoted(status)}, but it has ended: there is `completed_at`."
        yield _finding("status-contradicts-time", message, ("status",), related=related)


def _success(event: Members) -> Iterator[Finding]:
    if event.get("status") != "succeeded":
        return
    code = event.get("exit_code")
    if isinstance(code, int) and not isinstance(code, bool) and code:
        related = (Related(Place(("exit_code",)), "The exit code."),)
        message = f"`status` is `succeeded`, but the tool ended with the exit code {code}."
        yield _finding("integration-status-contradicts", message, ("status",), related=related)


def _family(sample: Members) -> Iterator[Finding]:
    family = sample.get("sample_family")
    meant = nearest(family, SAMPLE_FAMILIES) if isinstance(family, str) else None
    if meant is not None and family not in SAMPLE_FAMILIES:
        message = f"`sample_family` is {quoted(family)}. Did you mean `{meant}`?"
        yield _finding("sample-family-unlikely", message, ("sample_family",), data={"suggestion": meant})


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    severity: Severity = Severity.WARNING,
    *,
    related: tuple[Related, ...] = (),
    data: Members | None = None,
) -> Finding:
    return Finding(code, message, severity, Stage.INVARIANT, Place(pointer), related, data=data or {})
