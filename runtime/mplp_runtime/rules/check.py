"""All rules together, for a whole document or part by part: what editor, command line and runtime call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mplp_runtime.rules import schema
from mplp_runtime.rules.findings import Finding, Stage
from mplp_runtime.rules.graph import graph_findings
from mplp_runtime.rules.order import order_of, unique
from mplp_runtime.rules.references import reference_findings
from mplp_runtime.rules.world import DocumentFacts, World


def own_findings(kind: str, value: object) -> list[Finding]:
    """What a document says about itself alone, ordered by place, one voice per fault."""
    return first_voice(schema.schema_findings(kind, value))


def own_header_findings(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """The part of `own_findings` that does not look into the entries of top-level lists."""
    return first_voice(schema.header_findings(kind, header, counts))


def own_element_findings(
    kind: str, field: str, element: object, schema_name: str | None = None
) -> list[Finding]:
    """The part of `own_findings` about one entry of the top-level list `field`; places inside the entry."""
    return first_voice(schema.element_findings(kind, field, element, schema_name))


def plan_findings(facts: DocumentFacts) -> list[Finding]:
    """What follows from a plan's facts alone: its graph and the statuses that contradict each other."""
    if facts.kind != "plan":
        return []
    return graph_findings(facts.steps)


def world_findings(facts: DocumentFacts, world: World) -> list[Finding]:
    """What follows from the facts of a document and of all others."""
    return [*plan_findings(facts), *reference_findings(facts, world)]


def check(kind: str, value: object, facts: DocumentFacts, world: World) -> list[Finding]:
    """Everything there is to say about one document, ordered by place, one voice per fault."""
    return first_voice([*own_findings(kind, value), *world_findings(facts, world)])


def first_voice(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per fault: at one place only the rules of the lowest stage speak. Ordered by place.

    Two things that are missing from the same object are two faults.
    """
    kept = unique(findings)
    if len(kept) < 2:
        return kept
    lowest: dict[object, Stage] = {}
    for finding in kept:
        fault = _fault_of(finding)
        lowest[fault] = min(finding.stage, lowest.get(fault, finding.stage))
    return sorted((finding for finding in kept if finding.stage == lowest[_fault_of(finding)]), key=order_of)


def _fault_of(finding: Finding) -> object:
    return (finding.place, finding.data.get("missing"))
