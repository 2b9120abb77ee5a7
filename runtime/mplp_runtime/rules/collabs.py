"""The participants of a session that has begun: the run-time half of the multi-agent invariants."""

from __future__ import annotations

from collections.abc import Iterator

from mplp_runtime.rules.findings import Finding, Part, Place, Severity, Stage
from mplp_runtime.rules.world import DocumentFacts

_BEGUN = ("active", "suspended", "completed")


def collab_findings(collab: DocumentFacts) -> Iterator[Finding]:
    """Participants without a role (invariant `map_participants_have_role_ids`, D13).

    While a collaboration is a draft its roles may still be open; a blank one is none at any time.
    """
    for index, participant in enumerate(collab.entries.get("participants", ())):
        if not participant.lacks_role:
            continue
        is_blank = participant.role is not None
        if not is_blank and collab.status not in _BEGUN:
            continue
        part: Part = "value" if is_blank else "open"
        pointer = ("participants", index, "role_id") if is_blank else ("participants", index)
        data: dict[str, object] = {"invariant": "map_participants_have_role_ids"}
        if not is_blank:
            data["missing"] = "role_id"
        told = "is blank" if is_blank else "is missing"
        yield Finding(
            "map-participants-have-role-ids",
            f"`role_id` of participant {index + 1} {told}. Every participant of a multi-agent session needs "
            "a role: give each a `role_id`.",
            Severity.ERROR if collab.status in _BEGUN else Severity.WARNING,
            Stage.INVARIANT,
            Place(pointer, part),
            data=data,
        )
