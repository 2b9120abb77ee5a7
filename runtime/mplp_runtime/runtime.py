"""One project's runtime: its state, its events, its graph, its approvals and its runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_runtime.ael.handlers import Handler, Handlers
from mplp_runtime.approval_record import ApprovalRecord
from mplp_runtime.approvals import Approvals
from mplp_runtime.approvals_after_merges import propose_again
from mplp_runtime.confirm_files import ConfirmFiles
from mplp_runtime.disk import read_regular, why
from mplp_runtime.drift.active import ActiveDrift
from mplp_runtime.drift.check import DriftCheck
from mplp_runtime.errors import SettingsInvalid
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.sinks import NdjsonSink
from mplp_runtime.following import trace_of
from mplp_runtime.integration.intake import Intake
from mplp_runtime.integration.settling import Settling
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.lazy_store import LazyStore
from mplp_runtime.learning.collector import Collector
from mplp_runtime.learning.occasions import impact_event
from mplp_runtime.library import ListFiles, ProgramInterface
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.manager import RunManager
from mplp_runtime.orchestrator.segment_places import trace_of_segment
from mplp_runtime.project_listing import walked_files
from mplp_runtime.psg.documents import Documents, RunTraces
from mplp_runtime.psg.graph import Graph
from mplp_runtime.settings import Settings, load_settings
from mplp_runtime.snapshots.before_steps import snapshot_before
from mplp_runtime.snapshots.snapshots import Snapshots
from mplp_runtime.sources import Clock, NewId, new_uuid, system_clock
from mplp_runtime.state_folder import (
    expected_state_file,
    is_known_where,
    is_writable,
    prepare_folder,
)
from mplp_runtime.state_opening import open_state, open_state_to_read, state_settings
from mplp_runtime.trace.files import remove_abandoned
from mplp_runtime.vsl.interface import Json, ValueStateLayer
from mplp_runtime.vsl.read_only import only_read

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.state import RunState
    from mplp_runtime.psg.impact import Touched

SETTINGS_FILE = "mplp.toml"
MOST_SNAPSHOTS_UNSAID = 1_000
"""Kept while mplp.toml cannot be read."""
_HEAD_START_S = 0.5
"""For events that are still to be taken in, before runs end."""
TIMELINE_FILE = "timeline.events.ndjson"


class Runtime(ProgramInterface):
    """Made by `Runtime.open`. State begins in memory and moves into `.mplp/` when there is a reason to (D23).

    >>> import asyncio, tempfile
    >>> async def how_many_runs(root: Path) -> int:
    ...     runtime = Runtime.open(root)
    ...     try:
    ...         return len(runtime.runs.all())
    ...     finally:
    ...         await runtime.close()
    >>> folder = Path(tempfile.mkdtemp())
    >>> asyncio.run(how_many_runs(folder)), (folder / ".mplp").exists()
    (0, False)
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock,
        new_id: NewId,
        in_memory: bool,
        follow_interval_s: float,
        handlers: Mapping[str, Handler] | None = None,
        list_files: ListFiles = walked_files,
        store: ValueStateLayer | None = None,
    ) -> None:
        self.root = root
        self.clock = clock
        self.new_id = new_id
        self.follow_interval_s = follow_interval_s
        self.folder: Path | None = None
        self.is_read_only = False
        self.handlers = Handlers(handlers)
        self.list_files = list_files
        self._in_memory = in_memory
        self._moving = threading.RLock()
        self._state_folder = root / STATE_FOLDER
        self._timeline: NdjsonSink | None = None
        self._collector: Collector | None = None
        self._collecting = threading.Lock()
        self._ending: threading.Thread | None = None
        self._instance = new_uuid()
        self._given_store = store
        self.vsl = LazyStore(
            expected_state_file(root),
            lambda: (
                open_state(root, state_settings(root)) if store is None else (store, store.file_protection)
            ),
        )
        if store is not None:
            self.vsl.persist()
        if (
            not in_memory
            and is_known_where(root)
            and self._has_reason_to_persist()
            and is_writable(self.root)
        ):
            self._use_folder()
        self.bus = EventBus(self.vsl, clock=clock, new_id=new_id)
        self.graph = Graph(self.vsl, self.bus, clock=clock, new_id=new_id)
        self.documents = Documents(
            self.vsl,
            self.graph,
            RunTraces(
                lambda run_id: trace_of(self.vsl, self.clock, self.runs, run_id),
                trace_of_segment,
            ),
        )
        self._write_timeline()
        self.confirm_files = ConfirmFiles(root, lambda: self.list_files(self.root))
        self.approval_record = ApprovalRecord(self.vsl, self.bus, self.graph, self.settings)
        self.approvals = Approvals(
            self.approval_record,
            clock=clock,
            new_id=new_id,
            settings=self.settings,
            files=self.confirm_files,
            before_write=self.persist_unless_in_memory,
        )
        self.intake = Intake(
            self.root,
            self.vsl,
            self.bus,
            self.graph,
            clock=clock,
            folder=lambda: self.folder,
            live_streams=records.live_runs,
            on_merge=self._merged,
            look_at_files=lambda: self.drift.look(lambda: self.list_files(self.root)),
        )
        self.settling = Settling(self.intake)
        self.drift = DriftCheck(root, self.vsl, self.bus, self.graph, clock, records.live_runs)
        self.snapshots = Snapshots(
            root,
            self.vsl,
            self.bus,
            self.graph,
            clock=clock,
            new_id=new_id,
            folder=lambda: self.folder,
            most_kept=self._snapshots_kept,
            give_up=self._give_up,
            told=self._told_of_rollback,
            refuse_writing=self._refuse_if_read_only,
        )
        self.active_drift = ActiveDrift(
            self.drift,
            lambda: self.confirm_files.noting(self.list_files(self.root)),
            interval_s=self._looks_every_s,
            is_wanted=lambda: self.folder is not None and self.runs.is_carrying(),
        )
        records.instance_opened(self._instance)
        self.runs = RunManager(self, self._instance)

    @classmethod
    def open(
        cls,
        root: Path | str,
        *,
        clock: Clock = system_clock,
        new_id: NewId = new_uuid,
        in_memory: bool = False,
        follow_interval_s: float = 0.2,
        handlers: Mapping[str, Handler] | None = None,
        list_files: ListFiles = walked_files,
        store: ValueStateLayer | None = None,
        read_only: bool = False,
    ) -> Runtime:
        """The runtime of the project at `root`; runs whose process is gone become `interrupted` (D21).

        With `in_memory` (an untrusted folder) nothing is written until `persist`. Other processes are looked
        at every `follow_interval_s` seconds. `handlers` are functions that mplp.toml may name, as it names
        those of installed packages; `runtime.handlers.register` adds to them. `list_files` tells
        which files of the project count. A `store` is used in place of the one that mplp.toml says, and stays
        its maker's to close. With `read_only` a state that is there is looked at, and nothing in the folder
        changes: what would write raises StoreError, and runs whose process is gone are only shown as
        interrupted. Raises StoreError where the state cannot be used.
        """
        runtime = cls(
            Path(root).absolute(),
            clock=clock,
            new_id=new_id,
            in_memory=in_memory or read_only,
            follow_interval_s=follow_interval_s,
            handlers=handlers,
            list_files=list_files,
            store=store,
        )
        if read_only:
            runtime._look_into_state()
            return runtime
        if runtime.folder is not None or store is not None:
            runtime.runs.recover()
        return runtime

    def _look_into_state(self) -> None:
        self.is_read_only = True
        if self.vsl.path.exists() and is_known_where(self.root):
            self.vsl.look_into(*open_state_to_read(self.root, state_settings(self.root)))
            self.folder = self._state_folder

    def settings(self) -> Settings:
        """The project's mplp.toml as it is on disk, or the defaults. Raises SettingsInvalid."""
        path = self.root / SETTINGS_FILE
        try:
            settings = load_settings(read_regular(path, "utf-8-sig"))
        except FileNotFoundError:
            settings = Settings()
        except (OSError, UnicodeDecodeError) as problem:
            raise SettingsInvalid(f"{SETTINGS_FILE} cannot be read: {why(problem)}.") from problem
        self._collect(wanted=settings.learning.collect)
        return settings

    async def _give_up(self, run_id: str) -> None:
        await self.runs.cancel(run_id)

    async def _told_of_rollback(self, run_id: str) -> None:
        await self.runs.interventions.told_of_rollback(run_id)

    def _collect(self, *, wanted: bool) -> None:
        """Learning samples are kept from the moment on in which somebody reads that they are wanted."""
        with self._collecting:
            if self._ending is not None and self._ending.is_alive():
                # The one before still takes what it has told itself; of two each would write all samples.
                return
            if wanted and self._collector is None and self.folder is not None and not self.is_read_only:
                self._collector = Collector(self.folder, self.vsl, self.bus, new_id=self.new_id)
            elif not wanted and self._collector is not None:
                # In a thread: what still waits is committed first, and settings are also read in a commit.
                self._ending = threading.Thread(
                    target=self._collector.close, name="last learning samples", daemon=True
                )
                self._collector = None
                self._ending.start()

    def _end_collecting(self) -> None:
        if self._ending is not None:
            self._ending.join()
        self._collect(wanted=False)
        if self._ending is not None:
            self._ending.join()

    def told_of_impact(self, node_type: str, node_id: str, touched: Sequence[Touched]) -> None:
        """Has an `impact_assessed` recorded where learning samples are kept; nobody waits for that."""
        with suppress(SettingsInvalid):
            self.settings()
            if (collector := self._collector) is not None:
                node, project_id = (node_type, node_id), self.graph.graph_id
                collector.tell(lambda stamper: impact_event(stamper, node, touched, project_id=project_id))

    def persist(self) -> bool:
        """Moves the state into `.mplp/`, also if it was opened in memory; False in a read-only folder.

        It waits for a locked state: on a loop with others call it in a thread. Raises StoreError where the
        state on disk cannot be used.
        """
        self._refuse_if_read_only()
        self._in_memory = False
        with self._moving:
            if self.folder is None and is_writable(self.root):
                self._use_folder()
                self.graph.graph_id = (
                    self.vsl.read(lambda reading: reading.get("graph_id")) or self.graph.graph_id
                )
                self._write_timeline()
                self.runs.recover()
        return self.folder is not None

    def _refuse_if_read_only(self) -> None:
        if self.is_read_only:
            raise only_read(self.vsl.path)

    @property
    def have_others_begun(self) -> bool:
        """Whether another process has made a state meanwhile; after `persist` its runs are seen here."""
        return self.folder is None and not self._in_memory and self.vsl.path.exists()

    async def close(self) -> None:
        """Ends what was started here and closes the state; runs under way stay resumable (D26)."""
        settling = asyncio.ensure_future(self.settling.close())
        # A locked state keeps events waiting; the processes of runs must end in time all the same.
        await asyncio.wait({settling}, timeout=_HEAD_START_S)
        await self.active_drift.close()
        await self.runs.close()
        await settling
        records.instance_closed(self._instance)
        # In a thread, as the state below: what is told for learning may wait for a locked one.
        await asyncio.to_thread(self._end_collecting)
        if self._timeline is not None:
            self._timeline.close()
        if self._given_store is None:
            # In a thread: it waits for what is still being written, and other projects share this loop.
            await asyncio.to_thread(self.vsl.close)

    async def prepare_step(self, state: RunState, step_id: str) -> None:
        """Makes a snapshot before a step whose role `[drift] snapshot_before` names. Raises StoreError."""
        await snapshot_before(self.snapshots, self.bus, state, step_id, lambda: self.list_files(self.root))

    async def _merged(self, event: Mapping[str, Json]) -> None:
        settings = self.settings()
        if settings.gates.git_merge_reapproval:
            files = await asyncio.to_thread(lambda: list(self.list_files(self.root)))
            await propose_again(self.approvals, self.root, files, settings, event)

    def _snapshots_kept(self) -> int:
        try:
            settings = self.settings()
        except SettingsInvalid:
            # Somebody is typing in it; nothing goes that it may want to keep.
            return MOST_SNAPSHOTS_UNSAID
        return settings.drift.snapshots_kept

    def _looks_every_s(self) -> float:
        settings = self.settings()
        return settings.drift.active_interval_s

    def persist_unless_in_memory(self) -> None:
        """Begins to keep state where that is wanted."""
        self._refuse_if_read_only()
        if not self._in_memory:
            self.persist()

    def _has_reason_to_persist(self) -> bool:
        return self._given_store is not None or self.vsl.path.exists() or (self.root / SETTINGS_FILE).exists()

    def _use_folder(self) -> None:
        prepare_folder(self._state_folder)
        self.vsl.persist()
        self.folder = self._state_folder
        # The folder for our files, the root for approvals beside the plan.
        remove_abandoned(self.folder, deep=True)
        remove_abandoned(self.root)

    def _write_timeline(self) -> None:
        if self.folder is None or self._timeline is not None:
            return
        self._timeline = NdjsonSink(self.folder / TIMELINE_FILE, self.vsl, "project")
        self._timeline.catch_up()
        self.bus.follow(self._timeline.take)
