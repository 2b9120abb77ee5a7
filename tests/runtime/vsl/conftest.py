from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite", "sqlite-rollback-journal"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValueStateLayer]:
    made: ValueStateLayer
    if request.param == "memory":
        made = MemoryStore()
    else:
        made = SqliteStore(tmp_path / "state.db", journal="wal" if request.param == "sqlite" else "delete")
    yield made
    made.close()
