"""The graph does not grow for ever by what happens outside."""

from __future__ import annotations

import pytest

from mplp_runtime.events.bus import EventBus
from mplp_runtime.integration import retention
from mplp_runtime.integration.knowledge import TOOL_CALL, failing_tools, learn
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.memory import MemoryStore


def test_old_calls_of_tools_go_and_the_newest_of_each_tool_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_NODES", 20)
    monkeypatch.setattr(retention, "_AT_ONCE", 5)
    store = MemoryStore()
    bus = EventBus(store, clock=system_clock, new_id=new_uuid)
    graph = Graph(store, bus, clock=system_clock, new_id=new_uuid)

    def called(number: int, tool: str, status: str) -> None:
        payload = {"invocation_id": f"call-{number}", "tool_id": tool, "status": status}
        event = {"event_type": "tool_event", "source": "test", "payload": payload}

        def work(transaction: Transaction) -> None:
            learn(graph, transaction, event, number, "project")

        store.transact_sync(work)

    called(0, "linter", "failed")
    for number in range(1, 60):
        called(number, "formatter", "succeeded")
    nodes = store.read(lambda reading: list(reading.nodes(TOOL_CALL)))
    assert 20 <= len(nodes) <= 25
    ids = {node.id for node in nodes}
    assert {"call-0", "call-59"} <= ids
    assert "call-1" not in ids
    assert [each.name for each in store.read(lambda reading: failing_tools(reading, ["linter"]))] == [
        "linter"
    ]
