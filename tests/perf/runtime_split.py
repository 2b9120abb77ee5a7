"""Where the processor time of a run goes, and the least that its rows cost.

`python -m tests.perf.runtime_split split 10000` measures a run whose threads and calls into SQLite are
watched, `floor 10000` a loop that writes the very rows of such a run, ready as they are, with as many
commits. Prints JSON; seconds of processor time.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.sqlite import SqliteStore
from mplp_runtime.vsl.writer_thread import WriterThread
from tests.perf.runtime_steps import WIDTH, layered_plan
from tests.runtime.orchestrator.projects import Project

TABLES = ("nodes", "links", "events", "entries")


class Meter:
    """Seconds of processor time by what they were for; each part is counted once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, part: str, seconds: float) -> None:
        with self._lock:
            self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.thread_time()
        try:
            yield
        finally:
            self.add(name, time.thread_time() - began)


def connection_of(meter: Meter) -> type[sqlite3.Connection]:
    """A connection whose calls are measured."""

    class Measured(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            with meter.part("commit" if arguments[0] == "COMMIT" else "statements"):
                return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> sqlite3.Cursor:
            with meter.part("statements"):
                return super().executemany(*arguments)

    return Measured


def watched(meter: Meter, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def measured(*arguments: Any, **options: Any) -> Any:
        with meter.part(name):
            return work(*arguments, **options)

    return measured


async def run(project: Project, root: Path) -> dict[str, float]:
    """The time until a run has begun, and the whole; its commits are counted by the caller."""
    request = project.request(simulate=True)
    runtime = Runtime.open(root)
    began = time.process_time()
    view = await runtime.runs.start(request)
    started = time.process_time()
    await runtime.runs.wait(view.run_id)
    ended = time.process_time()
    await runtime.close()
    return {"start": started - began, "all": ended - began}


def split(count: int) -> dict[str, float]:
    """Seconds by part. `commit` and `statements` are SQLite's; `writer` is all of the thread that commits."""
    meter = Meter()
    connect, write = sqlite3.connect, WriterThread._write_until_closed
    sqlite3.connect = lambda *given, **options: connect(*given, factory=connection_of(meter), **options)  # type: ignore[assignment]
    WriterThread._write_until_closed = watched(meter, "writer", write)  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder), layered_plan(count, WIDTH), f"[run]\nmax_parallel = {WIDTH}\n")
            began = time.thread_time()
            times = asyncio.run(run(project, Path(folder)))
            meter.add("loop", time.thread_time() - began)
    finally:
        sqlite3.connect, WriterThread._write_until_closed = connect, write  # type: ignore[method-assign]
    return {**meter.seconds, **times}


def floor(count: int) -> dict[str, float]:
    """Seconds for writing what a run left, table by table and in pieces of one commit."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project = Project(root, layered_plan(count, WIDTH), f"[run]\nmax_parallel = {WIDTH}\n")
        asyncio.run(run(project, root))
        source = sqlite3.connect(root / ".mplp/state.db")
        rows = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608
        source.close()
        SqliteStore(root / "other/state.db").close()
        target = sqlite3.connect(root / "other/state.db", isolation_level=None)
        target.execute("PRAGMA synchronous = FULL")
        commits = count // WIDTH
        began = time.process_time()
        for number in range(commits):
            target.execute("BEGIN IMMEDIATE")
            for name, all_rows in rows.items():
                piece = all_rows[number * len(all_rows) // commits : (number + 1) * len(all_rows) // commits]
                if piece:
                    marks = ", ".join("?" * len(piece[0]))
                    target.executemany(f"INSERT INTO {name} VALUES ({marks})", piece)  # noqa: S608
            target.execute("COMMIT")
        seconds = time.process_time() - began
        target.close()
        return {"all": seconds}


def main(arguments: list[str]) -> None:
    measure = {"split": split, "floor": floor}[arguments[0]]
    print(json.dumps(measure(int(arguments[1]))))


if __name__ == "__main__":
    main(sys.argv[1:])
