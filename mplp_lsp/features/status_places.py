"""Whose life a `status` tells: that of documents, steps and segments, not of decisions or participants."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.lifecycle import TRANSITIONS

_OF_ENTRIES: Mapping[tuple[str, str], str] = {("plan", "steps"): "step", ("trace", "segments"): "segment"}


def lifecycle_of(kind: str, pointer: Pointer) -> str | None:
    """The object whose life the value at `pointer` tells, as `TRANSITIONS` calls it; None for other words."""
    if not pointer or pointer[-1] != "status":
        return None
    if len(pointer) == 1:
        return kind if kind in TRANSITIONS else None
    return _OF_ENTRIES.get((kind, str(pointer[0]))) if len(pointer) == 3 else None
