"""Faults put into the product on purpose: a harness that does not find them finds nothing."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from mplp_runtime.orchestrator import carrying, manager, others, recovery, state
from mplp_runtime.vsl.interface import Reading
from mplp_runtime.vsl.sqlite import SqliteStore

Mutation = Literal["forgets starts", "skips fsync"]


def apply(mutation: Mutation) -> None:
    """Breaks this process's copy of the product."""
    if mutation == "forgets starts":
        _forget_started_steps()
    else:
        _skip_fsync()


def _forget_started_steps() -> None:
    """Steps that were under way look as if they had never begun, so recovery runs them again."""
    load = state.load_state

    def forgetful(reading: Reading, run_id: str) -> state.RunState | None:
        found = load(reading, run_id)
        if found is not None:
            for step_id, attempt in list(found.attempts.items()):
                if attempt["step_status"] == "in_progress":
                    found.attempts[step_id] = attempt | {"step_status": "pending"}
        return found

    for module in (carrying, manager, others, recovery):
        module.load_state = forgetful  # type: ignore[attr-defined]


def _skip_fsync() -> None:
    """The store acknowledges before its log is on disk."""
    connect = SqliteStore._connect

    class Careless(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(
                "PRAGMA synchronous = OFF" if statement.startswith("PRAGMA synchronous") else statement,
                *values,
            )

    def careless(store: SqliteStore, mode: Literal["rwc", "rw"]) -> sqlite3.Connection:
        original = sqlite3.connect

        def opened(*arguments: Any, **options: Any) -> Any:
            return original(*arguments, factory=Careless, **options)

        setattr(sqlite3, "connect", opened)  # noqa: B010
        try:
            return connect(store, mode)
        finally:
            setattr(sqlite3, "connect", original)  # noqa: B010

    setattr(SqliteStore, "_connect", careless)  # noqa: B010
