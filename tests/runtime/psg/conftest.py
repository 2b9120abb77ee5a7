from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValueStateLayer]:
    made: ValueStateLayer = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "state.db")
    yield made
    made.close()
