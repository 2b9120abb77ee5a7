"""What a program does while a run goes on: look at each change, answer what is asked, read the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from mplp_runtime.errors import RunUnknown
from mplp_runtime.orchestrator.live import shown_record, shown_trace
from mplp_runtime.orchestrator.manager import RunManager
from mplp_runtime.orchestrator.state import load_state
from mplp_runtime.orchestrator.views import Answer, Question, RunView
from mplp_runtime.sources import Clock
from mplp_runtime.vsl.interface import ValueStateLayer

Answerer = Callable[[Question], Answer | Awaitable[Answer | None] | None]
"""Answers a question, at once or later; None leaves it to somebody else, such as a person in an editor."""


async def changes(runs: RunManager, run_id: str) -> AsyncIterator[RunView]:
    """The run as it stands, then after each change, then as it ended (or was interrupted).

    Changes that come faster than they are looked at are one. Raises RunUnknown.
    """
    changed = asyncio.Event()

    def look(view: RunView) -> None:
        if view.run_id == run_id:
            changed.set()

    unsubscribe = runs.subscribe(look)
    try:
        shown: RunView | None = None
        while True:
            changed.clear()
            view = runs.view(run_id)
            if not view.is_live:
                # Its trace may still be on the way to disk.
                view = await runs.wait(run_id)
            if view != shown:
                yield view
            if not view.is_live:
                return
            shown = view
            await changed.wait()
    finally:
        unsubscribe()


async def answered(runs: RunManager, run_id: str, answer: Answerer) -> RunView:
    """Waits for the end of a run and has `answer` answer its questions, one after the other.

    What `answer` raises is raised; the run goes on then, and waits. Raises RunUnknown.
    """
    asking = asyncio.ensure_future(_ask(runs, run_id, answer))
    ending = asyncio.ensure_future(runs.wait(run_id))
    try:
        await asyncio.wait({asking, ending}, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            asking.result()
        return await ending
    finally:
        for task in (asking, ending):
            task.cancel()
        await asyncio.gather(asking, ending, return_exceptions=True)


async def _ask(runs: RunManager, run_id: str, answer: Answerer) -> None:
    seen: set[object] = set()
    async for view in changes(runs, run_id):
        for question in view.questions:
            # The same words at a later attempt are another question.
            mark = (question.step_id, view.question_at(question.step_id))
            if mark in seen or runs.view(run_id).question_at(question.step_id) != mark[1]:
                continue
            seen.add(mark)
            given = answer(question)
            said = await given if isinstance(given, Awaitable) else given
            # Meanwhile somebody else may have answered.
            if said is not None and runs.view(run_id).question_at(question.step_id) == mark[1]:
                await runs.answer(
                    run_id,
                    question.step_id,
                    success=said.success,
                    output=said.output,
                    repeat=said.repeat,
                )


def record_of(
    store: ValueStateLayer, clock: Clock, runs: RunManager, run_id: str
) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """A run's Trace document and the events of its timeline, from the state. Raises RunUnknown.

    With the text that steps under way have put out, if the run is carried here.
    """
    state = store.read(lambda reading: load_state(reading, run_id))
    if state is None:
        raise RunUnknown(f"No run {run_id} is known in this project.")
    text, events = shown_record(state, store, clock, runs.live_output(run_id))
    return json.loads(text), events


def trace_of(store: ValueStateLayer, clock: Clock, runs: RunManager, run_id: str) -> dict[str, Any] | None:
    """The Trace document alone; None where no such run is known."""
    state = store.read(lambda reading: load_state(reading, run_id))
    if state is None:
        return None
    document: dict[str, Any] = json.loads(shown_trace(state, store, clock, runs.live_output(run_id)))
    return document
