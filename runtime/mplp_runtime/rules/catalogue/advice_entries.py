"""Codes of the protocol's older, stricter generation that speak of other documents than plans."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import Entry, Section, one

_ALONE = '{"mode": "round_robin", "participants": [{"participant_id": "writer"}]}'
_TOGETHER = (
    '{"mode": "round_robin", "participants": [{"participant_id": "writer"}, {"participant_id": "reviewer"}]}'
)

ADVICE_SECTION = Section(
    "Advice",
    "What older texts of the protocol ask for and the frozen ones allow.",
    (
        Entry(
            "collab-participants-few",
            "warning; information while it is a draft, and in the modes orchestrated and swarm",
            "A collaboration has one participant only. Sending to all, taking turns and working as a pair "
            "need two.",
            "Add a participant, or choose another mode.",
            one(_ALONE, "collab"),
            one(_TOGETHER, "collab"),
        ),
    ),
)
