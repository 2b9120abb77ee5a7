"""The same plan as a DBOS workflow on SQLite. Run by the peers' own Python.

`python dbos_steps.py 1000 50` prints JSON. Each step is a durable DBOS step that does nothing; the steps of a
layer run at the same time.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from dbos import DBOS, DBOSConfig


@DBOS.step()
async def one(number: int) -> int:
    return number


@DBOS.workflow()
async def plan(count: int, width: int) -> int:
    done = 0
    for first in range(0, count, width):
        done += len(
            await asyncio.gather(*(one(number) for number in range(first, min(first + width, count))))
        )
    return done


async def measured(count: int, width: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = await plan(count, width)
    figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    if done != count:
        raise SystemExit(f"{done} of {count} steps were done")
    return figures


def main(count: int, width: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config: DBOSConfig = {
            "name": "benchmark",
            "system_database_url": f"sqlite:///{Path(folder) / 'state.db'}",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        DBOS.launch()
        figures = asyncio.run(measured(count, width))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**figures, "peak_mib": peak_mib, "steps": count, "width": width}), flush=True)
        DBOS.destroy()
        # Its threads would keep the process for a while.
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
