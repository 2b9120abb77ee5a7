"""What Confirm documents are worth: the one judgement behind runs, lenses and the command line (D14, D18).

Of several Confirms about the same thing the newest counts, and of a Confirm its newest decision. Nothing is
read or written here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mplp_runtime.approval_scope import StepDigests, approval_scope, changes
from mplp_runtime.orchestrator.bindings import resolved_bindings
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.settings import Settings

Word = Literal["none", "pending", "approved", "rejected", "void", "unreadable"]

_Said = Literal["none", "pending", "approved", "rejected", "void"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_UNDECIDED = "its Confirm has no decision of anybody"


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """How a plan stands. `void`: it was approved, and then what was approved changed; `changed` says what.

    `unreadable`: there is a Confirm of which nobody knows what it says; `changed` says which.
    """

    word: Word
    changed: tuple[str, ...] = ()
    path: Path | None = None
    confirm_id: str | None = None

    @property
    def is_approved(self) -> bool:
        return self.word == "approved"


@dataclass(frozen=True, slots=True)
class StepApproval:
    """How a step stands by the newest Confirm about it, which was asked for or decided at `at`.

    `reason` and `decision_id` are those of its newest decision, or "". Without a `confirm_id` nobody knows
    what the Confirm says, and `reason` says why.
    """

    word: Literal["pending", "approved", "rejected"]
    confirm_id: str
    reason: str = ""
    decision_id: str = ""
    at: datetime = _LONG_AGO


def approval_of(
    plan: Mapping[str, Any],
    confirms: Iterable[Any],
    settings: Settings | None,
    *,
    path: Path | None = None,
    digests: StepDigests | None = None,
    unreadable: Iterable[str] = (),
) -> ApprovalState:
    """How `plan` stands by the newest of these Confirm documents; those of other targets are ignored.

    One that was cancelled counts as none; one whose status is no word of the protocol still waits.
    `unreadable` are the files of Confirms about the plan of which nobody knows what they say. `digests` are
    kept from one version of the plan to the next.
    """
    broken = tuple(f"{name} cannot be read" for name in sorted(unreadable))
    if broken:
        return ApprovalState("unreadable", broken, path)
    newest = newest_of(confirm for confirm in confirms if is_about(confirm, plan))
    if newest is None:
        return ApprovalState("none")
    confirm_id = str(newest.get("confirm_id"))
    word = _word(newest)
    if word != "approved":
        return ApprovalState(word, (_UNDECIDED,) if word == "void" else (), path, confirm_id)
    try:
        scope = approval_scope(plan, resolved_bindings(plan, settings or Settings()), digests)
        changed = changes(_attributes(newest), scope, plan)
    except (KeyError, TypeError, AttributeError, ValueError):
        # A plan that is being typed may have any shape; it certainly is not what was approved.
        changed = ("the plan is not valid at the moment",)
    return ApprovalState("void" if changed else "approved", changed, path, confirm_id)


def step_approvals(step_ids: Container[str], confirms: Iterable[Any]) -> dict[str, StepApproval]:
    """How those of the steps stand that a Confirm is about: its `target_id` is the step's id.

    No document kind is named for steps, so `target_type` does not matter. Somebody must have decided: an
    approved Confirm without a decision is still pending.
    """
    about: dict[str, list[Mapping[str, Any]]] = {}
    for confirm in confirms:
        target = target_of(confirm)
        if target in step_ids:
            about.setdefault(target, []).append(confirm)
    found: dict[str, StepApproval] = {}
    for step_id, each in about.items():
        newest = newest_of(each)
        word = None if newest is None else _word(newest)
        if newest is None or word is None or word == "none":
            continue
        decision = newest_decision(newest) or {}
        reason = decision.get("reason")
        found[step_id] = StepApproval(
            "pending" if word == "void" else word,
            str(newest.get("confirm_id")),
            reason if isinstance(reason, str) else "",
            str(decision.get("decision_id", "")),
            age_of(newest),
        )
    return found


def is_about(confirm: Any, plan: Mapping[str, Any]) -> bool:
    """Whether a document is a Confirm of this plan.

    As with steps the id tells: a `target_type` that is missing, wrong or being typed takes nothing back.
    """
    target = target_of(confirm)
    return target != "" and target == plan.get("plan_id")


def target_of(confirm: Any) -> str:
    """The id of what a document says it is a Confirm of; "" where it names none."""
    target = confirm.get("target_id") if isinstance(confirm, Mapping) else None
    return target if isinstance(target, str) else ""


def as_they_stand(*versions: Iterable[Any]) -> list[Mapping[str, Any]]:
    """One version of each Confirm: the newest, of several that are as old the one that was given last."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for confirm in (each for some in versions for each in some if isinstance(each, Mapping)):
        key = (str(confirm.get("confirm_id")), str(confirm.get("target_id")))
        known = found.get(key)
        if known is None or age_of(confirm) >= age_of(known):
            found[key] = confirm
    return list(found.values())


def newest_decision(confirm: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The decision that counts: the latest by `decided_at`, of several at one instant the last one."""
    decisions = confirm.get("decisions")
    known = [each for each in decisions if isinstance(each, Mapping)] if isinstance(decisions, list) else []
    dated = [(instant_of(each.get("decided_at")) or _LONG_AGO, place) for place, each in enumerate(known)]
    return known[max(dated)[1]] if dated else None


def _word(confirm: Mapping[str, Any]) -> _Said:
    """What status and decisions say together; `void` where it is approved and nobody decided so."""
    status = confirm.get("status")
    if status == "approved":
        decision = newest_decision(confirm)
        if decision is None:
            return "void"
        return "approved" if decision.get("status") == "approved" else "rejected"
    if status == "cancelled":
        return "none"
    # A word that is being typed has decided nothing.
    return "rejected" if status == "rejected" else "pending"


def newest_of(confirms: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one that was asked for or decided last, of several at one instant the last; none is cancelled."""
    newest: Mapping[str, Any] | None = None
    for confirm in confirms:
        # Who withdrew his question has said nothing; what was said before still counts.
        if _word(confirm) != "none" and (newest is None or age_of(confirm) >= age_of(newest)):
            newest = confirm
    return newest


def age_of(confirm: Mapping[str, Any]) -> datetime:
    """When it was asked for or decided last; the year 1 where neither can be read."""
    decision = newest_decision(confirm) or {}
    times = (instant_of(confirm.get("requested_at")), instant_of(decision.get("decided_at")))
    return max((each for each in times if each is not None), default=_LONG_AGO)


def _attributes(confirm: Mapping[str, Any]) -> Mapping[str, Any]:
    trace = confirm.get("trace")
    attributes = trace.get("attributes") if isinstance(trace, Mapping) else None
    return attributes if isinstance(attributes, Mapping) else {}
