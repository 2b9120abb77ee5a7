"""What semantic tokens may be: LSP's own types, and the state of a thing as a modifier.

Kept apart from the feature, because the answer to `initialize` names it and must import little.
"""

from __future__ import annotations

from collections.abc import Mapping

TYPES = ("property", "variable", "type", "enumMember", "number")
"""Keys; ids; names of roles; words that the schema lists; times."""

PROPERTY, VARIABLE, TYPE, ENUM_MEMBER, NUMBER = range(len(TYPES))

MODIFIERS = ("declaration", "waiting", "running", "done", "failed", "stopped")

DECLARATION, WAITING, RUNNING, DONE, FAILED, STOPPED = (1 << number for number in range(len(MODIFIERS)))

LEGEND = {"tokenTypes": list(TYPES), "tokenModifiers": list(MODIFIERS)}

STATE_OF_WORD: Mapping[str, int] = {
    **dict.fromkeys(("draft", "proposed", "pending", "registered"), WAITING),
    **dict.fromkeys(("in_progress", "running", "active", "started"), RUNNING),
    **dict.fromkeys(("completed", "approved", "succeeded", "success"), DONE),
    **dict.fromkeys(("failed", "rejected", "error"), FAILED),
    **dict.fromkeys(
        ("blocked", "suspended", "paused", "cancelled", "skipped", "archived", "closed", "inactive"), STOPPED
    ),
}
"""The state that a status stands for; words that are in none of them have no modifier."""
