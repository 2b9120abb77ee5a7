"""What a document of any kind says twice and differently, visible in its header or in one entry alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.kinds import MODULES
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.rules.words import quoted

Members = Mapping[str, object]

# `sense.py` has the pairs that documents of several kinds share.
_PAIRS: Mapping[str, tuple[str, str]] = {
    "trace": ("started_at", "finished_at"),
    "dialog": ("started_at", "ended_at"),
}
_LISTS = frozenset({("trace", "segments"), ("core", "modules")})
_UNFINISHED: Mapping[str, tuple[str, ...]] = {
    "trace": ("pending", "running"),
    "segment": ("pending", "running"),
    "dialog": ("active", "paused"),
}


def header_contradictions(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """What contradicts itself outside the entries of top-level lists; `counts` has the length of each."""
    if kind not in MODULES or not isinstance(header, Mapping):
        return []
    found = list(_times(header, _PAIRS.get(kind)))
    found += _unfinished(kind, header)
    for member in ("trace", "root_span"):
        found += [each.below((member,)) for each in _own_parent(header.get(member))]
    found += _last_confirm(header)
    if kind == "network":
        found += _topology(header, counts)
    if kind == "confirm":
        found += _undecided(header, counts)
    return found


def may_contradict_itself(kind: str, field: str) -> bool:
    """Whether entries of the list `field` say anything twice: then `element_contradictions` has to look."""
    return (kind, field) in _LISTS


def element_contradictions(kind: str, field: str, element: object) -> list[Finding]:
    """What contradicts itself in one entry of the top-level list `field`; places inside the entry."""
    if not may_contradict_itself(kind, field) or not isinstance(element, Mapping):
        return []
    if kind == "trace":
        return [*_times(element, _PAIRS["trace"]), *_unfinished("segment", element), *_own_segment(element)]
    return list(_needed_but_disabled(element))


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    related: tuple[Related, ...] = (),
    *,
    stage: Stage = Stage.GRAPH,
    severity: Severity = Severity.WARNING,
    data: Mapping[str, object] | None = None,
) -> Finding:
    return Finding(code, message, severity, stage, Place(pointer), related, data=data or {})


def _times(members: Members, pair: tuple[str, str] | None) -> Iterator[Finding]:
    if pair is None:
        return
    first, last = pair
    begin, end = instant_of(members.get(first)), instant_of(members.get(last))
    if begin is not None and end is not None and end < begin:
        yield _finding(
            "times-backwards",
            f"`{last}` is {quoted(members[last])}, which is before `{first}`, {quoted(members[first])}.",
            (last,),
            (Related(Place((first,)), f"`{first}` is later."),),
            stage=Stage.INVARIANT,
        )


def _unfinished(kind: str, members: Members) -> Iterator[Finding]:
    status = members.get("status")
    last = _PAIRS["dialog" if kind == "dialog" else "trace"][1]
    if status not in _UNFINISHED.get(kind, ()) or instant_of(members.get(last)) is None:
        return
    yield _finding(
        "status-contradicts-time",
        f"This {kind} is {quoted(status)}, but has ended: it has `{last}`.",
        ("status",),
        (Related(Place((last,)), "When it ended."),),
        stage=Stage.LIFECYCLE,
    )


def _own_parent(span: object) -> Iterator[Finding]:
    own = span.get("span_id") if isinstance(span, Mapping) else None
    if isinstance(span, Mapping) and is_id(own) and span.get("parent_span_id") == own:
        yield _finding("span-parent-self", "This span is its own parent.", ("parent_span_id",))


def _own_segment(segment: Members) -> Iterator[Finding]:
    if is_id(segment.get("segment_id")) and segment.get("parent_segment_id") == segment["segment_id"]:
        yield _finding(
            "segment-parent-self",
            "This segment is its own parent.",
            ("parent_segment_id",),
            severity=Severity.ERROR,
        )


def _last_confirm(header: Members) -> Iterator[Finding]:
    governance = header.get("governance")
    reference = governance.get("lastConfirmRef") if isinstance(governance, Mapping) else None
    module = reference.get("module") if isinstance(reference, Mapping) else None
    if isinstance(module, str) and module in MODULES and module != "confirm":
        yield _finding(
            "confirm-reference-module",
            f"`lastConfirmRef` names a Confirm, so its `module` is `confirm` and not {quoted(module)}.",
            ("governance", "lastConfirmRef", "module"),
            data={"suggestion": "confirm"},
        )


def _topology(header: Members, counts: Mapping[str, int]) -> Iterator[Finding]:
    count = counts.get("nodes", 0)
    if header.get("topology_type") == "single_node" and count > 1:
        yield _finding(
            "network-topology-contradicts",
            f"A `single_node` network has one node; this one has {count}.",
            ("topology_type",),
            (Related(Place(("nodes",), "open"), "The nodes."),),
        )


def _undecided(header: Members, counts: Mapping[str, int]) -> Iterator[Finding]:
    # Who asked may take the question back without anybody's decision.
    status = header.get("status")
    if (
        status in ("approved", "rejected")
        and not counts.get("decisions")
        and header.get("decisions", []) == []
        # Decisions under another key are told as that.
        and not any("decision" in key.casefold() for key in header if key != "decisions")
    ):
        yield _finding(
            "confirm-decision-missing",
            f"This Confirm is {status}, but no decision says who did that and when.",
            ("status",),
            stage=Stage.LIFECYCLE,
        )


def _needed_but_disabled(module: Members) -> Iterator[Finding]:
    if module.get("required") is True and module.get("status") == "disabled":
        yield _finding(
            "module-required-disabled",
            "This module is required, but disabled.",
            ("status",),
            (Related(Place(("required",)), "It is required."),),
            stage=Stage.LIFECYCLE,
        )
