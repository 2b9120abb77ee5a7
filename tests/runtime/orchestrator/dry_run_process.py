"""The process that the tests of dry runs kill: plays the plan of a folder, and says what is on disk."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import StoredEvent
from tests.runtime.orchestrator.projects import Project


def say(events: Sequence[StoredEvent]) -> None:
    for stored in events:
        if stored.event["event_type"] == "SAStepCompleted":
            os.write(1, f"{stored.event['payload']['step_id']}\n".encode())


async def main(root: Path) -> None:
    runtime = Runtime.open(root)
    runtime.bus.follow(say)
    view = await runtime.runs.start(Project.existing(root).request(simulate=True))
    await runtime.runs.wait(view.run_id)
    await runtime.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
