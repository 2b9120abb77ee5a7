"""All rules together, for a whole document or part by part: what editor, command line and runtime call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mplp_runtime.rules import habits, invariants, schema
from mplp_runtime.rules.advice import element_advice, header_advice
from mplp_runtime.rules.collabs import collab_findings
from mplp_runtime.rules.confirms import confirm_findings
from mplp_runtime.rules.contradictions import element_contradictions, header_contradictions
from mplp_runtime.rules.findings import Finding, Place, Stage
from mplp_runtime.rules.graph import graph_of
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.graph_rules import graph_findings
from mplp_runtime.rules.lists import list_findings
from mplp_runtime.rules.order import order_of, unique
from mplp_runtime.rules.references import reference_findings
from mplp_runtime.rules.segments import trace_findings
from mplp_runtime.rules.statuses import contradiction_findings, status_edit_findings
from mplp_runtime.rules.world import DocumentFacts, World


def own_findings(kind: str, value: object) -> list[Finding]:
    """What a document says about itself alone, ordered by place, one voice per fault.

    Equal to `own_header_findings` together with `own_element_findings` of each entry, moved below its place.
    """
    found = schema.schema_findings(kind, value)
    found += habits.habit_findings(kind, value)
    found += invariants.invariant_findings(kind, value)
    lists = {
        str(field): entries
        for field, entries in (value.items() if isinstance(value, Mapping) else ())
        if isinstance(entries, list)
    }
    counts = {field: len(entries) for field, entries in lists.items()}
    found += header_advice(kind, value, counts)
    found += header_contradictions(kind, value, counts)
    for field, entries in lists.items():
        for index, entry in enumerate(entries):
            inside = [*element_advice(kind, field, entry), *element_contradictions(kind, field, entry)]
            found += [each.below((field, index)) for each in inside]
    return first_voice(found)


def own_header_findings(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """The part of `own_findings` that does not look into the entries of top-level lists.

    `header` is the document with each top-level list replaced by `[]`; `counts` has the length of each.
    """
    found = schema.header_findings(kind, header, counts)
    found += habits.header_habit_findings(kind, header)
    found += invariants.header_invariant_findings(kind, header, counts)
    found += header_advice(kind, header, counts)
    found += header_contradictions(kind, header, counts)
    return first_voice(found)


def own_element_findings(
    kind: str, field: str, element: object, schema_name: str | None = None
) -> list[Finding]:
    """The part of `own_findings` about one entry of the top-level list `field`; places inside the entry.

    For the kinds `event` and `sample` give `schema_for(kind, header)` as `schema_name`.
    """
    found = schema.element_findings(kind, field, element, schema_name)
    if found:
        # Every habit is a fault to the schema too, so sound entries are not searched for habits.
        found += habits.element_habit_findings(kind, field, element, schema_name)
    found += invariants.element_invariant_findings(kind, field, element)
    found += element_advice(kind, field, element)
    found += element_contradictions(kind, field, element)
    return first_voice(found) if len(found) > 1 else found


def plan_findings(facts: DocumentFacts, memory: Memory | None = None) -> list[Finding]:
    """What follows from a document's facts alone, whatever its kind.

    Of a plan: its graph, and statuses that contradict each other. Of the others: their lists, the tree of a
    trace's segments, the decisions of a Confirm. `memory` belongs to one document and all its versions: with
    it only what an edit touched is looked at, and nothing when another document has changed.
    """
    known = memory.get("alone") if memory is not None else None
    if isinstance(known, _Alone) and known.facts is facts:
        return list(known.findings)
    found = _alone(facts, memory)
    if memory is not None:
        memory["alone"] = _Alone(facts, tuple(found))
    return found


class _Alone(NamedTuple):
    facts: DocumentFacts
    findings: tuple[Finding, ...]


def _alone(facts: DocumentFacts, memory: Memory | None) -> list[Finding]:
    found = list_findings(facts)
    if facts.kind == "plan":
        graph = graph_of(facts.steps, memory)
        found += [*graph_findings(graph, memory), *contradiction_findings(facts, graph, memory)]
    elif facts.kind == "trace":
        found += trace_findings(facts, memory)
    elif facts.kind == "confirm":
        found += confirm_findings(facts)
    elif facts.kind == "collab":
        found += collab_findings(facts)
    return found


def world_findings(facts: DocumentFacts, world: World, memory: Memory | None = None) -> list[Finding]:
    """What follows from the facts of a document and of all others, ordered by place.

    Combine with `own_findings` through `first_voice`, so that one fault is told once. `memory` is that of
    `plan_findings`.
    """
    edits = status_edit_findings(facts, world, memory)
    # Putting a forbidden edit back also ends the contradiction it made: one fault.
    edited = {finding.place for finding in edits}
    found = [
        finding
        for finding in plan_findings(facts, memory)
        if finding.stage != Stage.LIFECYCLE or finding.place not in edited
    ]
    return first_voice([*found, *reference_findings(facts, world, memory), *edits])


def check(kind: str, value: object, facts: DocumentFacts, world: World) -> list[Finding]:
    """Everything there is to say about one document, ordered by place, one voice per fault."""
    return first_voice([*own_findings(kind, value), *world_findings(facts, world)])


def first_voice(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per fault: at one place only the rules of the lowest stage speak. Ordered by place.

    Two things that are missing from the same object are two faults; but a misspelt key and the absence of
    the right one are the same.
    """
    kept = unique(findings)
    if len(kept) < 2:
        return kept
    lowest: dict[object, Stage] = {}
    misspelt: set[object] = set()
    for finding in kept:
        fault = _fault_of(finding)
        lowest[fault] = min(finding.stage, lowest.get(fault, finding.stage))
        meant = finding.data.get("suggestion", finding.data.get("replacement"))
        if finding.place.part == "key" and meant is not None:
            owner = replace(finding.place, pointer=finding.place.pointer[:-1], part="open")
            misspelt.add((owner, meant))
    return sorted(
        (
            finding
            for finding in kept
            if finding.stage == lowest[_fault_of(finding)] and _fault_of(finding) not in misspelt
        ),
        key=order_of,
    )


def _fault_of(finding: Finding) -> tuple[Place, object]:
    absent = "action" if finding.code == "settings-action-missing" else finding.data.get("key")
    return (finding.place, finding.data.get("missing", absent))
