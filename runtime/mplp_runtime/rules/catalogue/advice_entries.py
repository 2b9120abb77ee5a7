"""Codes of what no schema asks for: the protocol's older, stricter generation, and plain sense."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import Entry, Section, one

_ALONE = '{"mode": "round_robin", "participants": [{"participant_id": "writer"}]}'
_TOGETHER = (
    '{"mode": "round_robin", "participants": [{"participant_id": "writer"}, {"participant_id": "reviewer"}]}'
)

_BACKWARDS = '{"created_at": "2025-12-06T12:00:00Z", "updated_at": "2025-12-05T12:00:00Z"}'
_FORWARDS = '{"created_at": "2025-12-06T12:00:00Z", "updated_at": "2025-12-07T12:00:00Z"}'

ADVICE_SECTION = Section(
    "Advice",
    "What older texts of the protocol ask for and the frozen ones allow, and what sense asks for.",
    (
        Entry(
            "text-blank",
            "warning",
            "A text that is there for people is empty or has blanks only. "
            "A schema counts a blank as a letter, so it lets that pass.",
            "Write for people what it is about, or leave out a key that need not be there.",
            one('{"title": "  "}'),
            one('{"title": "Spring release"}'),
        ),
        Entry(
            "times-backwards",
            "warning",
            "Something was changed before it was made, or ended before it began.",
            "Correct the wrong one of the two times; the earlier one is linked.",
            one(_BACKWARDS, "context"),
            one(_FORWARDS, "context"),
        ),
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
