"""What is to be said about a document when the others are looked at, and whom a change concerns."""

from __future__ import annotations

from collections.abc import Iterable

from mplp_lsp.analysis.document import Analysis, remembered, spoken_once
from mplp_lsp.workspace.index import Index
from mplp_lsp.workspace.kinds import SETTINGS
from mplp_runtime.rules.check import world_findings
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.settings import settings_findings
from mplp_runtime.rules.world import DocumentFacts


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
        return remembered(
            analysis.document, "cross", (facts, index), lambda: tuple(settings_findings(value, world=index))
        )
    return remembered(analysis.document, "cross", (facts, index), lambda: tuple(world_findings(facts, index)))


def all_findings(
    analysis: Analysis, index: Index | None, max_findings: int
) -> tuple[list[Finding], Finding | None]:
    """Everything the rules say about a document, ordered by place, one voice per fault; syntax is not in it.

    Without `index` what it says by itself only: the others have not been read yet.
    Where there are more than `max_findings`, the gravest are kept and the second value says so.
    """
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


def affected(before: DocumentFacts | None, after: DocumentFacts | None, index: Index) -> list[str]:
    """URIs of the other documents whose findings may change when a document's facts do, nearest kin first.

    `index` is the one after the change. None stands for a document that was not, or is no more, there.
    Empty where the facts are equal: then no other document can notice.
    """
    if before == after:
        return []
    own = {facts.uri for facts in (before, after) if facts is not None}
    found: dict[str, None] = {}
    for facts in _concerned(before, after, index):
        if facts.uri not in own:
            found[facts.uri] = None
    return list(found)


def _concerned(
    before: DocumentFacts | None, after: DocumentFacts | None, index: Index
) -> Iterable[DocumentFacts]:
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
    if "context" in kinds and is_renamed:
        yield from _plans_near(versions, index)
    if SETTINGS in kinds or ("role" in kinds and is_renamed):
        yield from index.documents("plan")
    if "plan" in kinds and _steps(before) is not _steps(after) and _bindings(before) != _bindings(after):
        yield from index.documents(SETTINGS)


def _plans_near(contexts: Iterable[DocumentFacts], index: Index) -> Iterable[DocumentFacts]:
    """Plans beside a context, and those whose context nobody declares: they are told which one is near."""
    folders = {_folder(context) for context in contexts}
    for plan in index.documents("plan"):
        is_lost = any(
            reference.kind == "context" and not index.declarations("context", reference.id)
            for reference in plan.references
        )
        if is_lost or _folder(plan) in folders:
            yield plan


def _folder(facts: DocumentFacts) -> str:
    return facts.uri.rpartition("/")[0]


def _names(facts: DocumentFacts | None) -> object:
    """By what other documents' messages call it."""
    return None if facts is None else (facts.uri, facts.id, facts.title, facts.references)


def _steps(facts: DocumentFacts | None) -> object:
    # The very same tuple in both versions means that no step has changed.
    return None if facts is None else facts.steps


def _bindings(facts: DocumentFacts | None) -> frozenset[str | None]:
    """The words of a plan that mplp.toml may bind: roles and step ids."""
    if facts is None or facts.kind != "plan":
        return frozenset()
    return frozenset(word for step in facts.steps for word in (step.agent_role, step.step_id))
