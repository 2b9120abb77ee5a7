"""`mplp-lsp event`: integration events from a file or from standard input, for git hooks and CI jobs.

One JSON object, a list of them, or one on each line; lines are taken in as they come, so that an adapter may
keep the pipe open.
"""

from __future__ import annotations

import asyncio
import io
import json
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import complain
from mplp_lsp.cli.opening import opened
from mplp_lsp.cli.style import write
from mplp_lsp.cli.trust import refuse_address
from mplp_runtime.errors import MplpError, StoreError

if TYPE_CHECKING:
    from mplp_runtime.integration.intake import Intake
    from mplp_runtime.runtime import Runtime

_MOST_READ_AHEAD = 1_000

Numbered = tuple[int, str]
"""The number of the line or of the list's entry, from 1, and one event as JSON."""


def event_command(
    path: str, *, source: str, root: str, stream: TextIO | None = None, out: TextIO | None = None
) -> int:
    """Takes the events in and says how many; 1 if some were rejected.

    `path` is a file, or `-` for standard input. Raises MplpError where the state cannot be used.
    """
    from mplp_lsp.workspace.projects import root_of

    project = root_of(Path(root).absolute())
    refuse_address(project)
    with _opened(path, stream) as text:
        try:
            return asyncio.run(_take_in(project, text, source, out or sys.stdout))
        except asyncio.CancelledError as problem:
            raise KeyboardInterrupt from problem


async def _take_in(project: Path, text: TextIO, source: str, out: TextIO) -> int:
    runtime = opened(project)
    _end_at_control_c()
    waiting: queue.Queue[Numbered | None] = queue.Queue(_MOST_READ_AHEAD)
    try:
        _keep_state(runtime)
        # A thread of its own: reading a pipe blocks, and cannot be called off.
        threading.Thread(target=_read, args=(text, waiting), daemon=True).start()
        while batch := await asyncio.to_thread(_batch, waiting):
            for number, event in batch:
                _offer(runtime.intake, number, event, source)
            await runtime.intake.settle()
        counts = runtime.intake.counts
    finally:
        # Ctrl-C: nobody waits any more for a pipe that may stay open.
        with suppress(queue.Full):
            waiting.put_nowait(None)
        await runtime.close()
    told = [f"{counts.taken_in + counts.joined} taken in"]
    told += [f"{counts.known} known already"] if counts.known else []
    told += [f"{counts.rejected} rejected"] if counts.rejected else []
    write(out, f"Events: {', '.join(told)}.\n")
    return 1 if counts.rejected else 0


def _end_at_control_c() -> None:
    """A handler of the loop wakes it whichever thread gets the signal; Windows has none, and its own way."""
    task = asyncio.current_task()
    if task is not None:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)


def _keep_state(runtime: Runtime) -> None:
    if not runtime.persist():
        raise StoreError(f"{runtime.root} cannot be written to, so the events would be lost.")


def _offer(intake: Intake, number: int, event: str, source: str) -> None:
    receipt = intake.offer_text(event, source=source)
    if receipt.error is not None:
        complain(f"event {number}: {receipt.error}")
    for note in receipt.notes:
        complain(f"event {number}: note: {note}")


def _batch(waiting: queue.Queue[Numbered | None]) -> list[Numbered]:
    """What is there, as much as may wait at once; waits for the first. Empty at the end."""
    first = waiting.get()
    found: list[Numbered] = []
    while first is not None:
        found.append(first)
        if len(found) == _MOST_READ_AHEAD:
            return found
        try:
            first = waiting.get_nowait()
        except queue.Empty:
            return found
    if found:
        waiting.put(None)
    return found


def _read(text: TextIO, waiting: queue.Queue[Numbered | None]) -> None:
    try:
        for numbered in events_of(text):
            waiting.put(numbered)
    except (OSError, ValueError):
        # The reader was closed: what came before is taken in.
        pass
    finally:
        waiting.put(None)


def events_of(text: TextIO) -> Iterator[Numbered]:
    """The events in `text` with their numbers, each as JSON; what is no event is left to the intake.

    >>> import io
    >>> list(events_of(io.StringIO('[{"a": 1}, {"a": 2}]')))
    [(1, '{"a": 1}'), (2, '{"a": 2}')]
    """
    is_first = True
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        if is_first and line.lstrip().startswith(("{", "[")) and not _is_whole(line):
            yield from _document(number, line + text.read())
            return
        is_first = False
        yield number, line.strip()


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _document(number: int, text: str) -> Iterator[Numbered]:
    """One document over several lines, or lines of which the first is broken."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        lines = [(number + later, line) for later, line in enumerate(text.splitlines()) if line.strip()]
        yield from lines if any(_is_whole(line) for _, line in lines) else [(number, text)]
        return
    if not isinstance(value, list):
        yield number, text
        return
    for position, entry in enumerate(value, start=1):
        yield position, json.dumps(entry, ensure_ascii=True)


@contextmanager
def _opened(path: str, stream: TextIO | None) -> Iterator[TextIO]:
    """The events' text. A byte that is no UTF-8 becomes half of a surrogate pair; the intake refuses that."""
    if stream is not None:
        yield stream
        return
    if path == "-":
        # Not `sys.stdin`, and not closed: closing waits for the thread that reads, which waits for the pipe.
        standard_input = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
        yield io.TextIOWrapper(standard_input, encoding="utf-8-sig", errors="surrogateescape")
        return
    try:
        source = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as problem:
        raise MplpError(f"{path} cannot be read: {problem.strerror}.") from problem
    with io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape") as text:
        yield text
