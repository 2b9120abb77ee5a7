"""What is to be said about one document by itself; an edit inside an element costs that element only.

What an element or a block of elements gave is kept with it (`element.cache`, `block.cache`), and what the
header or the facts gave is kept along the document's lineage together with what it was made from. So the
answer is a function of the text alone (D24), and history only saves work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from mplp_lsp.analysis.broken import without_echoes
from mplp_lsp.analysis.located import Located
from mplp_lsp.analysis.timeline import line_findings
from mplp_lsp.text.elements import Element, ElementTable
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.blocks import by_block
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.check import (
    first_voice,
    own_element_findings,
    own_header_findings,
    plan_findings,
)
from mplp_runtime.rules.choice import has_schema, schema_for
from mplp_runtime.rules.faultless import are_faultless
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.rules.world import DocumentFacts

MAX_FINDINGS = 1_000

T = TypeVar("T")
_Found = tuple[tuple[int, tuple[Finding, ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What one version of a document says by itself.

    `parts` are the findings of header and elements, in document order, at most a few more than the cap asks
    for; `total` counts all of them. `syntax` are the problems of the text, located already.
    """

    document: Document
    syntax: tuple[Located, ...]
    parts: tuple[Finding, ...]
    total: int
    facts: DocumentFacts | None

    @property
    def graph(self) -> tuple[Finding, ...]:
        """What follows from the facts alone; made again only when a fact has changed."""
        facts = self.facts
        if facts is None:
            return ()
        return remembered(
            self.document, "graph", (facts,), lambda: tuple(plan_findings(facts, self.document.lineage))
        )

    @property
    def own(self) -> tuple[Finding, ...]:
        """Everything this document says without looking at any other, one voice per fault."""
        spoken = (located.finding for located in self.syntax)
        return (*spoken, *spoken_once(self, (*self.parts, *self.graph)))


def analyse(document: Document, max_findings: int = MAX_FINDINGS) -> Analysis:
    """The analysis of one version; of a foreign document an empty one. Kept with the document."""
    known = document.cache.get("analysis")
    if isinstance(known, tuple) and known[0] == max_findings:
        _, syntax, parts, total = known
    else:
        parts, total = _parts(document, max_findings)
        syntax = tuple(_syntax(document, max_findings))
        # Not the analysis itself: it knows the document, and a circle would keep old texts until the next
        # full garbage collection, which is far off while somebody types.
        document.cache["analysis"] = (max_findings, syntax, parts, total)
    return Analysis(document, syntax, parts, total, document.facts)


def spoken_once(analysis: Analysis, findings: Iterable[Finding]) -> list[Finding]:
    """One voice per fault, without the echoes of broken text."""
    found = list(findings)
    if not found:
        return found
    document = analysis.document
    if analysis.syntax and document.tree is not None:
        found = without_echoes(document.tree, found, analysis.facts)
    elif analysis.syntax and (toml := document.toml) is not None:
        # What a table lacks may stand in the line that could not be read.
        found = [
            finding
            for finding in found
            if finding.place.part != "open" and not toml.is_broken(finding.place.pointer)
        ]
    return first_voice(found)


def remembered(document: Document, name: str, made_from: tuple[object, ...], make: Callable[[], T]) -> T:
    """What `make` gave for the very same objects, here or in an earlier version; else what it gives now."""
    known = document.lineage.get(name)
    if isinstance(known, tuple) and all(old is new for old, new in zip(known[0], made_from, strict=True)):
        value: T = known[1]
        return value
    fresh = make()
    document.lineage[name] = (made_from, fresh)
    return fresh


def _syntax(document: Document, limit: int) -> Iterator[Located]:
    if document.kind is None:
        return
    if document.fault is not None:
        offset, message = document.fault
        finding = Finding("encoding-invalid", message, Severity.ERROR, Stage.SYNTAX, Place())
        yield Located(finding, offset, min(offset + 1, document.text.length))
    problems: Iterable[Problem] = ()
    if document.tree is not None:
        problems = document.tree.problems
    elif document.timeline is not None:
        problems = document.timeline.problems
    elif document.toml is not None:
        problems = document.toml.problems
    for problem in islice(problems, limit):
        finding = Finding(
            problem.code, problem.message, problem.severity, Stage.SYNTAX, Place(), data=problem.data
        )
        yield Located(finding, problem.start, problem.end)


def _parts(document: Document, limit: int) -> tuple[tuple[Finding, ...], int]:
    kind = document.kind
    if kind is None:
        return (), 0
    if document.timeline is not None:
        return line_findings(document.timeline, limit, document.lineage)
    if document.toml is not None:
        # With it comes what reads settings, which most documents never need.
        from mplp_runtime.rules.settings import settings_findings

        value = document.toml.value
        found = tuple(settings_findings(value)) if isinstance(value, dict) else ()
        return found, len(found)
    tree = document.tree
    if tree is None or not has_schema(kind) or is_too_large(tree):
        return (), 0
    return _tree_parts(document, kind, tree, limit)


def is_too_large(tree: Tree) -> bool:
    """Whether the text was not read at all, so that there is no value to judge."""
    return any(problem.code == "document-too-large" for problem in tree.root_problems)


def _tree_parts(document: Document, kind: str, tree: Tree, limit: int) -> tuple[tuple[Finding, ...], int]:
    header = tree.header
    schema_name = schema_for(kind, header)
    counts = {name: table.count for name, table in tree.tables.items()}
    known = document.lineage.get("header")
    if isinstance(known, tuple) and known[0] is header and known[1] == counts:
        top: tuple[Finding, ...] = known[2]
    else:
        top = tuple(own_header_findings(kind, header, counts))
        document.lineage["header"] = (header, counts, top)
    found = list(top)
    total = len(top)
    for name, table in tree.tables.items():
        inside, count = _table_findings(table, kind, name, schema_name, limit, document.lineage)
        found += inside
        total += count
    return tuple(found), total


def _table_findings(
    table: ElementTable, kind: str, name: str, schema_name: str, limit: int, lineage: dict[str, object]
) -> tuple[list[Finding], int]:
    key = f"own {kind} {name} {schema_name}"
    results = by_block(
        lineage, key, table.blocks, lambda block: _block_findings(block, key, kind, name, schema_name)
    )
    found: list[Finding] = []
    total = 0
    for number, inside in enumerate(results):
        if not inside:
            continue
        total += sum(len(findings) for _, findings in inside)
        if len(found) < limit:
            first = table.rows.spans.index_in(number, 0)
            found += _placed(table.blocks[number], key, inside, name, first)
    return found, total


def _block_findings(block: Block[Element], key: str, kind: str, name: str, schema_name: str) -> _Found:
    """Findings of the elements that have any, by position in the block; places inside the element."""
    known = block.cache.get(key)
    if isinstance(known, tuple):
        return known
    unknown = [element for element in block.elements if element.sound_to != key]
    if len(unknown) > 1 and are_faultless(kind, name, schema_name, [element.value for element in unknown]):
        for element in unknown:
            element.sound_to = key
        unknown = []
    found: list[tuple[int, tuple[Finding, ...]]] = []
    if unknown:
        for position, element in enumerate(block.elements):
            if element.sound_to != key and (
                findings := _element_findings(element, key, kind, name, schema_name)
            ):
                found.append((position, findings))
    block.cache[key] = tuple(found)
    return tuple(found)


def _element_findings(
    element: Element, key: str, kind: str, name: str, schema_name: str
) -> tuple[Finding, ...]:
    known = element.cache.get(key)
    if isinstance(known, tuple):
        return known
    findings = tuple(own_element_findings(kind, name, element.value, schema_name))
    element.cache[key] = findings
    return findings


def _placed(block: Block[Element], key: str, inside: _Found, name: str, first: int) -> tuple[Finding, ...]:
    """The same findings with places in the document; kept while the block keeps its place."""
    known = block.cache.get(f"{key} placed")
    if isinstance(known, tuple) and known[0] == first:
        placed: tuple[Finding, ...] = known[1]
        return placed
    placed = tuple(
        finding.below((name, first + position)) for position, findings in inside for finding in findings
    )
    block.cache[f"{key} placed"] = (first, placed)
    return placed
