"""States and the changes between them that the protocol's documents allow, for every object.

The frozen schemas name states only; the arrows come from the seeds (plan and step), the module pages
(confirm) and the diagrams, gathered in one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mplp_runtime.rules.words import listed

Arrows = Mapping[str, tuple[str, ...]]

TRANSITIONS: Final[Mapping[str, Arrows]] = MappingProxyType(
    {
        "context": {
            "draft": ("active",),
            "active": ("suspended", "closed", "archived"),
            "suspended": ("active", "closed"),
            "closed": ("archived",),
            "archived": (),
        },
        "plan": {
            "draft": ("proposed",),
            "proposed": ("approved", "draft"),
            "approved": ("in_progress",),
            "in_progress": ("completed", "failed", "cancelled"),
            "completed": (),
            "cancelled": (),
            "failed": (),
        },
        "step": {
            "pending": ("in_progress", "blocked", "skipped"),
            "in_progress": ("completed", "failed"),
            "blocked": ("pending", "in_progress", "skipped"),
            "failed": ("pending", "skipped"),
            "completed": (),
            "skipped": (),
        },
        "confirm": {
            "pending": ("approved", "rejected", "cancelled"),
            "approved": (),
            "rejected": (),
            "cancelled": (),
        },
        "trace": {
            "pending": ("running", "cancelled"),
            "running": ("completed", "failed", "cancelled"),
            "completed": (),
            "failed": (),
            "cancelled": (),
        },
        "segment": {
            "pending": ("running", "skipped"),
            "running": ("completed", "failed", "cancelled"),
            "completed": (),
            "failed": (),
            "cancelled": (),
            "skipped": (),
        },
        "extension": {
            "registered": ("active",),
            "active": ("inactive",),
            "inactive": ("active", "deprecated"),
            "deprecated": (),
        },
        "dialog": {
            "active": ("paused", "completed", "cancelled"),
            "paused": ("active", "completed", "cancelled"),
            "completed": (),
            "cancelled": (),
        },
        "collab": {
            "draft": ("active",),
            "active": ("suspended", "completed", "cancelled"),
            "suspended": ("active", "cancelled"),
            "completed": (),
            "cancelled": (),
        },
        "core": {
            "draft": ("active",),
            "active": ("deprecated",),
            "deprecated": ("archived",),
            "archived": (),
        },
        "network": {
            "draft": ("provisioning", "retired"),
            "provisioning": ("active", "retired"),
            "active": ("degraded", "maintenance", "retired"),
            "degraded": ("active", "retired"),
            "maintenance": ("active", "retired"),
            "retired": (),
        },
    }
)
"""Legal targets by kind of object and state. A terminal state has none."""

_DECIDED = ("approved", "rejected", "cancelled")

CAUSED: Final[Mapping[tuple[str, str, str], str]] = MappingProxyType(
    {
        # A merge may call for a new approval (seed 4, section 11).
        ("plan", "approved", "proposed"): "reapproval",
        # A newer decision overrules what was decided before, and who asks again opens it; decisions are only
        # ever appended (D14).
        **{
            ("confirm", before, now): "newer-decision"
            for before in _DECIDED
            for now in _DECIDED
            if before != now
        },
        **{("confirm", before, "pending"): "asked-again" for before in _DECIDED},
        # Nobody's map has it, but people want it: the caller has to ask for it by name.
        ("plan", "draft", "cancelled"): "cancel-before-start",
        ("plan", "proposed", "cancelled"): "cancel-before-start",
        ("plan", "approved", "cancelled"): "cancel-before-start",
    }
)
"""Changes that are legal only for one stated cause.

What an edit of a Confirm was caused by is seen from its decisions (`history.cause_of`); of a plan only who
changes it can say so (`Documents.change_status`).
"""

DONE: Final = frozenset({"completed", "skipped"})
"""Step states on which a dependant may build."""


def legal_targets(kind: str, status: str) -> tuple[str, ...]:
    """States that may follow `status`; () for a terminal or an unknown state.

    >>> legal_targets("plan", "proposed")
    ('approved', 'draft')
    """
    return TRANSITIONS.get(kind, {}).get(status, ())


def is_terminal(kind: str, status: str) -> bool:
    """Whether nothing follows `status`. Unknown states are not terminal."""
    return TRANSITIONS.get(kind, {}).get(status) == ()


def is_legal(kind: str, source: str, target: str, *, cause: str | None = None) -> bool:
    """Whether an object of `kind` may go from `source` to `target`. Staying is always legal."""
    if source == target or target in legal_targets(kind, source):
        return True
    return cause is not None and CAUSED.get((kind, source, target)) == cause


def targets_sentence(kind: str, status: str) -> str:
    """What may follow `status`, as a sentence."""
    targets = legal_targets(kind, status)
    if targets:
        return f"From `{status}` a {kind} goes to {listed(targets)}."
    if is_terminal(kind, status):
        return f"`{status}` is final."
    return f"`{status}` is no state of a {kind}."
