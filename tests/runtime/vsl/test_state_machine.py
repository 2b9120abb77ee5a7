"""Random work on both back ends at once: whatever is done, they say the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import Edge, Transaction
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore

IDS = st.sampled_from("abc")
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.booleans(), max_size=2))
EDGES = st.builds(lambda kind, a, b: Edge(kind, "Step", a, "Step", b), st.sampled_from(["x", "y"]), IDS, IDS)


class Undo(Exception):
    """Raised to have the work undone."""


def observable(store: MemoryStore | SqliteStore) -> object:
    return store.read(
        lambda reading: (
            {key: reading.get(key) for key in reading.keys()},  # noqa: SIM118 - no mapping
            reading.nodes("Step", deleted=True),
            reading.edges(),
            reading.events(),
            reading.lamport(),
        )
    )


class BothStores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryStore()
        self.sqlite = SqliteStore(self.folder / "state.db")
        self.pending: list[Callable[[Transaction], Any]] = []

    def teardown(self) -> None:
        self.memory.close()
        self.sqlite.close()
        shutil.rmtree(self.folder)

    @rule(key=IDS, value=VALUES)
    def set(self, key: str, value: object) -> None:
        self.pending.append(lambda tx: tx.set(key, value))

    @rule(key=IDS)
    def delete(self, key: str) -> None:
        self.pending.append(lambda tx: tx.delete(key))

    @rule(id_=IDS, value=VALUES)
    def create(self, id_: str, value: object) -> None:
        self.pending.append(lambda tx: tx.create_node("Step", id_, {"value": value}))

    @rule(id_=IDS, value=VALUES, expected=st.one_of(st.none(), st.integers(0, 3)))
    def write(self, id_: str, value: object, expected: int | None) -> None:
        self.pending.append(
            lambda tx: tx.write_node("Step", id_, {"value": value}, expected_version=expected)
        )

    @rule(id_=IDS)
    def delete_node(self, id_: str) -> None:
        self.pending.append(lambda tx: tx.delete_node("Step", id_))

    @rule(edge=EDGES)
    def add_edge(self, edge: Edge) -> None:
        self.pending.append(lambda tx: tx.add_edge(edge))

    @rule(edge=EDGES)
    def remove_edge(self, edge: Edge) -> None:
        self.pending.append(lambda tx: tx.remove_edge(edge))

    @rule(stream=IDS)
    def append(self, stream: str) -> None:
        self.pending.append(lambda tx: tx.append_event(stream, {"event_family": "intent"}))

    @rule(is_undone=st.booleans())
    def commit(self, is_undone: bool) -> None:
        pending, self.pending = self.pending, []

        def work(transaction: Transaction) -> list[object]:
            results = [step(transaction) for step in pending]
            if is_undone:
                raise Undo
            return results

        def outcome(store: MemoryStore | SqliteStore) -> object:
            try:
                return store.transact_sync(work)
            except (Undo, StoreError) as error:
                return type(error), str(error)

        assert outcome(self.memory) == outcome(self.sqlite)

    @invariant()
    def both_say_the_same(self) -> None:
        assert observable(self.memory) == observable(self.sqlite)


BothStores.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBothStores = BothStores.TestCase
