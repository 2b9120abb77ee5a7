"""A run that this process carries, at the terminal of whoever asked for it: shown, asked about, ended."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.live import Live, seconds
from mplp_lsp.cli.project import shown_path
from mplp_lsp.cli.prompt import Prompt
from mplp_lsp.cli.style import Style, is_terminal, printable
from mplp_lsp.cli.trace import SEALED_TRACE
from mplp_runtime.errors import MplpError
from mplp_runtime.sources import Clock

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import Question, RunView
    from mplp_runtime.runtime import Runtime

COMPLETED, FAILED, USAGE, REFUSED = 0, 1, 2, 3
"""Exit codes of every command that carries a run."""

_TICK_S = 0.25

_ANSWERS = {
    "handoff": {"y": "yes, it is done", "n": "no, it failed"},
    "gate": {"y": "yes, start it", "n": "no, leave it out"},
    "completion": {"y": "yes, complete it", "n": "no, the run has failed"},
    "repeat": {"y": "yes, it was done", "r": "run it again", "n": "no, it failed"},
    "conflict": {"n": "nobody's, the run has failed"},
}


class AtTerminal:
    """One run, the display, and the person. `is_trusted` says whether anything may be written in `root`."""

    def __init__(self, root: Path, out: TextIO, clock: Clock, *, is_trusted: bool) -> None:
        self._live = Live(out, clock)
        self._style = Style.of(out)
        self._prompt = Prompt()
        self._run_id = ""
        self._root = root
        self._trusted = is_trusted
        self._is_paused = False
        self._asked: dict[Question, asyncio.Task[None]] = {}
        self._one_question = asyncio.Lock()
        self._unanswerable = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelling: asyncio.Task[None] | None = None

    async def follow(
        self, runtime: Runtime, begin: Callable[[], Awaitable[RunView]], *, is_going_on: bool = False
    ) -> int:
        """Carries the run that `begin` starts or takes up to its end, and closes the runtime.

        COMPLETED or FAILED. A question that nobody here can answer leaves the run interrupted. Raises what
        `begin` raises. `is_going_on`: what is said of it first.
        """
        try:
            unsubscribe = runtime.runs.subscribe(lambda view: self._on_view(runtime, view))
            view = await begin()
            self._headline(view, is_going_on=is_going_on)
            # From here on views are shown; those that came before the headline are in this one.
            self._run_id = view.run_id
            self._on_view(runtime, runtime.runs.view(view.run_id))
            with _interrupts(lambda: self._cancel_soon(runtime)):
                final = await self._until_end(runtime)
            unsubscribe()
            is_waiting = final.is_live
        finally:
            for task in self._tasks:
                task.cancel()
            await runtime.close()
        return self._farewell(final, is_waiting=is_waiting)

    async def _until_end(self, runtime: Runtime) -> RunView:
        ended = asyncio.ensure_future(runtime.runs.wait(self._run_id))
        stuck = asyncio.ensure_future(self._unanswerable.wait())
        try:
            while not (ended.done() or stuck.done()):
                wanted = {ended, stuck}
                await asyncio.wait(
                    wanted, timeout=_TICK_S if self._live.ticks else None, return_when=asyncio.FIRST_COMPLETED
                )
                self._live.tick()
        finally:
            stuck.cancel()
            if not ended.done():
                ended.cancel()
        if self._cancelling is not None:
            # Where the disk was quicker, the run is given up only after its end.
            await asyncio.wait({self._cancelling})
        return runtime.runs.view(self._run_id)

    def _headline(self, view: RunView, *, is_going_on: bool) -> None:
        kind = "Going on with" if is_going_on else "Simulating" if view.simulated else "Running"
        steps = "1 step" if len(view.steps) == 1 else f"{len(view.steps)} steps"
        self._live.line(self._style.paint(f"{kind} “{printable(view.title)}” ({steps})", "bold"))
        session = view.session
        if session is not None:
            names = ", ".join(printable(name) for name in session.participants)
            self._live.line(f"  with “{printable(session.title)}” ({session.mode}): {names}")
            for role in session.unmatched_roles:
                told = f"  nobody there is a {printable(role)}: its steps are given away by order"
                self._live.line(self._style.paint(told, "yellow"))

    def _on_view(self, runtime: Runtime, view: RunView) -> None:
        if view.run_id != self._run_id:
            return
        self._live.show(view)
        if view.is_paused != self._is_paused:
            self._is_paused = view.is_paused
            on = f"Paused: nothing more begins. Go on with it: mplp-lsp resume {view.run_id[:8]}"
            self._live.line(self._style.paint(on if view.is_paused else "Going on.", "yellow"))
        for question, task in list(self._asked.items()):
            if question not in view.questions:
                # Answered, perhaps in an editor: nobody needs to answer it here any more.
                del self._asked[question]
                task.cancel()
        for question in view.questions:
            if question not in self._asked:
                self._asked[question] = self._spawn(self._ask(runtime, question))

    async def _ask(self, runtime: Runtime, question: Question) -> None:
        """Asks the person at the terminal; without one the run is left, to be answered when it is resumed."""
        numbered = {str(number): name for number, name in enumerate(question.choices[:9], 1)}
        answers = {**numbered, **_ANSWERS[question.kind]}
        async with self._one_question:
            self._live.line(self._style.paint(f"? {printable(question.text)}", "yellow"))
            if not is_terminal(sys.stdin):
                self._unanswerable.set()
                return
            offered = ", ".join(f"[{letter}] {meaning}" for letter, meaning in answers.items())
            with self._live.held(f"  {offered}: "):
                letter = await self._prompt.choice(answers)
            if letter is None:
                self._unanswerable.set()
                return
        await runtime.runs.answer(
            question.run_id,
            question.step_id,
            success=letter == "y" or letter in numbered,
            output=numbered.get(letter, ""),
            repeat=letter == "r",
        )

    def _cancel_soon(self, runtime: Runtime) -> None:
        self._cancelling = self._spawn(self._cancel(runtime))

    async def _cancel(self, runtime: Runtime) -> None:
        self._live.line(self._style.paint("Cancelling; press Ctrl-C again to leave at once.", "yellow"))
        await runtime.runs.cancel(self._run_id)

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(problem := task.exception(), MplpError):
            # For instance an answer that came too late, because somebody else had answered.
            self._live.line(self._style.paint(printable(str(problem)), "yellow"))

    def _farewell(self, view: RunView, *, is_waiting: bool) -> int:
        if not is_waiting:
            self._live.show(view)
        took = ""
        if view.finished_at is not None:
            took = f" in {seconds((view.finished_at - view.started_at).total_seconds())}"
        done = sum(1 for step in view.steps.values() if step.status == "completed")
        colour = {"completed": "green", "failed": "red"}.get(view.status, "yellow")
        word = "waiting for a person" if is_waiting else view.status
        told = f"{word}{took}: {done} of {len(view.steps)} steps completed"
        self._live.line(self._style.paint(told, colour, "bold"))
        if view.error and view.status != "cancelled" and not is_waiting:
            self._live.line(f"  {printable(view.error)}")
        if view.trace_path:
            self._live.line(f"  trace: {printable(shown_path(self._root / view.trace_path))}")
        elif view.is_sealed:
            self._live.line(f"  trace: {SEALED_TRACE.format(run=view.run_id[:8])}")
        else:
            why = "cannot be written to" if self._trusted else "is not trusted (see --trust)"
            self._live.line(f"  No trace was kept: the folder {why}.")
        if is_waiting or view.status == "interrupted":
            # By the run's id: the file of its plan may be gone.
            command = f"mplp-lsp resume {view.run_id[:8]}{_root_option(self._root)}"
            self._live.line(
                f"  The run is kept. Go on with it in an editor or a terminal: {printable(command)}"
            )
            if is_waiting:
                command = f"mplp-lsp answer {view.run_id[:8]}{_root_option(self._root)}"
                self._live.line(f"  Without a terminal it is answered with: {printable(command)}")
        return COMPLETED if view.status == "completed" else FAILED


def _root_option(root: Path) -> str:
    """What has the next command find the project: nothing in its own folder."""
    from mplp_lsp.workspace.projects import root_of

    try:
        if root_of(Path.cwd()) == root:
            return ""
    except OSError:  # the current folder is gone
        pass
    return f" --root {shlex.quote(shown_path(root))}"


@contextlib.contextmanager
def _interrupts(cancel: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C cancels the run in order; a second one ends at once."""
    loop = asyncio.get_running_loop()
    pressed = 0

    def on_signal() -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            # What is torn down in a hurry complains; the person who asked for that does not want to hear it.
            loop.set_exception_handler(lambda _loop, _context: None)
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
