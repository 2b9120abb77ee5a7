"""A process that emits events with a timeline until it is killed; prints what was acknowledged.

Usage: python emitting_process.py FOLDER
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import pipeline_stage
from mplp_runtime.events.sinks import NdjsonSink
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.sqlite import SqliteStore


async def main(folder: Path) -> None:
    store = SqliteStore(folder / "state.db")
    bus = EventBus(store, clock=system_clock, new_id=new_uuid)
    bus.subscribe("*", NdjsonSink(folder / "run.ndjson", store, "run"))
    plan_id = new_uuid()
    numbers = count()

    async def emit() -> None:
        for number in numbers:
            event = pipeline_stage(
                bus.stamper,
                "step_started",
                pipeline_id=plan_id,
                stage_id=f"step {number}",
                status="in_progress",
                payload={"output": "x" * 500},
            )
            lamport = await bus.emit("run", event)
            os.write(1, f"{lamport}\n".encode())

    await asyncio.gather(*[emit() for _ in range(6)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
