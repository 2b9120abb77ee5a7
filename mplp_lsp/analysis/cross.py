"""What is to be said about a document when the others are looked at, and whom a change concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mplp_lsp.analysis.document import Analysis, remembered, spoken_once
from mplp_lsp.workspace.index import Index
from mplp_lsp.workspace.kinds import SETTINGS
from mplp_runtime.rules.check import world_findings
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.graph_changes import Memory, window_between
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.world import DocumentFacts, StepFacts

_KEPT = "all findings"


def cross_findings(analysis: Analysis, index: Index) -> tuple[Finding, ...]:
    """What follows from the document's facts and all others', its own graph included.

    Made again only when a fact of the project has changed.
    """
    facts = analysis.facts
    if facts is None:
        return ()
    if facts.kind == SETTINGS:
        toml = analysis.document.toml
        value = toml.value if toml is not None else None
        if not isinstance(value, dict):
            return ()
        from mplp_runtime.rules.settings import settings_findings

        return remembered(
            analysis.document, "cross", (facts, index), lambda: tuple(settings_findings(value, world=index))
        )
    return remembered(
        analysis.document,
        "cross",
        (facts, index),
        lambda: tuple(world_findings(facts, index, analysis.document.lineage)),
    )


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


def affected(
    before: DocumentFacts | None,
    after: DocumentFacts | None,
    index: Index,
    memory: Memory | None = None,
) -> list[str]:
    """URIs of the other documents whose findings may change when a document's facts do, nearest kin first.

    `index` is the one after the change. None stands for a document that was not, or is no more, there.
    Empty where the facts are equal: then no other document can notice. `memory` is the document's lineage.
    """
    if before == after:
        return []
    own = {facts.uri for facts in (before, after) if facts is not None}
    found: dict[str, None] = {}
    for facts in _concerned(before, after, index, memory):
        if facts.uri not in own:
            found[facts.uri] = None
    return list(found)


def _concerned(
    before: DocumentFacts | None, after: DocumentFacts | None, index: Index, memory: Memory | None
) -> Iterable[DocumentFacts]:
    if before is not None and after is not None and replace(before, steps=after.steps) == after:
        if _binds_differently(before, after, memory):
            # Of a plan's steps only their words matter to others: the ids to its traces, all to mplp.toml.
            yield from (each for each in index.referring(after.id or "") if each.kind == "trace")
            yield from index.documents(SETTINGS)
        return
    versions = [facts for facts in (before, after) if facts is not None]
    for facts in versions:
        if facts.id is not None:
            yield from index.referring(facts.id)
            yield from index.declarations(facts.kind, facts.id)
    is_renamed = _names(before) != _names(after)
    for facts in versions:
        for reference in facts.references:
            if reference.kind is not None:
                yield from index.declarations(reference.kind, reference.id)
            if is_renamed:
                # Who else names that document is told whose it is (a context that belongs to another plan).
                yield from index.referring(reference.id)
    kinds = {facts.kind for facts in versions}
    if is_renamed:
        yield from _looking_for(kinds, versions, index)
    if SETTINGS in kinds:
        yield from index.documents("plan")
    if "plan" in kinds and _binds_differently(before, after, memory):
        yield from index.documents(SETTINGS)


_NAME_ROLES = ("plan", "collab", "network")


def _looking_for(kinds: set[str], versions: list[DocumentFacts], index: Index) -> Iterable[DocumentFacts]:
    """Who is told which document of a kind is near, or whether there is any at all."""
    # A document that nobody declares is missed in other words where others of its kind come or go.
    for other in index.documents():
        if any(
            reference.kind in kinds and not index.declarations(reference.kind or "", reference.id)
            for reference in other.references
        ):
            yield other
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
    return _words(old[window.first : window.old_stop]) != _words(new[window.first : window.new_stop])


def _words(steps: Iterable[StepFacts]) -> frozenset[str | None]:
    return frozenset(word for step in steps for word in (step.agent_role, step.step_id))
