"""An action for tests, and everything it tells while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from mplp_runtime.ael.action import Action, EventMaker, ProcessIdentity
from mplp_runtime.events.families import Stamper
from mplp_runtime.events.validate import event_errors
from mplp_runtime.sources import new_uuid, system_clock

RUN_ID = str(uuid4())
"""Of this process of the test run alone: processes are found, and ended, by it."""
STEP = {
    "step_id": "11111111-1111-4111-8111-111111111111",
    "description": "Do it",
    "agent_role": "worker",
}
PLAN = {
    "plan_id": "33333333-3333-4333-8333-333333333333",
    "context_id": "44444444-4444-4444-8444-444444444444",
    "title": "Release",
}


class Told:
    """Output, valid events, and processes, in the order they were told."""

    def __init__(self) -> None:
        self.output = ""
        self.events: list[Mapping[str, Any]] = []
        self.processes: list[ProcessIdentity] = []

    def show(self, piece: str) -> None:
        self.output += piece

    async def event(self, make: EventMaker) -> None:
        event = make(Stamper(system_clock, new_uuid))
        assert event_errors(event) == []
        self.events.append(event)

    async def process(self, process: ProcessIdentity) -> None:
        self.processes.append(process)

    def action(self, root: Path, kind: str, settings: Mapping[str, Any], **members: Any) -> Action:
        base = Action(
            kind=kind,
            run_id=RUN_ID,
            plan=PLAN,
            step=STEP,
            attempt=1,
            root=root,
            settings=settings,
            on_output=self.show,
            on_event=self.event,
            on_process=self.process,
        )
        return replace(base, **members)


async def until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    """Waits for a condition by looking."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
