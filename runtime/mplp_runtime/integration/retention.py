"""How much the graph remembers of the world outside: the newest commits, CI runs and calls of tools.

What goes leaves a tombstone, as everything that is deleted from the graph. The newest of each pipeline, tool
and branch stays whatever its age, because gates ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.psg.graph import Graph
from mplp_runtime.vsl.interface import Json, Node, Transaction

MOST_NODES = 1_000
"""Nodes of one type that are kept."""
_AT_ONCE = 100
_COUNTS = "integration/nodes/"
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "CiRun": ("ci_provider", "pipeline_id"),
    "ToolInvocation": ("tool_id",),
    "Commit": ("repo_url", "ref_name"),
}


def note_new_node(graph: Graph, transaction: Transaction, type_: str, stream: str) -> None:
    """A node of this type was made; once a hundred are too many, the oldest go."""
    key = f"{_COUNTS}{type_}"
    count = transaction.get(key)
    count = len(transaction.nodes(type_)) if count is None else count + 1
    if count >= MOST_NODES + _AT_ONCE:
        nodes = sorted(transaction.nodes(type_), key=_age)
        last = {_group(type_, node): node.id for node in nodes}
        count = len(nodes)
        for node in nodes:
            if count <= MOST_NODES:
                break
            if last[_group(type_, node)] != node.id:
                graph.delete(transaction, type_, node.id, stream=stream, source_module="integration")
                count -= 1
    transaction.set(key, count)


def _age(node: Node) -> int:
    lamport: Json = node.data.get("lamport", 0)
    return lamport if isinstance(lamport, int) else 0


def _group(type_: str, node: Node) -> tuple[Json, ...]:
    return tuple(node.data.get(member) for member in _GROUPS[type_])
