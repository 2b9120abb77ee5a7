"""What is to be said about a document when the others are looked at, and whom a change concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from mplp_lsp.analysis.document import Analysis, remembered, spoken_once
from mplp_lsp.workspace.index import Index
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.check import world_findings
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.graph_changes import Memory, window_between
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.world import DocumentFacts, StepFacts

_KEPT = "all findings"

MAY_BE_TAKEN_BACK = frozenset(
    {
        "confirm-reference-unknown",
        "confirm-target-unknown",
        "context-unknown",
        "dialog-thread-context",
        "plan-approval-contradicts",
        "plan-context-unknown",
        "role-unknown",
        "settings-gate-unknown",
        "settings-role-unused",
        "settings-step-unknown",
        "step-role-unknown",
        "trace-context-mismatch",
        "trace-plan-unknown",
    }
)
"""Findings that end when one more document is found."""


def cross_findings(analysis: Analysis, index: Index) -> tuple[Finding, ...]:
    """What follows from the document's facts and all others', its own graph included.

    Made again only when a fact of the project has changed.
    """
    facts = analysis.facts
    if facts is None:
        return ()
    return remembered(
        analysis.document, "cross", (facts, index), lambda: _cross_findings(analysis, facts, index)
    )


def _cross_findings(analysis: Analysis, facts: DocumentFacts, index: Index) -> tuple[Finding, ...]:
    found: Iterable[Finding]
    if facts.kind == SETTINGS:
        toml = analysis.document.toml
        value = toml.value if toml is not None else None
        if not isinstance(value, dict):
            return ()
        from mplp_runtime.rules.settings import settings_findings

        found = settings_findings(value, world=index)
    else:
        found = world_findings(facts, index, analysis.document.lineage)
    if index.is_partial:
        found = (finding for finding in found if finding.code not in MAY_BE_TAKEN_BACK)
    return tuple(found)


def all_findings(
    analysis: Analysis, index: Index | None, max_findings: int
) -> tuple[list[Finding], Finding | None]:
    """Everything the rules say about a document, ordered by place, one voice per fault; syntax is not in it.

    Without `index` what it says by itself only: the others have not been read yet.
    Where there are more than `max_findings`, the gravest are kept and the second value says so.
    Kept with an open document: hovers and actions ask again and again for what was just published.
    """
    document = analysis.document
    known = document.cache.get(_KEPT)
    if isinstance(known, tuple) and known[0] is index and known[1] == max_findings:
        return list(known[2]), known[3]
    found, told = _all_findings(analysis, index, max_findings)
    if document.is_open:
        document.cache[_KEPT] = (index, max_findings, tuple(found), told)
    return found, told


def _all_findings(
    analysis: Analysis, index: Index | None, max_findings: int
) -> tuple[list[Finding], Finding | None]:
    beyond = analysis.graph if index is None else cross_findings(analysis, index)
    found = spoken_once(analysis, (*analysis.parts, *beyond))
    hidden = max(analysis.total - len(analysis.parts), 0)
    room = max(max_findings - len(analysis.syntax), 0)
    if len(found) <= room and not hidden:
        return found, None
    gravest = sorted(found, key=lambda finding: (finding.severity, order_of(finding)))[:room]
    total = len(analysis.syntax) + len(found) + hidden
    return sorted(gravest, key=order_of), capped(len(analysis.syntax) + len(gravest), total)


def capped(shown: int, total: int) -> Finding:
    """The visible item that says that not all findings are shown."""
    return Finding(
        "findings-capped",
        f"This document has {total:,} findings; {shown:,} of them are shown, errors first. "
        "The others appear as these are repaired.",
        Severity.INFORMATION,
        Stage.SYNTAX,
        Place((), "open"),
        data={"shown": shown, "total": total},
    )


class FactChange(NamedTuple):
    """The facts of one document before and after; None where it was not, or is no more, there.

    `memory` is the document's lineage.
    """

    before: DocumentFacts | None
    after: DocumentFacts | None
    memory: Memory | None = None


def affected_by_all(changes: Iterable[FactChange], index: Index) -> list[str]:
    """URIs of the other documents whose findings may change with the facts of these, nearest kin first.

    `index` is the one after all changes. Empty where the facts are equal: then no other document can notice.
    What has to be looked for in the whole project is looked for once.
    """
    real = [change for change in changes if change.before != change.after]
    own = {facts.uri for change in real for facts in change[:2] if facts is not None}
    found = dict.fromkeys(facts.uri for facts in _concerned(real, index))
    return [uri for uri in found if uri not in own]


def _concerned(changes: Sequence[FactChange], index: Index) -> Iterator[DocumentFacts]:
    renamed: list[DocumentFacts] = []
    kinds: set[str] = set()
    bind_differently = False
    for before, after, memory in changes:
        binds = _binds_differently(before, after, memory)
        bind_differently = bind_differently or binds
        if before is not None and after is not None and replace(before, steps=after.steps) == after:
            # Of a plan's steps only their words matter to others: the ids to its traces, all to mplp.toml.
            if binds:
                yield from (each for each in index.referring(after.id or "") if each.kind == "trace")
            continue
        versions = [facts for facts in (before, after) if facts is not None]
        is_renamed = _names(before) != _names(after)
        yield from _named_by(versions, index, is_renamed=is_renamed)
        kinds.update(facts.kind for facts in versions)
        if is_renamed:
            renamed += versions
    if renamed:
        yield from _looking_for(renamed, index)
    if SETTINGS in kinds:
        yield from index.documents("plan")
    if bind_differently:
        yield from index.documents(SETTINGS)


def _named_by(
    versions: Sequence[DocumentFacts], index: Index, *, is_renamed: bool
) -> Iterator[DocumentFacts]:
    """Who names a document, and whom it names."""
    for facts in versions:
        if facts.id is not None:
            yield from index.referring(facts.id)
            yield from index.declarations(facts.kind, facts.id)
    for facts in versions:
        for reference in facts.references:
            if reference.kind is not None:
                yield from index.declarations(reference.kind, reference.id)
            if is_renamed:
                # Who else names that document is told whose it is (a context that belongs to another plan).
                yield from index.referring(reference.id)


_NAME_ROLES = ("plan", "collab", "network")


def _looking_for(versions: Sequence[DocumentFacts], index: Index) -> Iterator[DocumentFacts]:
    """Who is told which document of a kind is near, or whether there is any at all."""
    kinds = {facts.kind for facts in versions}
    # A document that nobody declares is missed in other words where others of its kind come or go.
    for other in index.unordered():
        for reference in other.references:
            kind = reference.kind
            if kind in kinds and kind is not None and not index.declarations(kind, reference.id):
                yield other
                break
    if "context" in kinds:
        folders = {_folder(facts) for facts in versions if facts.kind == "context"}
        yield from (plan for plan in index.documents("plan") if _folder(plan) in folders)
    if "role" in kinds:
        for kind in _NAME_ROLES:
            yield from index.documents(kind)
    yield from index.documents("core")


def _folder(facts: DocumentFacts) -> str:
    return facts.uri.rpartition("/")[0]


def _names(facts: DocumentFacts | None) -> object:
    """By what other documents' messages call it."""
    return None if facts is None else (facts.uri, facts.id, facts.title, facts.references)


def _binds_differently(
    before: DocumentFacts | None, after: DocumentFacts | None, memory: Memory | None
) -> bool:
    """Whether a step has a word otherwise that mplp.toml may bind: its role, its id."""
    old = before.steps if before is not None and before.kind == "plan" else ()
    new = after.steps if after is not None and after.kind == "plan" else ()
    # The very same tuple in both versions means that no step has changed.
    window = window_between(old, new, memory) if old is not new else None
    if window is None:
        return False
    gone, come = old[window.first : window.old_stop], new[window.first : window.new_stop]
    # A plan that comes or goes has words for sure; ten thousand steps need not be asked for them.
    return (len(gone) != len(come)) if not gone or not come else _words(gone) != _words(come)


def _words(steps: Iterable[StepFacts]) -> frozenset[str | None]:
    return frozenset(word for step in steps for word in (step.agent_role, step.step_id))
