"""What the last save says that may not change any more: decisions, and segments that have ended (D22)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.lifecycle import is_legal
from mplp_runtime.rules.words import ENTRY_NAMES
from mplp_runtime.rules.world import Baseline, DocumentFacts, EntryFacts

SEALED_LISTS: Mapping[str, str] = {"confirm": "decisions", "trace": "segments"}

_WAYS = {
    "decisions": "Decisions are only ever added: take the change back, and add a new decision.",
    "segments": "What has ended is history: take the change back, and record a new segment.",
}


def baseline_of(facts: DocumentFacts) -> Baseline:
    """What of a document later edits are measured against, taken from the document itself."""
    segments = facts.entries.get("segments", ())
    sealed = facts.entries.get(SEALED_LISTS.get(facts.kind, ""), ())
    return Baseline(
        facts.status,
        {step.step_id: step.status for step in facts.steps if step.step_id and step.status},
        {segment.id: segment.status for segment in segments if segment.id and segment.status},
        {entry.id: entry.seal for entry in sealed if entry.id and entry.seal is not None},
    )


def baseline_after_save(before: Baseline | None, facts: DocumentFacts) -> Baseline:
    """The baseline once this text is saved.

    What the lifecycle does not allow keeps what stood there before, so that the warning stays until it is
    undone, and does not vanish by saving twice.
    """
    now = baseline_of(facts)
    if before is None:
        return now
    status = now.status
    if before.status and status and not is_legal_edit(facts, before, before.status, status):
        status = before.status
    return Baseline(
        status,
        _kept("step", before.steps, now.steps),
        _kept("segment", before.segments, now.segments),
        {**now.sealed, **before.sealed},
    )


def _kept(kind: str, before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    return {
        name: old if (old := before.get(name)) is not None and not is_legal(kind, old, status) else status
        for name, status in now.items()
    }


def is_legal_edit(
    facts: DocumentFacts, baseline: Baseline, before: str, now: str, *, cause: str | None = None
) -> bool:
    """Whether a document may go from one status to another by this text, or for the cause that is named."""
    return is_legal(facts.kind, before, now, cause=cause or cause_of(facts, baseline, now))


def cause_of(facts: DocumentFacts, baseline: Baseline, now: str) -> str | None:
    """Why a Confirm changes its status: it follows its newest decision, and may be asked again after one."""
    if facts.kind != "confirm":
        return None
    decisions = facts.entries.get("decisions", ())
    latest = decisions[-1] if decisions else None
    if now == "pending":
        is_asked_again = latest is None or (
            facts.started is not None and latest.started is not None and facts.started > latest.started
        )
        return "asked-again" if is_asked_again else None
    is_newer = latest is not None and latest.status == now and latest.id not in baseline.sealed
    return "newer-decision" if is_newer else None


def history_findings(facts: DocumentFacts, baseline: Baseline) -> list[Finding]:
    """Sealed entries that were changed or removed since the last save."""
    field = SEALED_LISTS.get(facts.kind)
    if field is None or not baseline.sealed:
        return []
    return list(_history(field, facts.entries.get(field, ()), baseline))


def _history(field: str, entries: tuple[EntryFacts, ...], baseline: Baseline) -> Iterator[Finding]:
    name = ENTRY_NAMES[field]
    counts = Counter(entry.id for entry in entries)
    for index, entry in enumerate(entries):
        before = baseline.sealed.get(entry.id) if entry.id is not None else None
        if before is None or counts[entry.id] > 1 or entry.seal == before:
            continue
        # A segment that was opened again is told at its status.
        if entry.seal is not None:
            yield _finding(
                "history-changed", f"This {name} is not what was saved. {_WAYS[field]}", (field, index)
            )
    gone = [name for name in baseline.sealed if name not in counts]
    if gone:
        count = (
            f"One {name} of the last save is"
            if len(gone) == 1
            else f"{len(gone)} {field} of the last save are"
        )
        yield _finding("history-removed", f"{count} gone. {_WAYS[field]}", (field,))


def _finding(code: str, message: str, pointer: tuple[str | int, ...]) -> Finding:
    return Finding(code, message, Severity.WARNING, Stage.LIFECYCLE, Place(pointer, "open"))
