"""What the graph knows of the world outside: commits, CI runs, calls of tools (seed 2, 4.2 to 4.4).

Their nodes stand beside the file nodes; the frozen protocol has no object for them, so they are local to this
runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mplp_runtime.integration.coalescing import FINAL
from mplp_runtime.integration.retention import note_new_node
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.mentions import commit_edges
from mplp_runtime.vsl.interface import Json, Reading, Transaction

COMMIT = "Commit"
CI_RUN = "CiRun"
TOOL_CALL = "ToolInvocation"

_WORDS = {COMMIT: "commit", CI_RUN: "ci_run", TOOL_CALL: "tool_invocation"}


@dataclass(frozen=True, slots=True)
class Failure:
    """Something outside that failed last. `name` says what in a few words; `lamport` when we heard of it."""

    name: str
    lamport: int
    url: str | None = None


def learn(
    graph: Graph, transaction: Transaction, envelope: Mapping[str, Json], lamport: int, stream: str
) -> None:
    """Brings the node that the event is about up to date; a graph_update is recorded where that changed it.

    News may come in any order: what has ended does not run again.
    """
    type_, id_ = node_of(envelope)
    before = transaction.read_node(type_, id_)
    known = dict(before.data) if before is not None else {}
    news = {**envelope["payload"], "source": envelope["source"]}
    is_late = known.get("status") in FINAL and news.get("status") not in FINAL
    data = {**news, **known} if is_late else {**known, **news, "lamport": lamport}
    word = f"{_WORDS[type_]}_{'created' if before is None else 'updated'}"
    edges = commit_edges(transaction, (type_, id_), data.get("commit_message")) if type_ == COMMIT else ()
    graph.put(
        transaction,
        type_,
        id_,
        data,
        edges=edges,
        stream=stream,
        source_module="integration",
        event_type=word,
    )
    if before is None:
        note_new_node(graph, transaction, type_, stream)


def node_of(envelope: Mapping[str, Json]) -> tuple[str, str]:
    """Type and id of the node that a git, CI or tool event is about."""
    kind, payload = envelope["event_type"], envelope["payload"]
    if kind == "git_operation":
        # A tag or a push says something else about the same commit.
        return COMMIT, f"{payload['commit_id']}/{payload['event_kind']}/{payload['ref_name']}"
    if kind == "ci_pipeline":
        return CI_RUN, f"{payload['ci_provider']}/{payload['pipeline_id']}/{payload['run_id']}"
    return TOOL_CALL, str(payload["invocation_id"])


def failing_pipelines(reading: Reading) -> list[Failure]:
    """CI pipelines whose newest finished run failed."""
    newest = _newest(reading, CI_RUN, ("ci_provider", "pipeline_id"))
    return [
        Failure(
            f"{data['pipeline_id']} of {data['ci_provider']} (run {data['run_id']})",
            data["lamport"],
            data.get("run_url"),
        )
        for data in newest
        if data["status"] == "failed"
    ]


def failing_tools(reading: Reading, tool_ids: Iterable[str]) -> list[Failure]:
    """Those of the named tools whose newest finished call failed."""
    wanted = frozenset(tool_ids)
    newest = _newest(reading, TOOL_CALL, ("tool_id",)) if wanted else []
    return [
        Failure(str(data["tool_id"]), data["lamport"])
        for data in newest
        if data["tool_id"] in wanted and data["status"] == "failed"
    ]


def _newest(reading: Reading, type_: str, group: tuple[str, ...]) -> list[dict[str, Json]]:
    found: dict[tuple[Json, ...], dict[str, Json]] = {}
    for node in reading.nodes(type_):
        data = dict(node.data)
        if data.get("status") not in FINAL:
            continue
        name = tuple(data.get(member) for member in group)
        if name not in found or found[name]["lamport"] < data["lamport"]:
            found[name] = data
    return list(found.values())
