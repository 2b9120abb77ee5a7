"""Advice of the protocol's older, stricter generation: no fault, worth knowing (D13)."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.rules.findings import Finding, Place, Severity, Stage


def element_advice(kind: str, field: str, element: object) -> list[Finding]:
    """What is worth saying about one entry of a top-level list; places inside the entry."""
    if kind != "plan" or field != "steps" or not isinstance(element, Mapping) or "agent_role" in element:
        return []
    return [
        Finding(
            "step-role-missing",
            "This step has no `agent_role`, so nothing says who runs it.",
            Severity.INFORMATION,
            Stage.INVARIANT,
            Place((), "open"),
            data={"missing": "agent_role", "insert_default": ""},
        )
    ]
