"""Words for statuses that guides and other tools use, and the protocol's word for each.

The protocol's own documents disagree among themselves; these are the spellings found there, besides
everyday ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from mplp_runtime.rules.words import nearest, snake_case

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "active": ("in_progress", "running", "enabled"),
    "running": ("in_progress", "active"),
    "executing": ("in_progress", "running"),
    "started": ("in_progress", "running", "active"),
    "in_progress": ("running", "active"),
    "doing": ("in_progress", "running"),
    "ready": ("proposed", "pending"),
    "pending_approval": ("proposed", "pending"),
    "todo": ("pending",),
    "open": ("pending", "active"),
    "new": ("draft", "pending"),
    "queued": ("pending",),
    "waiting": ("pending", "blocked"),
    "confirmed": ("approved",),
    "accepted": ("approved",),
    "approve": ("approved",),
    "reject": ("rejected",),
    "declined": ("rejected",),
    "denied": ("rejected",),
    "override": ("approved",),
    "done": ("completed", "succeeded"),
    "finished": ("completed", "succeeded"),
    "complete": ("completed",),
    "success": ("succeeded", "completed", "success"),
    "succeeded": ("completed",),
    "completed": ("succeeded",),
    "ok": ("completed", "succeeded"),
    "error": ("failed",),
    "failure": ("failed",),
    "aborted": ("cancelled", "failed"),
    "canceled": ("cancelled",),
    "stopped": ("cancelled", "closed", "suspended"),
    "paused": ("suspended",),
    "suspended": ("paused",),
    "user": ("human",),
    "person": ("human",),
    "bot": ("agent",),
    "added": ("created",),
    "changed": ("modified",),
    "updated": ("modified",),
    "removed": ("deleted",),
    "moved": ("renamed",),
}


def meant_option(word: str, allowed: Sequence[str]) -> str | None:
    """The allowed word that `word` stands for: by spelling first, then by meaning; None if unclear."""
    near = nearest(word, allowed)
    if near is not None:
        return near
    return next((meant for meant in _SYNONYMS.get(snake_case(word), ()) if meant in allowed), None)
