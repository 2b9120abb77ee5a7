"""`mplp-lsp run`: one plan, from the terminal, by the same engine as in the editor."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.live import Live, seconds
from mplp_lsp.cli.style import Style, is_terminal, printable
from mplp_runtime.errors import MplpError, RunRefused
from mplp_runtime.sources import Clock, system_clock

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import Question, RunView
    from mplp_runtime.runtime import Runtime

COMPLETED, FAILED, USAGE, REFUSED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags of `mplp-lsp run`."""

    simulate: bool = False
    yes: bool = False
    trust: bool = False
    resume: bool = False
    repeat: bool = False


def run_command(
    plan: str, options: RunOptions, *, out: TextIO | None = None, clock: Clock = system_clock
) -> int:
    """0 completed, 1 failed or cancelled, 3 refused; raises MplpError where the plan cannot be read."""
    path = Path(plan).absolute()
    text = _read(path)
    session = _Session(path, text, options, out or sys.stdout, clock)
    try:
        return asyncio.run(session.run())
    except RunRefused as error:
        print(f"mplp-lsp: {printable(str(error))}", file=sys.stderr)
        return REFUSED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MplpError(f"{path} is not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise MplpError(f"{path} cannot be read: {error.strerror}.") from error


class _Session:
    """One call of the command: the runtime, the display, and the person at the terminal."""

    def __init__(self, path: Path, text: str, options: RunOptions, out: TextIO, clock: Clock) -> None:
        self._path = path
        self._text = text
        self._options = options
        self._out = out
        self._live = Live(out, clock)
        self._style = Style.of(out)
        self._run_id = ""
        self._asked: set[tuple[str, str]] = set()
        self._unanswerable = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        from mplp_lsp.cli.project import load_project
        from mplp_runtime.orchestrator.manager import StartRequest
        from mplp_runtime.runtime import Runtime
        from mplp_runtime.trust import Trust

        project = load_project(self._path)
        trusted = self._options.trust or Trust().is_trusted(project.root)
        runtime = Runtime.open(project.root)
        try:
            unsubscribe = runtime.runs.subscribe(lambda view: self._on_view(runtime, view))
            if self._options.resume:
                interrupted = _interrupted(runtime, project.plan_id(self._path))
                self._run_id = interrupted.run_id
                view = await runtime.runs.resume(
                    interrupted.run_id, repeat=True if self._options.repeat else None, trusted=trusted
                )
            else:
                view = await runtime.runs.start(
                    StartRequest(
                        plan_path=self._path,
                        plan_text=self._text,
                        world=project.world,
                        simulate=self._options.simulate,
                        approve=self._options.yes,
                        trusted=trusted,
                    )
                )
                self._run_id = view.run_id
            self._headline(view)
            self._on_view(runtime, view)
            with _interrupts(lambda: self._spawn(_cancel(runtime, self._run_id))):
                final = await self._until_end(runtime)
            unsubscribe()
            return self._farewell(final)
        finally:
            for task in self._tasks:
                task.cancel()
            await runtime.close()

    async def _until_end(self, runtime: Runtime) -> RunView:
        ended = asyncio.ensure_future(runtime.runs.wait(self._run_id))
        stuck = asyncio.ensure_future(self._unanswerable.wait())
        await asyncio.wait({ended, stuck}, return_when=asyncio.FIRST_COMPLETED)
        stuck.cancel()
        if not ended.done():
            ended.cancel()
            return runtime.runs.view(self._run_id)
        return ended.result()

    def _headline(self, view: RunView) -> None:
        kind = "Simulating" if view.simulated else "Running"
        steps = "1 step" if len(view.steps) == 1 else f"{len(view.steps)} steps"
        self._live.line(self._style.paint(f"{kind} “{printable(view.title)}” ({steps})", "bold"))

    def _on_view(self, runtime: Runtime, view: RunView) -> None:
        if view.run_id != self._run_id:
            return
        self._live.show(view)
        for question in view.questions:
            mark = (question.step_id, question.kind)
            if mark not in self._asked:
                self._asked.add(mark)
                self._spawn(self._ask(runtime, question))

    async def _ask(self, runtime: Runtime, question: Question) -> None:
        """Asks the person at the terminal; without one the run stays open, to be answered in an editor."""
        self._live.line(self._style.paint(f"? {printable(question.text)}", "yellow"))
        if not is_terminal(sys.stdin):
            self._unanswerable.set()
            return
        reply = await _prompt("  [y]es, [n]o: ")
        if reply is None:
            self._unanswerable.set()
            return
        await runtime.runs.answer(question.run_id, question.step_id, success=reply, output="")

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _farewell(self, view: RunView) -> int:
        self._live.show(view)
        duration = (view.finished_at - view.started_at).total_seconds() if view.finished_at else None
        took = f" in {seconds(duration)}" if duration is not None else ""
        done = sum(1 for step in view.steps.values() if step.status == "completed")
        colour = "green" if view.status == "completed" else "red"
        self._live.line(
            self._style.paint(
                f"{view.status}{took}: {done} of {len(view.steps)} steps completed", colour, "bold"
            )
        )
        if view.error:
            self._live.line(f"  {printable(view.error)}")
        if view.trace_path:
            self._live.line(f"  trace: {printable(view.trace_path)}")
        if view.is_live or view.status == "interrupted":
            self._live.line(
                "  The run waits for a person and is kept. Answer in an editor, or go on in a terminal with: "
                f"mplp-lsp run {self._path} --resume"
            )
        return COMPLETED if view.status == "completed" else FAILED


def _interrupted(runtime: Runtime, plan_id: str | None) -> RunView:
    runs = [view for view in runtime.runs.all() if view.status == "interrupted" and view.plan_id == plan_id]
    if not runs:
        raise RunRefused("There is no interrupted run of this plan to go on with; start it without --resume.")
    return runs[-1]


async def _cancel(runtime: Runtime, run_id: str) -> None:
    await runtime.runs.cancel(run_id)


async def _prompt(text: str) -> bool | None:
    """True, False, or None when the person has closed the input.

    Read in a daemon thread of its own: asyncio's executor would wait for it when the run is cancelled.
    """
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bool | None] = loop.create_future()

    def read() -> None:
        answer: bool | None = None
        with contextlib.suppress(EOFError, ValueError):
            while (typed := input(text).strip().lower()) not in {"y", "yes", "n", "no"}:
                pass
            answer = typed.startswith("y")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, reply, answer)

    threading.Thread(target=read, name="mplp-prompt", daemon=True).start()
    return await reply


def _settle(reply: asyncio.Future[bool | None], answer: bool | None) -> None:
    if not reply.done():
        reply.set_result(answer)


@contextlib.contextmanager
def _interrupts(cancel: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C cancels the run in order; a second one ends at once."""
    loop = asyncio.get_running_loop()
    pressed = 0

    def on_signal() -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            raise KeyboardInterrupt
        cancel()

    try:
        loop.add_signal_handler(signal.SIGINT, on_signal)
        loop.add_signal_handler(signal.SIGTERM, on_signal)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
