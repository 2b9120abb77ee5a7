"""Advice: what no schema asks for and is worth knowing; the older, stricter rules among it (D13)."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.rules import shape
from mplp_runtime.rules.choice import BASE_EVENT, has_schema, schema_for
from mplp_runtime.rules.event_sense import event_sense
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.integration_sense import integration_sense, payload_findings
from mplp_runtime.rules.sense import element_sense, header_sense
from mplp_runtime.rules.words import quoted

MODES_OF_SEVERAL = ("broadcast", "round_robin", "pair")
"""Ways to work together that mean nothing for one."""


def element_advice(kind: str, field: str, element: object) -> list[Finding]:
    """What is worth saying about one entry of a top-level list; places inside the entry."""
    if not isinstance(element, Mapping):
        return []
    found = list(element_sense(field, element)) if has_schema(kind) else []
    if needs_role(kind, field) and "agent_role" not in element:
        found.append(_ROLE_MISSING)
    return found


def needs_role(kind: str, field: str) -> bool:
    """Whether it is worth saying that an entry of the list `field` names nobody who does it."""
    return kind == "plan" and field == "steps"


_ROLE_MISSING = Finding(
    "step-role-missing",
    "This step has no `agent_role`, so nothing says who runs it.",
    Severity.INFORMATION,
    Stage.INVARIANT,
    Place((), "open"),
    data={"missing": "agent_role", "insert_default": ""},
)


def header_advice(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """What is worth saying about a document apart from the entries of its lists.

    `counts` has the length of each top-level list, whatever `header` shows of them.
    """
    if not isinstance(header, Mapping) or not has_schema(kind):
        return []
    found = [*header_sense(kind, header), *integration_sense(kind, header)]
    if kind == "event" and shape.root(schema_for(kind, header)).base != BASE_EVENT:
        found += [*event_sense(header), *payload_findings(header)]
    if kind == "collab" and counts.get("participants") == 1:
        found.append(_alone(header))
    return found


def _alone(header: Mapping[str, object]) -> Finding:
    mode = header.get("mode")
    is_pointless = mode in MODES_OF_SEVERAL
    is_draft = header.get("status") == "draft"
    told = f"A {quoted(mode)} collaboration" if is_pointless else "This collaboration"
    return Finding(
        "collab-participants-few",
        f"{told} has one participant only; nobody is there to work with.",
        Severity.WARNING if is_pointless and not is_draft else Severity.INFORMATION,
        Stage.INVARIANT,
        Place(("participants",), "open"),
    )
