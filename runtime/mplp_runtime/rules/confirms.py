"""A Confirm and its decisions: the newest one decides, and only ever more of them are added (D14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.lifecycle import TRANSITIONS
from mplp_runtime.rules.lists import out_of_order
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import DocumentFacts, EntryFacts

_STATUS: Pointer = ("status",)


def confirm_findings(confirm: DocumentFacts) -> list[Finding]:
    """Where status, request and decisions of a Confirm cannot all be true."""
    decisions = confirm.entries.get("decisions", ())
    words = TRANSITIONS["confirm"]
    # A decision is made: `pending` is no word for it, and is told as that.
    decided = frozenset(words) - {"pending"}
    if confirm.status not in words or any(each.status not in decided for each in decisions):
        return []
    if not decisions:
        return []
    return [*_status(confirm, decisions), *_request(confirm, decisions)]


def _finding(
    code: str, message: str, pointer: Pointer, *related: Related, data: Mapping[str, object] | None = None
) -> Finding:
    return Finding(code, message, Severity.WARNING, Stage.LIFECYCLE, Place(pointer), related, data=data or {})


def _status(confirm: DocumentFacts, decisions: tuple[EntryFacts, ...]) -> Iterator[Finding]:
    last = len(decisions) - 1
    latest = decisions[last]
    if latest.status == confirm.status or latest.status is None:
        return
    if out_of_order(decisions):
        # Which one is the newest is the question then, and is told as that.
        _, newest = max(
            ((each.started, each) for each in decisions if each.started is not None),
            key=lambda dated: dated[0],
            default=(None, latest),
        )
        if newest.status == confirm.status:
            return
    if confirm.status == "pending":
        is_asked_again = confirm.started is not None and (
            latest.started is None or latest.started < confirm.started
        )
        # A rejected Confirm stays pending while what it is about is reworked.
        if latest.status == "rejected" or is_asked_again:
            return
    if confirm.status == "cancelled" and latest.status == "rejected":
        return
    yield _finding(
        "confirm-status-contradicts",
        f"This Confirm is {quoted(confirm.status)}, but its newest decision is {quoted(latest.status)}.",
        _STATUS,
        Related(Place(("decisions", last, "status")), "The newest decision."),
        # Which of the two is wrong only a person knows.
        data={"allowed": [latest.status]},
    )


def _request(confirm: DocumentFacts, decisions: tuple[EntryFacts, ...]) -> Iterator[Finding]:
    last = len(decisions) - 1
    decided, asked = decisions[last].started, confirm.started
    # While it is pending it may have been asked again since.
    if confirm.status == "pending" or decided is None or asked is None or decided >= asked:
        return
    if last in out_of_order(decisions):
        return
    if last and all(each.started is not None and each.started < asked for each in decisions):
        # Several decisions agree against the one time of the request.
        yield _finding(
            "decision-before-request",
            "All decisions were made before they were asked for.",
            ("requested_at",),
            *(
                Related(Place(("decisions", at, "decided_at")), f"Decision {at + 1}.")
                for at in range(last + 1)
            ),
        )
        return
    yield _finding(
        "decision-before-request",
        "This decision was made before it was asked for.",
        ("decisions", last, "decided_at"),
        Related(Place(("requested_at",)), "When it was asked for."),
    )
