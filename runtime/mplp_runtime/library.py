"""What a program calls that has the runtime inside: `docs/library.md`, as methods of `Runtime`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mplp_runtime.file_impact import document_in, plans_relying_on
from mplp_runtime.following import Answerer, answered, changes, record_of
from mplp_runtime.loaded_plan import LoadedPlan, load_plan
from mplp_runtime.orchestrator.manager import RunManager, StartRequest
from mplp_runtime.orchestrator.rollback import RolledBack
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.psg.files import FILE
from mplp_runtime.psg.impact import Touched, impact
from mplp_runtime.snapshots.snapshots import Restored, SnapshotRecord, Snapshots
from mplp_runtime.sources import Clock
from mplp_runtime.trust import Trust
from mplp_runtime.vsl.interface import Reading
from mplp_runtime.vsl.values import can_be_a_name

if TYPE_CHECKING:
    from mplp_runtime.lazy_store import LazyStore
    from mplp_runtime.settings import Settings

ListFiles = Callable[[Path], Iterable[str]]
"""The files of a project that count, relative to its root and with `/`."""


class ProgramInterface(ABC):
    """Few words for what programs do most; the parts of the runtime have the rest."""

    root: Path
    clock: Clock
    list_files: ListFiles
    vsl: LazyStore
    runs: RunManager
    snapshots: Snapshots

    @abstractmethod
    def settings(self) -> Settings:
        """The project's mplp.toml as it is on disk, or the defaults. Raises SettingsInvalid."""

    @abstractmethod
    def persist_unless_in_memory(self) -> None:
        """Begins to keep state where that is wanted. Raises StoreError."""

    @abstractmethod
    def told_of_impact(self, node_type: str, node_id: str, touched: Sequence[Touched]) -> None:
        """Records what somebody was told about a change, where that is wanted."""

    @abstractmethod
    async def close(self) -> None:
        """Ends what was started here."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def load(self, plan_path: Path | str) -> LoadedPlan:
        """A plan of the project (a path, or one relative to the root), checked as the editor checks it.

        Raises MplpError where there is nothing to read, and PlanInvalid for what is no JSON object. A plan
        with errors is loaded: `errors` has them.
        """
        return await asyncio.to_thread(lambda: load_plan(self, self.root / plan_path))

    async def start(
        self,
        plan: LoadedPlan | Path | str,
        *,
        simulate: bool = False,
        trusted: bool | None = None,
        approve: bool = False,
        anew: bool = False,
    ) -> RunView:
        """Starts a run and returns once that is durable; `wait` and `watch` tell how it goes on.

        `simulate` runs nothing and needs no trust. `trusted` is the caller's word that what mplp.toml says
        may run; without it the user's own list counts (`mplp-lsp trust`). `approve` proposes and approves the
        plan first; `anew` gives up an interrupted run of it. Raises RunRefused (`code` says why),
        SettingsInvalid, StoreError, and what `load` raises.
        """
        request = await self._request(plan, simulate=simulate, trusted=trusted, approve=approve, anew=anew)
        return await self.runs.start(request)

    async def run(
        self,
        plan: LoadedPlan | Path | str,
        *,
        answer: Answerer | None = None,
        simulate: bool = False,
        trusted: bool | None = None,
        approve: bool = False,
        anew: bool = False,
    ) -> RunView:
        """`start` and `wait` in one."""
        view = await self.start(plan, simulate=simulate, trusted=trusted, approve=approve, anew=anew)
        return await self.wait(view.run_id, answer=answer)

    async def wait(self, run_id: str, *, answer: Answerer | None = None) -> RunView:
        """The run once it has ended or is interrupted; one that failed is returned as such.

        `answer` is asked what the run asks; without it an editor or a terminal has to answer. Raises
        RunUnknown, and what `answer` raises: the run then goes on and waits.
        """
        if answer is None:
            return await self.runs.wait(run_id)
        return await answered(self.runs, run_id, answer)

    async def retry(
        self, run_id: str, step_id: str, *, trusted: bool | None = None, approve: bool = False
    ) -> RunView:
        """Tries a failed step once more, and what waits for it; completed steps stay completed.

        Of a run that is over this starts a new one, which is returned: of the plan as it is on disk, or as
        the run kept it where the file is gone. Raises MplpError where the step did not fail, and what `start`
        raises.
        """
        request = await self._deciding(run_id, trusted=trusted, approve=approve)
        return await self.runs.interventions.retry(run_id, step_id, request)

    async def skip(
        self,
        run_id: str,
        step_id: str,
        reason: str = "",
        *,
        trusted: bool | None = None,
        approve: bool = False,
    ) -> RunView:
        """Goes on without a step that failed, waits or has not begun; otherwise as `retry`."""
        request = await self._deciding(run_id, trusted=trusted, approve=approve)
        return await self.runs.interventions.skip(run_id, step_id, request, reason)

    async def roll_back(self, run_id: str, *, trusted: bool | None = None, force: bool = False) -> RolledBack:
        """Takes back what the file operations of a run did, the newest first; what changed since stays.

        Raises RunInProgress while it goes on, RunBuiltUpon where a later run went on from it (`force` does it
        all the same), RunRefused and WorkspaceNotTrusted.
        """
        _, done = await self.runs.interventions.roll_back(
            run_id, trusted=self._is_trusted(trusted), force=force
        )
        return done

    def watch(self, run_id: str) -> AsyncIterator[RunView]:
        """The run at each change, the last time when it has ended: `async for view in runtime.watch(id)`."""
        return changes(self.runs, run_id)

    def trace(self, run_id: str) -> dict[str, Any]:
        """The Trace document of a run, also while it goes on and where no file of it is written.

        Raises RunUnknown.
        """
        return record_of(self.vsl, self.clock, self.runs, run_id)[0]

    def timeline(self, run_id: str | None = None) -> Sequence[Mapping[str, Any]]:
        """The events of a run, or those of the project outside of runs; the oldest first.

        Raises RunUnknown.
        """
        if run_id is not None:
            return record_of(self.vsl, self.clock, self.runs, run_id)[1]
        return [each.event for each in self.vsl.read(lambda reading: reading.events("project"))]

    def impact(self, node_type: str, node_id: str) -> Sequence[Touched]:
        """What in the graph hangs on a node, the nearest first.

        Of a file (its path): the steps that name it or wrote it; if it is a document, what that is in the
        graph; and the plans whose newest run began with it as it was, such as mplp.toml.

        Where learning samples are kept, this is one of their occasions; it is recorded behind the answer.
        """
        is_file = node_type == FILE and can_be_a_name(node_type, node_id)
        document = document_in(self.root, node_id) if is_file else None

        def found(reading: Reading) -> Sequence[Touched]:
            also = plans_relying_on(reading, node_id) if is_file else []
            return impact(reading, node_type, node_id, also=[*([document] if document else []), *also])

        touched = self.vsl.read(found)
        self.told_of_impact(node_type, node_id, touched)
        return touched

    async def take_snapshot(self, label: str = "") -> SnapshotRecord:
        """Keeps state, graph and the project's files. Raises StoreError where no state may be written."""
        self.persist_unless_in_memory()
        files = await asyncio.to_thread(lambda: list(self.list_files(self.root)))
        return await self.snapshots.create(files, label)

    async def restore_snapshot(self, snapshot_id: str) -> Restored:
        """Turns state, graph and files back, after a snapshot of how they are now.

        What file operations did since is taken back; other files made since stay. Raises SnapshotUnknown,
        RunInProgress and StoreError.
        """
        files = await asyncio.to_thread(lambda: list(self.list_files(self.root)))
        return await self.snapshots.restore(snapshot_id, files)

    async def _deciding(self, run_id: str, *, trusted: bool | None, approve: bool) -> StartRequest:
        path = self.root / self.runs.view(run_id).plan_path
        text = None if path.exists() else self.runs.interventions.plan_text(run_id)
        loaded = await asyncio.to_thread(lambda: load_plan(self, path, text))
        return await self._request(loaded, simulate=False, trusted=trusted, approve=approve, anew=False)

    async def _request(
        self,
        plan: LoadedPlan | Path | str,
        *,
        simulate: bool,
        trusted: bool | None,
        approve: bool,
        anew: bool,
    ) -> StartRequest:
        loaded = plan if isinstance(plan, LoadedPlan) else await self.load(plan)
        return StartRequest(
            plan_path=loaded.path,
            plan_text=loaded.text,
            world=loaded.world,
            simulate=simulate,
            approve=approve,
            trusted=self._is_trusted(trusted),
            anew=anew,
        )

    def _is_trusted(self, word: bool | None) -> bool:
        return Trust().is_trusted(self.root) if word is None else word
