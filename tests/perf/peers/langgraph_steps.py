"""The same plan as a LangGraph graph with its SQLite checkpointer. Run by the peers' own Python.

`python langgraph_steps.py 1000 50` prints JSON. Each layer of the plan is one super-step, after which the
checkpointer writes; a node adds its own name to the state, and does nothing else.
"""

from __future__ import annotations

import json
import operator
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    done: Annotated[list[str], operator.add]


def main(count: int, width: int) -> None:
    builder = StateGraph(State)

    def node(name: str) -> Any:
        return lambda _state: {"done": [name]}

    for index in range(count):
        builder.add_node(f"s{index}", node(f"s{index}"))
    for index in range(count):
        layer, place = divmod(index, width)
        if not layer:
            builder.add_edge(START, f"s{index}")
            continue
        above = (layer - 1) * width
        for other in sorted({above + place, above + (place + 1) % width}):
            builder.add_edge(f"s{other}", f"s{index}")
    builder.add_edge(f"s{count - 1}", END)
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "state.db", check_same_thread=False)
        saver = SqliteSaver(connection)
        saver.setup()
        # As durable as what it is compared with.
        connection.execute("PRAGMA synchronous = FULL")
        graph = builder.compile(checkpointer=saver)
        wall, cpu = time.perf_counter(), time.process_time()
        config: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": count + 10}
        result = graph.invoke({"done": []}, config, durability="sync")
        figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        connection.close()
    if len(set(result["done"])) != count:
        raise SystemExit(f"{len(set(result['done']))} of {count} steps were done")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**figures, "peak_mib": peak_mib, "steps": count, "width": width}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
