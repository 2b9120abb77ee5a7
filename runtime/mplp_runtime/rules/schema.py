"""What the frozen schemas ask, said in words for people.

A document can be checked whole, or as its header (each top-level list emptied) and the entries of its
lists one by one: both give the same findings, so that an edit inside one entry costs that entry only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from mplp_runtime.rules import shape
from mplp_runtime.rules.choice import has_schema, schema_for
from mplp_runtime.rules.findings import Finding, Place, Pointer, Severity, Stage
from mplp_runtime.rules.order import order_of, unique
from mplp_runtime.rules.sentences import Speaker
from mplp_runtime.rules.validators import Fault, validator_for

__all__ = ["element_findings", "has_schema", "header_findings", "schema_findings", "schema_for"]

COMMENT = "$comment"

# Of several keywords that fail at one value the first here explains the fault; the others follow from it.
_KEYWORD_ORDER = ("type", "anyOf", "const", "enum", "minLength", "minItems", "pattern", "format")


def schema_findings(kind: str, value: object) -> list[Finding]:
    """What the schema of `kind` has against `value`, ordered by place; [] where it is sound.

    A top-level `$comment` is one information finding and otherwise ignored (D12).
    """
    if not has_schema(kind):
        return []
    name = schema_for(kind, value)
    comments, plain = _without_comment(value)
    return comments + _spoken(name, (), None, plain, validator_for(shape.root(name).base)(plain))


def header_findings(kind: str, header: object, counts: Mapping[str, int]) -> list[Finding]:
    """The part of `schema_findings` that does not look into the entries of top-level lists.

    `header` is the document with each top-level list replaced by `[]`; `counts` has the length of each.
    """
    if not has_schema(kind):
        return []
    name = schema_for(kind, header)
    comments, plain = _without_comment(header)
    faults = [
        fault
        for fault in validator_for(shape.root(name).base)(plain)
        if not _is_repaired_by_count(fault, counts)
    ]
    return comments + _spoken(name, (), None, plain, faults)


def element_findings(kind: str, field: str, element: object, schema: str | None = None) -> list[Finding]:
    """What the schema has against one entry of the top-level list `field`; places are inside the entry.

    For the kinds `event` and `sample` the schema depends on the document: give `schema_for(kind, header)`.
    """
    if schema is None:
        if not has_schema(kind):
            return []
        schema = schema_for(kind, None)
    references = entry_references(schema, field)
    faults = [fault for reference in references for fault in validator_for(reference)(element)]
    return _spoken(schema, (field, shape.ANY_INDEX), field, element, faults) if faults else []


def entry_references(schema: str, field: str) -> tuple[str, ...]:
    """What each entry of the top-level list `field` must satisfy, as references (`$id#/…`)."""
    return _references(schema).get(field, ())


@cache
def _references(schema: str) -> Mapping[str, tuple[str, ...]]:
    return shape.item_references(schema)


def _without_comment(value: object) -> tuple[list[Finding], object]:
    if not isinstance(value, Mapping) or COMMENT not in value:
        return [], value
    finding = Finding(
        "comment-ignored",
        "`$comment` is not part of the protocol. It stays in the file and is ignored.",
        Severity.INFORMATION,
        Stage.SCHEMA,
        Place((COMMENT,), "key"),
        unnecessary=True,
    )
    return [finding], {key: item for key, item in value.items() if key != COMMENT}


def _is_repaired_by_count(fault: Fault, counts: Mapping[str, int]) -> bool:
    if fault.keyword != "minItems" or len(fault.pointer) != 1 or not isinstance(fault.parameter, int):
        return False
    return counts.get(str(fault.pointer[0]), 0) >= fault.parameter


def _spoken(
    name: str, prefix: Pointer, table: str | None, value: object, faults: Iterable[Fault]
) -> list[Finding]:
    """Findings for `faults` of `value`, which stands at `prefix` in a document of schema `name`."""
    speaker = Speaker(name, prefix, table, value)
    findings = unique(finding for fault in _first_keywords(faults) for finding in speaker.findings(fault))
    return sorted(findings, key=order_of)


def _first_keywords(faults: Iterable[Fault]) -> list[Fault]:
    kept: list[Fault] = []
    first: dict[Pointer, int] = {}
    for fault in faults:
        if fault.keyword in _KEYWORD_ORDER:
            rank = _KEYWORD_ORDER.index(fault.keyword)
            first[fault.pointer] = min(rank, first.get(fault.pointer, rank))
        kept.append(fault)
    return [
        fault
        for fault in kept
        if fault.keyword not in _KEYWORD_ORDER or _KEYWORD_ORDER.index(fault.keyword) == first[fault.pointer]
    ]
