"""Runs as one session shows them: views kept in snapshots, progress bars, notifications, questions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Required, TypedDict, TypeVar

from mplp_lsp.features.drift_paths import drifted_paths
from mplp_lsp.server.progress import Bar
from mplp_lsp.server.run_changes import in_lenses, log_lines, looks_different_at_steps, progress_message
from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator.views import Question, QuestionKind, RunView

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk
    from mplp_lsp.server.encoded import Encoded
    from mplp_lsp.server.run_messages import RunMessages
    from mplp_runtime.runtime import Runtime

T = TypeVar("T")


class Answer(TypedDict, total=False):
    """What `RunManager.answer` takes."""

    success: Required[bool]
    repeat: bool
    output: str


STATE_FILE = Path(".mplp") / "state.db"
LONGEST_MESSAGE = 200
ANSWERS: Mapping[QuestionKind, Mapping[str, Answer]] = {
    "handoff": {"Done": {"success": True}, "Failed": {"success": False}},
    "gate": {"Start": {"success": True}, "Do not start": {"success": False}},
    "completion": {"Complete": {"success": True}, "Fail the run": {"success": False}},
    "repeat": {
        "Run it again": {"success": False, "repeat": True},
        "It was done": {"success": True},
        "It failed": {"success": False},
    },
    "conflict": {"Nobody's: fail the run": {"success": False}},
}
"""What a person may answer, as the buttons of a message, and what each means to the run."""

logger = logging.getLogger(__name__)


class Runs:
    """Everything about runs that belongs to one session; runs themselves belong to the runtime."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._process = desk.session.process
        self._watched: set[Path] = set()
        self._followed: set[str] = set()
        self._asked: set[tuple[str, str, object]] = set()
        self._bars: dict[str, Bar] = {}
        self._arrived: dict[tuple[Path, str], tuple[RunView, Encoded | None]] = {}
        # Used on the runtimes' thread only.
        self._messages: RunMessages | None = None
        self._in_lenses: dict[str, object] = {}

    async def on_runtime(self, root: Path, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Runs `work` on the runtime's loop; the first call for a root also begins to watch its runs."""
        await self.watch(root)
        return await self._process.runtimes.run(root, work, in_memory=not self._desk.bench.is_trusted(root))

    async def watch(self, root: Path) -> None:
        """Opens the runtime of `root` and shows its runs from now on."""
        if root in self._watched:
            return
        self._watched.add(root)
        loop = self._process.loop

        def told(where: Path, view: RunView) -> None:
            loop.call_soon_threadsafe(self._take, where, view, self._message(view))

        self._process.runtimes.listen(
            self._desk.session.number,
            told,
        )

        async def known(runtime: Runtime) -> list[tuple[RunView, Encoded | None]]:
            return [(view, self._message(view)) for view in runtime.runs.all()]

        try:
            views = await self._process.runtimes.run(
                root, known, in_memory=not self._desk.bench.is_trusted(root)
            )
        except BaseException:
            self._watched.discard(root)
            raise
        shown = {view.run_id for view in self._desk.bench.runs(root)}
        for view, message in views:
            # What was told meanwhile is newer than this list.
            if view.run_id not in shown and (root, view.run_id) not in self._arrived:
                self._take(root, view, message)

    async def settle(self) -> None:
        """After trust came: states that were held in memory move to disk where they belong there (D23)."""
        from mplp_lsp.server.ingest import settle

        for root in list(self._watched):
            is_trusted = self._desk.bench.is_trusted(root)

            async def settled(runtime: Runtime, *, trusted: bool = is_trusted) -> None:
                await settle(runtime, is_trusted=trusted)

            try:
                await self._process.runtimes.run(root, settled)
            except MplpError as error:
                logger.warning("The state of %s stays in memory: %s", root, error)

    async def watch_existing(self) -> None:
        """Shows runs of projects that have a state: interrupted ones, and those of other processes."""
        for root in self._desk.bench.roots:
            try:
                if await self._has_state(root):
                    await self.watch(root)
            except MplpError as error:
                logger.warning("The state of %s cannot be shown: %s", root, error)

    async def _has_state(self, root: Path) -> bool:
        """Also where mplp.toml says that it lies elsewhere. Raises StoreError where that cannot be told."""
        if (root / STATE_FILE).is_file():
            return True
        if not (root / "mplp.toml").is_file():
            return False
        opening = await self._process.imported("mplp_runtime.state_opening")
        return bool(await self._process.work(lambda: opening.has_state(root)))

    def follow(self, run_id: str) -> None:
        """This session started the run: its questions come here."""
        self._followed.add(run_id)
        for root in self._desk.bench.roots:
            for view in self._desk.bench.runs(root):
                if view.run_id == run_id:
                    self._ask(root, view)

    def close(self) -> None:
        if self._process.has_runtimes:
            self._process.runtimes.unlisten(self._desk.session.number)
        for bar in self._bars.values():
            bar.end()
        self._bars.clear()

    # What the runtime tells

    def _message(self, view: RunView) -> Encoded | None:
        """What the client is told of a run, if it is told; on the runtimes' thread."""
        if not self._desk.session.client.wants_run_notifications:
            return None
        if self._messages is None:
            from mplp_lsp.server.run_messages import RunMessages

            self._messages = RunMessages()
        return self._messages.params_of(view)

    def _take(self, root: Path, view: RunView, message: Encoded | None) -> None:
        """Views of one turn of the loop are shown together, the newest of each run only."""
        if root not in self._watched:
            return
        if not self._arrived:
            self._process.loop.call_soon(self._show_arrived)
        self._arrived[root, view.run_id] = view, message

    def _show_arrived(self) -> None:
        arrived, self._arrived = self._arrived, {}
        if self._desk.is_closed:
            return
        for (root, run_id), (view, message) in arrived.items():
            before = self._desk.bench.put_run(root, view)
            if view == before:
                continue
            if message is not None:
                self._desk.session.protocol.notify("mplp/run", message)
            for level, line in log_lines(before, view):
                self._desk.services.log(line[:LONGEST_MESSAGE], level=level)
            self._show_progress(root, view)
            self._ask(root, view)
            known, in_lenses_now = self._in_lenses.pop(run_id, None), in_lenses(view)
            if view.is_live:
                self._in_lenses[run_id] = in_lenses_now
            is_other_run = before is None or before.run_id != run_id
            lenses = is_other_run or known != in_lenses_now
            steps = looks_different_at_steps(before, view)
            if lenses or steps:
                self._desk.run_changed(root, view, lenses=lenses, steps=steps)
            others = drifted_paths(before) ^ drifted_paths(view)
            self._desk.analyst.look_later(uri_of(root / path) for path in sorted(others))

    def _show_progress(self, root: Path, view: RunView) -> None:
        bar = self._bars.get(view.run_id)
        if not view.is_live:
            if bar is not None:
                del self._bars[view.run_id]
                bar.end(view.status)
            return
        if bar is None:
            title = f"{'Dry run of ' if view.simulated else 'Running '}{view.title}"
            bar = self._desk.progress.bar(
                f"mplp-run-{view.run_id[:8]}",
                title,
                cancellable=True,
                on_cancel=lambda: self._cancel(root, view.run_id),
            )
            self._bars[view.run_id] = bar
        total = max(1, len(view.steps))
        bar.report(progress_message(view)[:LONGEST_MESSAGE], percentage=100 * view.finished_steps // total)

    def _cancel(self, root: Path, run_id: str) -> None:
        async def cancelled() -> None:
            try:
                await self._process.runtimes.run(root, lambda runtime: runtime.runs.cancel(run_id))
            except MplpError as error:
                self._desk.services.log(str(error), level="warning")

        self._desk.session.spawn(cancelled(), "cancelling a run")

    def _ask(self, root: Path, view: RunView) -> None:
        if view.run_id not in self._followed or not self._desk.services.can_ask:
            return
        for question in view.questions:
            asked = view.question_at(question.step_id)
            key = (question.run_id, question.step_id, asked)
            if key not in self._asked:
                self._asked.add(key)
                self._desk.session.spawn(self._put_question(root, question, asked), "asking about a step")

    async def _put_question(self, root: Path, question: Question, asked: object) -> None:
        chosen: dict[str, Answer] = {name: {"success": True, "output": name} for name in question.choices}
        answers = {**chosen, **ANSWERS[question.kind]}
        answer = answers.get(await self._desk.services.ask(question.text, list(answers)) or "")
        if answer is None:
            return

        async def answered(runtime: Runtime) -> None:
            # A question stays on the screen until somebody clicks it away. Meanwhile the step may have been
            # answered elsewhere and ask something else: this answer is not for that.
            if runtime.runs.view(question.run_id).question_at(question.step_id) == asked:
                await runtime.runs.answer(question.run_id, question.step_id, **answer)

        try:
            await self._process.runtimes.run(root, answered)
        except MplpError as error:
            # Answered elsewhere in this very moment, or the run has ended.
            self._desk.services.log(str(error))
