"""One order and one identity for findings, so that every caller shows the same list."""

from __future__ import annotations

from collections.abc import Iterable

from mplp_runtime.rules.findings import Finding, Pointer


def order_of(finding: Finding) -> tuple[object, ...]:
    """A sort key: by place (list positions as numbers), then stage, code and message."""
    return (_pointer_order(finding.place.pointer), finding.stage, finding.code, finding.message)


def _pointer_order(pointer: Pointer) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in pointer)


def identity_of(finding: Finding) -> tuple[object, ...]:
    """What makes two findings the same one; `data` follows from the rest and is left out."""
    return (finding.code, finding.message, finding.severity, finding.stage, finding.place, finding.related)


def unique(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without repetitions, in the order of their first appearance."""
    return list({identity_of(finding): finding for finding in findings}.values())
