"""What Confirms are about, and what the documents they are about make of them."""

from __future__ import annotations

from collections.abc import Iterator

from mplp_runtime.rules.confirms import confirm_findings
from mplp_runtime.rules.facts import LAST_CONFIRM
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.neighbours import (
    described,
    document_of,
    finding,
    nearest_to,
    reference_at,
    unknown_document,
)
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import DocumentFacts, World

_STATUS: Pointer = ("status",)
_TARGET: Pointer = ("target_id",)
_TARGET_KINDS = ("context", "plan", "trace", "extension")
_AHEAD_OF_APPROVAL = ("approved", "in_progress")


def last_confirm_findings(facts: DocumentFacts, world: World) -> Iterator[Finding]:
    """That the Confirm a document names as its last is not there, or about something else."""
    reference = reference_at(facts, LAST_CONFIRM)
    if reference is None or reference.kind is None:
        return
    confirm = document_of(facts, LAST_CONFIRM, world)
    if confirm is None:
        yield unknown_document("confirm-reference-unknown", facts, reference, world)
        return
    target = reference_at(confirm, _TARGET)
    if target is not None and target.kind == facts.kind and facts.id is not None and target.id != facts.id:
        yield finding(
            "confirm-reference-other",
            f"The Confirm in {described(confirm)} is about another {facts.kind}.",
            LAST_CONFIRM,
            Severity.WARNING,
            [Related(Place(_TARGET, "value", confirm.uri), "What that Confirm is about.")],
        )


def target_findings(confirm: DocumentFacts, world: World) -> Iterator[Finding]:
    """That the target of a Confirm is not there, or of another kind."""
    reference = reference_at(confirm, _TARGET)
    if reference is None or reference.kind is None or world.declarations(reference.kind, reference.id):
        return
    for kind in _TARGET_KINDS:
        target = nearest_to(confirm.uri, world.declarations(kind, reference.id))
        if target is not None:
            yield finding(
                "confirm-target-type",
                f"The target is a {kind}, {described(target)}, and not a {reference.kind}.",
                ("target_type",),
                Severity.WARNING,
                [Related(Place(target.id_pointer, "value", target.uri), "The target.")],
                data={"suggestion": kind},
            )
            return
    yield unknown_document("confirm-target-unknown", confirm, reference, world)


def approval_findings(plan: DocumentFacts, world: World) -> Iterator[Finding]:
    """A plan that goes ahead although the newest Confirm about it has not let it."""
    if plan.status not in _AHEAD_OF_APPROVAL or plan.id is None:
        return
    about = [
        confirm
        for confirm in world.documents("confirm")
        if (target := reference_at(confirm, _TARGET)) is not None
        and target.kind == "plan"
        and target.id == plan.id
        # Who withdrew the question has said nothing.
        and confirm.status != "cancelled"
    ]
    newest = max(about, key=_latest_word, default=None)
    if newest is None or newest.status not in ("pending", "rejected"):
        return
    if any(each.code == "confirm-status-contradicts" for each in confirm_findings(newest)):
        # Its newest decision says something else than its status.
        return
    word = plan.status.replace("_", " ")
    yield finding(
        "plan-approval-contradicts",
        f"The plan is {word}, but its Confirm in {described(newest)} is {quoted(newest.status)}.",
        _STATUS,
        Severity.WARNING,
        [Related(Place(_STATUS, "value", newest.uri), "The status of the Confirm.")],
        Stage.LIFECYCLE,
    )


def _latest_word(confirm: DocumentFacts) -> tuple[float, str]:
    """By what one Confirm is newer than another: when it was last asked for or decided."""
    decided = (decision.started for decision in confirm.entries.get("decisions", ()))
    times = [each.timestamp() for each in (confirm.started, *decided) if each is not None]
    return (max(times, default=0.0), confirm.uri)
