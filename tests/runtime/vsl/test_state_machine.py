"""Random work on each store beside a plain model: whatever is done, both say the same."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import Edge, Reading, Transaction, ValueStateLayer
from tests.runtime.vsl.stores import WITH_SERVER, WITHOUT_SERVER, make_store

IDS = st.sampled_from("abc")
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.booleans(), max_size=2))
EDGES = st.builds(lambda kind, a, b: Edge(kind, "Step", a, "Step", b), st.sampled_from(["x", "y"]), IDS, IDS)
# Few, or a restore hardly ever meets its snapshot.
SNAPSHOTS = st.just("s")
EVENT = {"event_family": "intent"}


class Undo(Exception):
    """Raised to have the work undone."""


@dataclass
class Model:
    """A store in a few lines: no locks, no undoing (the machine copies it), no limits."""

    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, tuple[Any, int, bool]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)
    snapshots: dict[str, Model] = field(default_factory=dict)

    def write_node(self, id_: str, value: Any, expected: int | None = None) -> int:
        version = self.nodes.get(id_, (None, 0, False))[1]
        if expected not in (None, version):
            raise StoreError
        self.nodes[id_] = value, version + 1, False
        return version + 1

    def create_node(self, id_: str, value: Any) -> int:
        if id_ in self.nodes:
            raise StoreError
        return self.write_node(id_, value)

    def delete_node(self, id_: str) -> bool:
        value, version, is_deleted = self.nodes.get(id_, (None, 0, True))
        if is_deleted:
            return False
        self.nodes[id_] = value, version + 1, True
        self.edges = [edge for edge in self.edges if id_ not in (edge.source_id, edge.target_id)]
        return True

    def add_edge(self, edge: Edge) -> bool:
        if any(self.nodes.get(end, (None, 0, True))[2] for end in (edge.source_id, edge.target_id)):
            raise StoreError
        is_new = edge not in self.edges
        self.edges += [edge] * is_new
        return is_new

    def remove_edge(self, edge: Edge) -> bool:
        is_there = edge in self.edges
        self.edges = [each for each in self.edges if each != edge]
        return is_there

    def append_event(self, stream: str) -> int:
        self.events.append((len(self.events) + 1, stream))
        return len(self.events)

    def create_snapshot(self, id_: str) -> None:
        if id_ in self.snapshots:
            raise StoreError
        self.snapshots[id_] = copy.deepcopy(Model(self.values, self.nodes, self.edges))

    def restore_snapshot(self, id_: str) -> None:
        if id_ not in self.snapshots:
            raise StoreError
        kept = copy.deepcopy(self.snapshots[id_])
        for node, (value, version, is_deleted) in self.nodes.items():
            if node not in kept.nodes:
                self.nodes[node] = value, version + (not is_deleted), True
            elif kept.nodes[node][1] != version:
                self.nodes[node] = kept.nodes[node][0], version + 1, kept.nodes[node][2]
        self.values, self.edges = kept.values, kept.edges

    def delete_snapshot(self, id_: str) -> bool:
        return self.snapshots.pop(id_, None) is not None

    def observable(self) -> object:
        nodes = [(id_, {"value": value}, version, gone) for id_, (value, version, gone) in self.nodes.items()]
        return self.values, nodes, self.edges, self.events, len(self.events), list(self.snapshots)


def observable(reading: Reading) -> object:
    return (
        {key: reading.get(key) for key in reading.keys()},  # noqa: SIM118 - no mapping
        [(node.id, node.data, node.version, node.deleted) for node in reading.nodes("Step", deleted=True)],
        list(reading.edges()),
        [(row.lamport, row.stream) for row in reading.events()],
        reading.lamport(),
        [snapshot.id for snapshot in reading.snapshots()],
    )


class StoreBesideModel(RuleBasedStateMachine):
    """`make` is set for each kind of store."""

    make: Callable[[Path], ValueStateLayer]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = type(self).make(self.folder)
        self.model = Model()
        self.pending: list[tuple[Callable[[Transaction], Any], Callable[[Model], Any]]] = []

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(key=IDS, value=VALUES)
    def set(self, key: str, value: object) -> None:
        self.pending.append((lambda tx: tx.set(key, value), lambda model: model.values.update({key: value})))

    @rule(key=IDS)
    def delete(self, key: str) -> None:
        self.pending.append((lambda tx: tx.delete(key), lambda model: model.values.pop(key, None) and None))

    @rule(id_=IDS, value=VALUES)
    def create(self, id_: str, value: object) -> None:
        self.pending.append(
            (
                lambda tx: tx.create_node("Step", id_, {"value": value}).version,
                lambda model: model.create_node(id_, value),
            )
        )

    @rule(id_=IDS, value=VALUES, expected=st.one_of(st.none(), st.integers(0, 3)))
    def write(self, id_: str, value: object, expected: int | None) -> None:
        self.pending.append(
            (
                lambda tx: tx.write_node("Step", id_, {"value": value}, expected_version=expected).version,
                lambda model: model.write_node(id_, value, expected),
            )
        )

    @rule(id_=IDS)
    def delete_node(self, id_: str) -> None:
        self.pending.append((lambda tx: tx.delete_node("Step", id_), lambda model: model.delete_node(id_)))

    @rule(edge=EDGES)
    def add_edge(self, edge: Edge) -> None:
        self.pending.append((lambda tx: tx.add_edge(edge), lambda model: model.add_edge(edge)))

    @rule(edge=EDGES)
    def remove_edge(self, edge: Edge) -> None:
        self.pending.append((lambda tx: tx.remove_edge(edge), lambda model: model.remove_edge(edge)))

    @rule(stream=IDS)
    def append(self, stream: str) -> None:
        self.pending.append(
            (lambda tx: tx.append_event(stream, EVENT), lambda model: model.append_event(stream))
        )

    @rule(id_=SNAPSHOTS)
    def create_snapshot(self, id_: str) -> None:
        self.pending.append(
            (lambda tx: tx.create_snapshot(id_) and None, lambda model: model.create_snapshot(id_))
        )

    @rule(id_=SNAPSHOTS)
    def restore_snapshot(self, id_: str) -> None:
        self.pending.append((lambda tx: tx.restore_snapshot(id_), lambda model: model.restore_snapshot(id_)))

    @rule(id_=SNAPSHOTS)
    def delete_snapshot(self, id_: str) -> None:
        self.pending.append((lambda tx: tx.delete_snapshot(id_), lambda model: model.delete_snapshot(id_)))

    @rule(ids=st.lists(IDS, max_size=3), gone=IDS, key=IDS, value=VALUES, edge=EDGES)
    def change_and_turn_back(self, ids: list[str], gone: str, key: str, value: object, edge: Edge) -> None:
        """In an order that always works: by chance alone a restore hardly ever meets what it can undo."""
        self.pending.append((lambda tx: tx.delete_snapshot("t"), lambda model: model.delete_snapshot("t")))
        self.pending.append(
            (lambda tx: tx.create_snapshot("t") and None, lambda model: model.create_snapshot("t"))
        )
        for id_ in ids:
            self.write(id_, value, None)
        self.set(key, value)
        self.add_edge(edge)
        self.delete_node(gone)
        self.pending.append((lambda tx: tx.restore_snapshot("t"), lambda model: model.restore_snapshot("t")))

    @rule(
        id_=IDS, value=VALUES, then=st.sampled_from(["write", "delete", "turn back"]), is_undone=st.booleans()
    )
    def change_what_was_asked_for(self, id_: str, value: object, then: str, is_undone: bool) -> None:
        """One commit after the other with looks in between: what a cache keeps of one must not outlast it."""
        self.commit(is_undone=False)
        self.pending.append((lambda tx: tx.delete_snapshot("t"), lambda model: model.delete_snapshot("t")))
        self.pending.append(
            (lambda tx: tx.create_snapshot("t") and None, lambda model: model.create_snapshot("t"))
        )
        self.commit(is_undone=False)
        self.write(id_, value, None)
        self.set(id_, value)
        self.commit(is_undone=False)
        self.what_is_asked_for_one_by_one_is_the_same_too()
        if then == "write":
            self.write(id_, "another", None)
            self.set(id_, "another")
        elif then == "delete":
            self.delete_node(id_)
            self.delete(id_)
        else:
            self.pending.append(
                (lambda tx: tx.restore_snapshot("t"), lambda model: model.restore_snapshot("t"))
            )
        self.commit(is_undone)

    @rule(is_undone=st.sampled_from([False, False, False, True]))
    def commit(self, is_undone: bool) -> None:
        pending, self.pending = self.pending, []
        after = copy.deepcopy(self.model)

        # What one step refuses does not undo the others, or long work would always be undone.
        def work(transaction: Transaction) -> list[object]:
            results = [outcome(lambda step=on_store: step(transaction)) for on_store, _ in pending]
            if is_undone:
                raise Undo
            return results

        def on_model() -> list[object]:
            results = [outcome(lambda step=step: step(after)) for _, step in pending]
            if is_undone:
                raise Undo
            return results

        expected = outcome(on_model)
        assert outcome(lambda: self.store.transact_sync(work)) == expected
        if isinstance(expected, list):
            self.model = after

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.store.read(observable) == self.model.observable()

    @invariant()
    def what_is_asked_for_one_by_one_is_the_same_too(self) -> None:
        """A cache answers these, and nothing else, from memory."""
        for name in "abc":
            assert at_once(self.store.get(name)) == self.model.values.get(name)
            node = at_once(self.store.read_node("Step", name))
            value, version, is_deleted = self.model.nodes.get(name, (None, 0, True))
            expected = None if is_deleted else ({"value": value}, version)
            assert (None if node is None else (node.data, node.version)) == expected


def at_once(asked: Coroutine[Any, Any, Any]) -> Any:
    """The result of what has nothing to wait for, without a loop."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


def outcome(work: Callable[[], object]) -> object:
    try:
        return work()
    except Undo:
        return Undo
    except StoreError:
        return StoreError


@pytest.mark.parametrize("name", [*WITHOUT_SERVER, *WITH_SERVER])
def test_a_store_does_what_the_model_does(name: str, address: Callable[[], str]) -> None:
    class Machine(StoreBesideModel):
        @staticmethod
        def make(folder: Path) -> ValueStateLayer:
            return make_store(name, folder, address)

    examples = 30 if name in {"memory", "sqlite"} else 6
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
