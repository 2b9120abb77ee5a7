"""The process that the crash tests kill: runs the plan of a folder, or goes on with it, until it is over."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.sessions.collabs import SharedProject


async def run(root: Path) -> None:
    runtime = Runtime.open(root)
    view = await runtime.runs.start(SharedProject.existing(root).request())
    await runtime.runs.wait(view.run_id)
    await runtime.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
