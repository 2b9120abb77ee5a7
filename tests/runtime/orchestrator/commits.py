"""The commits of a run, one by one: to count them, or to have one of them fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mplp_runtime.vsl import group_commit


@contextmanager
def commits_through(attempt: Callable[[int], None]) -> Iterator[None]:
    """Asks `attempt` before each commit to a state on disk, with its number; what it raises SQLite says."""
    execute, count = group_commit.execute_patiently, 0

    def asked(connection: sqlite3.Connection, statement: str, *how: Any) -> None:
        nonlocal count
        if statement == "COMMIT":
            count += 1
            attempt(count)
        execute(connection, statement, *how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_commit, "execute_patiently", asked)
        yield


def full_at(place: int) -> Callable[[int], None]:
    """For `commits_through`: the disk is full at one commit."""

    def attempt(number: int) -> None:
        if number == place:
            raise sqlite3.OperationalError("database or disk is full")

    return attempt
