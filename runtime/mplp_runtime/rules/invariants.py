"""The protocol's 61 invariants, evaluated: over one document, over several, or part by part.

A rule is broken by something missing unless it speaks only of what is present. Where a rule compares with
an object that is not at hand nothing is said: that is "cannot check", not a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import mplp_schemas
from mplp_runtime.rules import shape
from mplp_runtime.rules.choice import (
    BASE_EVENT,
    MAP_EVENT,
    SA_EVENT,
    SAMPLE_OLDER,
    family_by_members,
    schema_for,
)
from mplp_runtime.rules.findings import Finding, Place, Pointer, Severity, Stage
from mplp_runtime.rules.lifecycle import is_terminal
from mplp_runtime.rules.map_events import EventFault, unanswered_turns, unheard_broadcasts
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.rule_language import (
    EVERY,
    MISSING,
    CannotCheck,
    Objects,
    PathParts,
    parse_path,
    parse_rule,
    places_of,
)
from mplp_runtime.rules.words import label

Moment = Literal["edit", "run", "end-of-trace"]
MOMENTS: tuple[Moment, ...] = ("edit", "run", "end-of-trace")

MAP_EVENTS_SCOPE = "events"

# Schemas whose documents have none of the fields that the rules of their kind ask for.
_EXEMPT = frozenset({SA_EVENT, MAP_EVENT, BASE_EVENT, SAMPLE_OLDER})

_EVENT_RULES: Mapping[str, Callable[[Iterable[object]], list[EventFault]]] = {
    "turns": unanswered_turns,
    "broadcasts": unheard_broadcasts,
}


class When(Protocol):
    """The condition of a rule; `mplp_schemas.Condition` is one."""

    @property
    def present(self) -> bool: ...
    @property
    def field(self) -> str | None: ...
    @property
    def equals(self) -> str | None: ...
    @property
    def events(self) -> str | None: ...


class RuleText(Protocol):
    """A rule as data; `mplp_schemas.Invariant` is one, and so are the rules of a golden flow."""

    @property
    def id(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def rule(self) -> str | None: ...
    @property
    def when(self) -> When: ...


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a rule is broken. `reason` begins with a verb; `is_missing`: nothing stands there."""

    invariant_id: str
    pointer: Pointer
    reason: str
    is_missing: bool = False


def can_check(invariant: RuleText, objects: Objects) -> bool:
    """Whether every object the rule speaks of is at hand."""
    if invariant.when.events is not None:
        return MAP_EVENTS_SCOPE in objects
    needed = parse_rule(invariant.rule).needs if invariant.rule is not None else frozenset()
    return invariant.scope in objects and needed <= objects.keys()


def evaluate(invariant: RuleText, objects: Objects) -> list[Violation]:
    """Where `objects` break a rule; [] where they keep it, or where it cannot be checked.

    `objects` has the value of each scope (`context`, `plan`, …); under `events` the list of multi-agent
    events, for the two rules that look at those. Raises ValueError for a rule or path that is none.
    """
    if not can_check(invariant, objects):
        return []
    if invariant.when.events is not None:
        events = objects[MAP_EVENTS_SCOPE]
        faults = _EVENT_RULES[invariant.when.events](events if isinstance(events, list | tuple) else ())
        return [Violation(invariant.id, (fault.position,), fault.reason) for fault in faults]
    if invariant.path is None or invariant.rule is None:
        return []
    return _violations(invariant, parse_path(invariant.path), objects[invariant.scope], objects)


def _violations(invariant: RuleText, path: PathParts, owner: object, objects: Objects) -> list[Violation]:
    if not _applies(invariant.when, owner):
        return []
    rule = parse_rule(invariant.rule or "")
    found = []
    for pointer, value in places_of(owner, path):
        if value is MISSING and invariant.when.present:
            continue
        try:
            reason = rule.broken_by(value, owner, objects)
        except CannotCheck:
            continue
        if reason is not None:
            found.append(Violation(invariant.id, pointer, reason, value is MISSING))
    return found


def _applies(when: When, owner: object) -> bool:
    if when.field is None:
        return True
    return isinstance(owner, Mapping) and owner.get(when.field) == when.equals


def moment_of(kind: str, value: object) -> Moment:
    """The moment a document is in by its own word: a trace that has ended is held to the end's rules."""
    status = value.get("status") if kind == "trace" and isinstance(value, Mapping) else None
    return "end-of-trace" if isinstance(status, str) and is_terminal("trace", status) else "edit"


def invariant_findings(
    kind: str, value: object, objects: Objects | None = None, moment: Moment | None = None
) -> list[Finding]:
    """What the invariants have against one document, at a moment of its life (D13), ordered by place.

    `edit` rules always apply; `run` rules while a plan runs; `end-of-trace` rules when a run is over; by
    default `moment_of` decides. The document itself is added to `objects` under its own scope.
    """
    loaded: dict[str, object] = dict(objects or {})
    findings = []
    for invariant in _of_kind(kind, value, moment or moment_of(kind, value)):
        loaded[invariant.scope] = value
        findings += [finding_of(invariant, violation, value) for violation in evaluate(invariant, loaded)]
    return sorted(findings, key=order_of)


def further_invariant_findings(kind: str, value: object, objects: Objects, moment: Moment) -> list[Finding]:
    """The part of `invariant_findings` that looking at the document alone, as it is edited, did not tell."""
    loaded: dict[str, object] = dict(objects)
    findings = []
    for invariant in _of_kind(kind, value, moment):
        is_plain = invariant.rule is not None and not parse_rule(invariant.rule).needs
        if is_plain and invariant.moment == "edit":
            continue
        loaded[invariant.scope] = value
        findings += [finding_of(invariant, violation, value) for violation in evaluate(invariant, loaded)]
    return sorted(findings, key=order_of)


def header_invariant_findings(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """The part of `invariant_findings` that does not look into the entries of top-level lists."""
    if not isinstance(header, Mapping):
        return []
    # Rules about a list's length see a list of the right length.
    sized = {**header, **{field: [None] * count for field, count in counts.items() if field in header}}
    findings = []
    for invariant in _of_kind(kind, header, moment_of(kind, header)):
        path = parse_path(invariant.path) if invariant.path is not None else ()
        if path[1:2] == (EVERY,):
            continue
        objects = {invariant.scope: sized}
        findings += [finding_of(invariant, violation, header) for violation in evaluate(invariant, objects)]
    return sorted(findings, key=order_of)


def element_invariant_findings(kind: str, field: str, element: object) -> list[Finding]:
    """The `edit` rules about one entry of the top-level list `field`; places inside the entry."""
    findings = []
    for invariant, path, holds in _about_elements(kind, field):
        if holds is not None and type(element) is dict and holds(element):
            continue
        found = _violations(invariant, path, element, {})
        findings += [finding_of(invariant, violation, element, field) for violation in found]
    return sorted(findings, key=order_of) if findings else findings


def plain_rules_of_entries(kind: str, field: str) -> tuple[tuple[str, str, bool], ...] | None:
    """The rules of `element_invariant_findings`: which member, which rule, and whether it may be missing.

    None where one of them looks at more than one member of the entry.
    """
    rules = _about_elements(kind, field)
    if any(holds is None for _, _, holds in rules):
        return None
    return tuple((str(path[0]), invariant.rule or "", invariant.when.present) for invariant, path, _ in rules)


def finding_of(
    invariant: mplp_schemas.Invariant, violation: Violation, value: object, table: str | None = None
) -> Finding:
    """A violation as a finding; of something missing it points at the object that lacks it."""
    data: dict[str, object] = {"invariant": invariant.id}
    message = f"{label(violation.pointer, table)} {violation.reason}. {invariant.sentence}"
    place = Place(violation.pointer)
    if violation.is_missing:
        place, missing = _nearest_place(value, violation.pointer)
        if missing is not None:
            data["missing"] = missing
    return Finding(code_of(invariant.id), message, Severity.ERROR, Stage.INVARIANT, place, data=data)


def _nearest_place(value: object, pointer: Pointer) -> tuple[Place, str | None]:
    """Where to show that `pointer` leads nowhere: the object that lacks a key, or the value that is none."""
    current = value
    for depth, part in enumerate(pointer):
        if isinstance(current, Mapping):
            if part not in current:
                return Place(pointer[:depth], "open"), str(part)
            current = current[part]
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            current = current[part]
        else:
            return Place(pointer[:depth]), None
    return Place(pointer), None


def code_of(invariant_id: str) -> str:
    """The diagnostic code of an invariant: its official id with hyphens."""
    return invariant_id.replace("_", "-")


def _of_kind(kind: str, value: object, moment: Moment) -> Sequence[mplp_schemas.Invariant]:
    if kind in ("event", "sample") and shape.root(schema_for(kind, value)).base in _EXEMPT:
        return ()
    found = _by_kind(kind, MOMENTS.index(moment))
    if kind == "event" and isinstance(value, Mapping) and family_by_members(value) is not None:
        # The family it says is not the one it is of: that family's rules would each repeat this one fault.
        return tuple(each for each in found if each.when.equals != value.get("event_family"))
    return found


@cache
def _by_kind(kind: str, last_moment: int) -> tuple[mplp_schemas.Invariant, ...]:
    return tuple(
        invariant
        for invariant in mplp_schemas.invariants()
        if kind in invariant.kinds and MOMENTS.index(invariant.moment) <= last_moment
    )


_Holds = Callable[[Mapping[str, object]], bool]


@cache
def _about_elements(
    kind: str, field: str
) -> tuple[tuple[mplp_schemas.Invariant, PathParts, _Holds | None], ...]:
    found = []
    for invariant in _by_kind(kind, 0):
        path = parse_path(invariant.path) if invariant.path is not None else ()
        if path[:2] == (field, EVERY):
            found.append((invariant, path[2:], _quick_check(invariant, path[2:])))
    return tuple(found)


def _quick_check(invariant: mplp_schemas.Invariant, path: PathParts) -> _Holds | None:
    """Whether a rule about one member holds: for the thousands of entries that are sound."""
    rule = parse_rule(invariant.rule or "")
    if len(path) != 1 or not isinstance(path[0], str) or path[0] == EVERY:
        return None
    if rule.needs or invariant.when.field is not None:
        return None
    key, broken_by, may_lack = path[0], rule.broken_by, invariant.when.present

    def holds(entry: Mapping[str, object]) -> bool:
        value = entry.get(key, MISSING)
        return (may_lack and value is MISSING) or broken_by(value, entry, {}) is None

    return holds
