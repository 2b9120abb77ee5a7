"""Small fixed things that tests of the runtime's lower half share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Stamper
from mplp_runtime.psg.graph import Graph
from mplp_runtime.vsl.interface import ValueStateLayer

START = datetime(2025, 12, 6, 12, 0, tzinfo=UTC)


def uuid(number: int) -> str:
    """A fixed UUID of version 4 that ends in `number`."""
    return f"00000000-0000-4000-8000-{number:012d}"


def counting_ids(first: int = 1) -> Callable[[], str]:
    """Ids in order, from `first` on."""
    numbers = iter(range(first, 1_000_000))
    return lambda: uuid(next(numbers))


def ticking_clock() -> Callable[[], datetime]:
    """A clock that is a second later each time it is asked."""
    ticks = iter(range(1_000_000))
    return lambda: START + timedelta(seconds=next(ticks))


def stamper() -> Stamper:
    """Fixed ids and times."""
    return Stamper(ticking_clock(), counting_ids())


def bus_of(store: ValueStateLayer) -> EventBus:
    """A bus with fixed ids and times."""
    return EventBus(store, clock=ticking_clock(), new_id=counting_ids())


def graph_of(store: ValueStateLayer, bus: EventBus | None = None) -> Graph:
    """A graph with fixed ids and times."""
    return Graph(store, bus or bus_of(store), clock=ticking_clock(), new_id=counting_ids(500_000))


def plan_of(*edges: tuple[int, tuple[int, ...]], **members: Any) -> dict[str, Any]:
    """A valid plan; each pair is a step's number and the numbers of the steps it depends on."""
    return {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "plan_id": uuid(900),
        "context_id": uuid(901),
        "title": "A plan",
        "objective": "To be tested",
        "status": "approved",
        "steps": [
            {
                "step_id": uuid(number),
                "description": f"Step {number}",
                "status": "pending",
                "dependencies": [uuid(dependency) for dependency in dependencies],
            }
            for number, dependencies in edges
        ],
        **members,
    }


def run_record(run_id: str, **members: Any) -> dict[str, Any]:
    """The record of a run with all that every run leaves there."""
    return {
        "run_id": run_id,
        "plan_id": "p",
        "context_id": "c",
        "plan_path": "a.plan.json",
        "title": "Ship it",
        "status": "completed",
        "trace_id": f"trace-of-{run_id}",
        "span_id": "s",
        "simulated": False,
        "unsaved": False,
        "started_at": "2026-01-01T08:00:00.000Z",
        "owner_key": "run_owner/p",
        "generation": 1,
        **members,
    }
