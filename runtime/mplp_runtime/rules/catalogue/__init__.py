"""Every diagnostic code with its meaning, its repair and its examples; data for the documentation."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.advice_entries import ADVICE_SECTION
from mplp_runtime.rules.catalogue.belonging_entries import BELONGING_SECTION
from mplp_runtime.rules.catalogue.entry import Document, Entry, Example, Section
from mplp_runtime.rules.catalogue.event_entries import EVENT_SECTION, TIMELINE_SECTION
from mplp_runtime.rules.catalogue.invariant_entries import invariant_section
from mplp_runtime.rules.catalogue.list_entries import DECISION_SECTION, LIST_SECTION
from mplp_runtime.rules.catalogue.plan_entries import GRAPH_SECTION, STATUS_SECTION, WORLD_SECTION
from mplp_runtime.rules.catalogue.schema_entries import HABIT_SECTION, SCHEMA_SECTION
from mplp_runtime.rules.catalogue.session_entries import SESSION_SECTION
from mplp_runtime.rules.catalogue.settings_entries import settings_section
from mplp_runtime.rules.catalogue.text_entries import TEXT_SECTION

__all__ = ["Document", "Entry", "Example", "Section", "entry_of", "sections"]


def sections() -> tuple[Section, ...]:
    """All codes, in the order in which the rules look: text first, running plans last."""
    return (
        TEXT_SECTION,
        HABIT_SECTION,
        SCHEMA_SECTION,
        GRAPH_SECTION,
        LIST_SECTION,
        STATUS_SECTION,
        DECISION_SECTION,
        WORLD_SECTION,
        BELONGING_SECTION,
        ADVICE_SECTION,
        EVENT_SECTION,
        TIMELINE_SECTION,
        settings_section(),
        SESSION_SECTION,
        invariant_section(),
    )


def entry_of(code: str) -> Entry | None:
    """What is known about one code; None where there is no such code."""
    return next((entry for section in sections() for entry in section.entries if entry.code == code), None)
