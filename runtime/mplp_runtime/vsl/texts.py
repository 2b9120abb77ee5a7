# ruff: noqa: A001, A002 - `type` and `id` are the words of the protocol
"""Writing many events, nodes and edges at once: a run has eight events and three writes a step.

A store that keeps texts as they stand takes them with one statement; every other one, and every
decorator, gets the values one by one, which comes to the same and costs what reading the texts costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard

from mplp_runtime.vsl.interface import Edge, Node, Transaction
from mplp_runtime.vsl.values import decoded, unstamped

TextRow = tuple[str, str, str, bool]
"""Type and id of a node, its data as `values.encoded` would write it (compact JSON in ASCII), and whether it
may replace one that is there."""


EdgeRow = tuple[str, str, str, str, str]
"""The members of an Edge in their order."""


class TakesTexts(Protocol):
    """A transaction that keeps texts as they are; it says so with `TAKES_TEXTS`."""

    TAKES_TEXTS: bool

    def append_texts(self, stream: str, texts: Sequence[str]) -> None: ...
    def put_texts(self, rows: Sequence[TextRow]) -> None: ...
    def add_edges(self, rows: Sequence[EdgeRow]) -> int: ...
    def nodes_by_id(self, type: str, ids: Sequence[str]) -> Mapping[str, Node]: ...
    def edges_from(self, type: str, ids: Sequence[str]) -> Sequence[Edge]: ...


def takes_texts(transaction: Transaction) -> TypeGuard[TakesTexts]:
    """Whether a store keeps texts; by a mark, because looking for methods costs more than calling them."""
    return getattr(transaction, "TAKES_TEXTS", False)


def append_texts(transaction: Transaction, stream: str, texts: Sequence[str]) -> None:
    """Stores complete events, which carry the Lamport times that follow `transaction.lamport()` in order."""
    if takes_texts(transaction):
        transaction.append_texts(stream, texts)
        return
    for text in texts:
        transaction.append_event(stream, unstamped(decoded(text)))


def put_texts(transaction: Transaction, rows: Sequence[TextRow]) -> None:
    """Creates or replaces nodes. Raises NodeExists where one that is said to be new is there already."""
    if not rows:
        return
    if takes_texts(transaction):
        transaction.put_texts(rows)
        return
    for type, id, text, may_replace in rows:
        write = transaction.write_node if may_replace else transaction.create_node
        write(type, id, decoded(text))


def add_edges(transaction: Transaction, rows: Sequence[EdgeRow]) -> int:
    """Adds edges in their order; returns how many were not there."""
    if takes_texts(transaction):
        return transaction.add_edges(rows)
    return sum(transaction.add_edge(Edge(*row)) for row in rows)


def nodes_by_id(transaction: Transaction, type: str, ids: Sequence[str]) -> Mapping[str, Node]:
    """Those of the nodes that are there, by their ids."""
    if takes_texts(transaction):
        return transaction.nodes_by_id(type, ids)
    found = {id: transaction.read_node(type, id) for id in ids}
    return {id: node for id, node in found.items() if node is not None}


def edges_from(transaction: Transaction, type: str, ids: Sequence[str]) -> Sequence[Edge]:
    """What leaves from these nodes; the edges of one node are in the order they were added."""
    if takes_texts(transaction):
        return transaction.edges_from(type, ids)
    return [edge for id in ids for edge in transaction.edges(source=(type, id))]
