"""Documents at the last save that the graph knows: what edits are measured against (D22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from mplp_runtime.rules.world import Baseline
from mplp_runtime.vsl.interface import Json, Transaction, ValueStateLayer


def record_baseline(transaction: Transaction, kind: str, document_id: str, kept: Baseline) -> None:
    """Keeps what of a saved document later edits are measured against."""
    if not _can_be_kept(document_id):
        return
    value: dict[str, Json] = {
        "status": kept.status,
        "steps": dict(kept.steps),
        "segments": dict(kept.segments),
        "sealed": dict(kept.sealed),
    }
    if transaction.get(_key(kind, document_id)) != value:
        transaction.set(_key(kind, document_id), value)


def baseline(store: ValueStateLayer, kind: str, document_id: str) -> Baseline | None:
    """What is kept of a document; None if no save of it is known.

    Nor where something else stands there, which the next save replaces.
    """
    if not _can_be_kept(document_id):
        return None
    kept = store.read(lambda reading: reading.get(_key(kind, document_id)))
    if not isinstance(kept, Mapping):
        return None
    status, steps = kept.get("status"), kept.get("steps", ())
    # States written before there were segments have only the first two.
    segments, sealed = kept.get("segments", {}), kept.get("sealed", {})
    is_sound = (
        (status is None or isinstance(status, str))
        and _holds(steps, str)
        and _holds(segments, str)
        and _holds(sealed, int)
    )
    return Baseline(status, steps, segments, sealed) if is_sound else None


def _holds(value: Json, kind: type) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and all(isinstance(each, kind) for each in value.values())


def _can_be_kept(document_id: str) -> bool:
    # A document is as it was typed: its id may hold half of a surrogate pair, which no store takes as a key.
    return document_id.encode("utf-8", "ignore").decode() == document_id


def _key(kind: str, document_id: str) -> str:
    return f"baseline/{kind}/{document_id}"
