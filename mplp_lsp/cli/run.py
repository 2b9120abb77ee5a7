"""`mplp-lsp run`: one plan, from the terminal, by the same engine as in the editor."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mplp_lsp.cli.complaints import complain
from mplp_lsp.cli.live import Live, seconds
from mplp_lsp.cli.project import absolute, read_projects, shown_path
from mplp_lsp.cli.prompt import Prompt
from mplp_lsp.cli.style import Style, is_terminal, printable
from mplp_lsp.cli.trace import SEALED_TRACE
from mplp_runtime.errors import MplpError, RunRefused
from mplp_runtime.project_documents import read_text
from mplp_runtime.sources import Clock, system_clock

if TYPE_CHECKING:
    from mplp_lsp.cli.project import OnDisk
    from mplp_runtime.orchestrator.views import Question, RunView
    from mplp_runtime.runtime import Runtime

COMPLETED, FAILED, USAGE, REFUSED = 0, 1, 2, 3
_TICK_S = 0.25

_ANSWERS = {
    "handoff": {"y": "yes, it is done", "n": "no, it failed"},
    "gate": {"y": "yes, start it", "n": "no, leave it out"},
    "completion": {"y": "yes, complete it", "n": "no, the run has failed"},
    "repeat": {"y": "yes, it was done", "r": "run it again", "n": "no, it failed"},
    "conflict": {"n": "nobody's, the run has failed"},
}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags of `mplp-lsp run`."""

    simulate: bool = False
    yes: bool = False
    trust: bool = False
    resume: bool = False
    repeat: bool = False
    anew: bool = False


def run_command(
    plan: str, options: RunOptions, *, out: TextIO | None = None, clock: Clock = system_clock
) -> int:
    """0 completed, 1 failed, cancelled or left waiting, 3 refused.

    Raises MplpError where the plan cannot be read or the flags contradict each other.
    """
    if options.repeat and not options.resume:
        raise MplpError("--repeat says how to go on with an interrupted run; it needs --resume.")
    if options.resume and options.anew:
        raise MplpError("--resume goes on with the interrupted run, --anew gives it up; say one of them.")
    if options.resume and (options.simulate or options.yes):
        raise MplpError("--resume goes on with a run as it was started; leave out --simulate and --yes.")
    path = absolute(plan)
    session = _Session(path, _read(path), options, out or sys.stdout, clock)
    try:
        return asyncio.run(session.run())
    except RunRefused as error:
        complain(str(error))
        way = _way_on(error.code, plan)
        if way:
            print(f"  {way}", file=sys.stderr)
        return REFUSED


def _way_on(code: str, plan: str) -> str:
    """What to type next, for refusals that a flag answers."""
    return {
        "not-trusted": "Trust the folder for this run with --trust, for good with `mplp-lsp trust DIR`, "
        "or try the plan with --simulate.",
        "not-approved": "--yes proposes and approves the plan as it stands.",
        "not-valid": f"All findings: mplp-lsp check {plan}",
        "interrupted": "--resume goes on with it; --anew gives it up and runs the plan from the beginning.",
        "not-bound": "Try the plan without its actions: --simulate.",
    }.get(code, "")


def _read(path: Path) -> str:
    if path.is_dir():
        raise MplpError(f"{path} is a folder; name the plan document in it.")
    return read_text(path)


class _Session:
    """One call of the command: the runtime, the display, and the person at the terminal."""

    def __init__(self, path: Path, text: str, options: RunOptions, out: TextIO, clock: Clock) -> None:
        self._path = path
        self._text = text
        self._options = options
        self._live = Live(out, clock)
        self._style = Style.of(out)
        self._prompt = Prompt()
        self._run_id = ""
        self._root = path.parent
        self._trusted = False
        self._asked: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._one_question = asyncio.Lock()
        self._unanswerable = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        from mplp_lsp.workspace.scan import project_files
        from mplp_runtime.runtime import Runtime
        from mplp_runtime.trust import Trust

        on_disk = read_projects([self._path])
        document = on_disk.document(self._path)
        if document is not None and document.kind != "plan":
            raise MplpError(f"{self._path} is a document of kind {document.kind}; only plans are run.")
        self._root = on_disk.root_for(self._path)
        # Without trust nothing is written (D23); only a run that is there already can be gone on with.
        self._trusted = self._options.trust or Trust().is_trusted(self._root)
        runtime = Runtime.open(
            self._root,
            in_memory=not (self._trusted or self._options.resume),
            list_files=lambda folder: project_files(folder).files,
        )
        try:
            unsubscribe = runtime.runs.subscribe(lambda view: self._on_view(runtime, view))
            view = await self._begun(runtime, on_disk)
            self._headline(view)
            # From here on views are shown; those that came before the headline are in this one.
            self._run_id = view.run_id
            self._on_view(runtime, runtime.runs.view(view.run_id))
            with _interrupts(lambda: self._spawn(self._cancel(runtime))):
                final = await self._until_end(runtime)
            unsubscribe()
            is_waiting = final.is_live
        finally:
            for task in self._tasks:
                task.cancel()
            await runtime.close()
        return self._farewell(final, is_waiting=is_waiting)

    async def _begun(self, runtime: Runtime, on_disk: OnDisk) -> RunView:
        from mplp_runtime.orchestrator.manager import StartRequest

        if self._options.resume:
            document = on_disk.document(self._path)
            plan_id = document.facts.id if document is not None and document.facts is not None else None
            interrupted = _interrupted(runtime, plan_id)
            repeat = True if self._options.repeat else None
            return await runtime.runs.resume(interrupted.run_id, repeat=repeat, trusted=self._trusted)
        return await runtime.runs.start(
            StartRequest(
                plan_path=self._path,
                plan_text=self._text,
                world=on_disk.snapshot(self._path).index,
                simulate=self._options.simulate,
                approve=self._options.yes,
                trusted=self._trusted,
                anew=self._options.anew,
            )
        )

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
        return runtime.runs.view(self._run_id)

    def _headline(self, view: RunView) -> None:
        kind = "Simulating" if view.simulated else "Going on with" if self._options.resume else "Running"
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
        open_now = {(question.step_id, question.kind): question for question in view.questions}
        for mark, task in list(self._asked.items()):
            if mark not in open_now:
                # Answered, perhaps in an editor: nobody needs to answer it here any more.
                del self._asked[mark]
                task.cancel()
        for mark, question in open_now.items():
            if mark not in self._asked:
                self._asked[mark] = self._spawn(self._ask(runtime, question))

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
            command = f"mplp-lsp run {shown_path(self._path)} --resume"
            self._live.line(
                f"  The run is kept. Go on with it in an editor or a terminal: {printable(command)}"
            )
        return COMPLETED if view.status == "completed" else FAILED


def _interrupted(runtime: Runtime, plan_id: str | None) -> RunView:
    runs = [view for view in runtime.runs.all() if view.status == "interrupted" and view.plan_id == plan_id]
    if not runs:
        raise RunRefused("There is no interrupted run of this plan to go on with; start it without --resume.")
    return runs[-1]


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
