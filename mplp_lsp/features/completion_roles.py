"""Roles that exist: those with a document, those bound in mplp.toml, and those that steps already name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot


class Role(NamedTuple):
    """A role by its name; `why` says in a few words how it is known, `id` is that of its document."""

    name: str
    why: str
    id: str | None = None


def known_roles(snapshot: Snapshot, document: Document) -> list[Role]:
    """Every role, the likely ones first: declared or bound before merely used, often used before seldom."""
    index = snapshot.index
    here: Counter[str | None] = Counter()
    elsewhere: Counter[str | None] = Counter()
    for plan in index.documents("plan"):
        (here if plan.uri == document.uri else elsewhere).update(step.agent_role for step in plan.steps)
    declared = {role.title: role for role in index.documents("role") if role.title and role.title.strip()}
    bound = _bound(snapshot)
    found = []
    for name in {*declared, *bound, *here, *elsewhere}:
        if name is None or not name.strip():
            continue
        why = []
        if name in declared:
            why.append("declared in " + declared[name].uri.rpartition("/")[2])
        if name in bound:
            why.append("bound in mplp.toml")
        if not why:
            why.append("used by other steps" + ("; no Role document declares it" if declared else ""))
        is_doubtful = name not in (declared or bound)
        role = Role(name, ", ".join(why), declared[name].id if name in declared else None)
        found.append((is_doubtful, -here[name], -elsewhere[name], role))
    return [role for *_, role in sorted(found)]


def _bound(snapshot: Snapshot) -> set[str]:
    """Roles with a table in mplp.toml, also while something else in it cannot be read."""
    found: set[str] = set()
    for facts in snapshot.index.documents("settings"):
        values = facts.extra.get("settings")
        roles = values.get("roles") if isinstance(values, Mapping) else None
        found.update(roles if isinstance(roles, Mapping) else ())
    return found
