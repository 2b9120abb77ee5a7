"""The documents around a plan as they are when it runs: its Context, its Collab, and the Roles they name.

The graph learns of them once, at the start: a plan has an edge to its context only if that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mplp_runtime.drift.dependence import path_within
from mplp_runtime.orchestrator.sessions.session import Session
from mplp_runtime.project_documents import json_value
from mplp_runtime.rules.check import own_findings
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.world import DocumentFacts, World

Kinded = tuple[str, Mapping[str, Any]]
"""The kind of a document, and its value."""


def documents_around(
    root: Path, world: World, plan: Mapping[str, Any], context: DocumentFacts, session: Session | None
) -> list[Kinded]:
    """What of the plan's world goes into the graph, in an order in which each names only what is before it.

    Read from disk; what is not there as the world has it, or has errors of its own, is left out.
    """
    found = list(_sound(root, [context]))
    named = {step["agent_role"] for step in plan["steps"] if step.get("agent_role")}
    named.update(value["owner_role"] for _, value in found if value.get("owner_role"))
    if session is not None:
        named.update(each.role_id for each in session.participants)
        found += _sound(root, world.declarations("collab", session.collab_id)[:1])
    roles = (each for each in world.documents("role") if each.id in named or each.title in named)
    return [*_sound(root, roles), *found]


def _sound(root: Path, documents: Iterable[DocumentFacts]) -> Iterator[Kinded]:
    for facts in documents:
        path = path_within(facts.uri, root)
        value = None if path is None else json_value(root / path)
        if not isinstance(value, dict) or value.get(OWN_ID[facts.kind]) != facts.id:
            continue
        # As of a plan (D12): an editor's own line is no part of the document.
        value.pop("$comment", None)
        if all(each.severity != Severity.ERROR for each in own_findings(facts.kind, value)):
            yield facts.kind, value
