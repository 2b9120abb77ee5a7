"""Trace and timeline of runs that nobody carries, kept true to the store."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator.live import write_files_from_store
from mplp_runtime.orchestrator.records import LIVE_STATUSES
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.orchestrator.state import RunState, load_state

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

logger = logging.getLogger(__name__)


class FilesAtRest:
    """Writes the files of runs that have stopped. Its methods may wait for a file that somebody keeps."""

    def __init__(self, runtime: Runtime, recovery: Recovery) -> None:
        self._runtime = runtime
        self._recovery = recovery
        self.unwritable: set[str] = set()
        """Runs whose files could not be brought up to date here; that is told once, not at every look."""
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._asking = threading.Lock()

    def finish(self, state: RunState) -> None:
        """Says that the files of a run that was carried here tell all of `state`.

        They are written again where others have changed the run meanwhile. Raises StoreError.
        """
        if not self._recovery.files_written(state.run_id, of=state.run):
            self.write(state.run_id)

    def write(self, run_id: str) -> None:
        """Brings the files of a run up to date, where there are files at all; not of one that is carried."""
        folder = self._runtime.folder
        if folder is None:
            return
        # One at a time: whoever is slower would leave the older of two records in the files.
        with self._lock(run_id):
            try:
                while not self._is_written(folder, run_id):
                    # Others have changed it meanwhile.
                    pass
            except StoreError as problem:
                self.unwritable.add(run_id)
                logger.warning("%s", problem)

    def _is_written(self, folder: Path, run_id: str) -> bool:
        store = self._runtime.vsl
        state = store.read(lambda reading: load_state(reading, run_id))
        if state is None:
            return self._recovery.files_written(run_id)
        if state.run["status"] in LIVE_STATUSES:
            # Somebody has taken it up, and writes them.
            return True
        write_files_from_store(folder, state, store, self._runtime.clock)
        return self._recovery.files_written(run_id, of=state.run)

    def _lock(self, run_id: str) -> threading.Lock:
        with self._asking:
            return self._locks.setdefault(run_id, threading.Lock())
