"""Watching a project where the editor does not: one thread, relevant folders only, one callback per batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.workspace.file_set import MAX_FOLDERS, FileSet

logger = logging.getLogger(__name__)

_ROOT_GONE_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Batch:
    """What was seen together. With `must_rescan` the paths may not be the whole story: compare every file."""

    root: Path
    paths: frozenset[Path] = frozenset()
    must_rescan: bool = False


class Watcher:
    """Tells `on_batch` (on the watcher's thread) about changed paths of one project until `stop`.

    Ignored folders are not watched at all, so `npm install` costs nothing, and ignored files are not told.
    Nor is what happened to a path: the caller compares it with what it knew, because events arrive late,
    merged and twice.
    """

    def __init__(
        self,
        root: Path,
        on_batch: Callable[[Batch], None],
        *,
        debounce_ms: int = 200,
        rescan_above: int = 2_000,
        most_told: int = 20_000,
        recheck_every_s: float = 300.0,
    ) -> None:
        self.root = root
        self._on_batch = on_batch
        self._debounce_ms = debounce_ms
        self._rescan_above = rescan_above
        self._most_told = most_told
        self._recheck_every_s = recheck_every_s
        self._files = FileSet(root)
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._gap = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mplp-watch {root.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_until_watching(self, timeout_s: float) -> bool:
        """Whether changes from now on will be seen; False if that is not so within `timeout_s`."""
        return self._ready.wait(timeout_s)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Returns once no callback can come any more; safe to call twice and before `start`."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        is_first = True
        pause_s = 0.1
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                folders = self._folders()
                if folders:
                    self._watch(folders, announce_gap=not is_first)
                else:
                    # The root is gone for now: an unmounted disk, a branch that is being switched.
                    self._stopping.wait(_ROOT_GONE_PAUSE_S)
            except Exception:
                # The native part fails on odd paths and on exhausted watches: start again, ever more slowly.
                logger.warning("Watching %s failed; starting again", self.root, exc_info=True)
                pause_s = 0.1 if time.monotonic() - started > 60 else min(pause_s * 2, 30.0)
                self._stopping.wait(pause_s)
            is_first = False

    def _folders(self) -> list[Path]:
        folders = self._files.folders(limit=MAX_FOLDERS + 1)
        if len(folders) > MAX_FOLDERS:
            logger.warning("%s has more than %d folders; deeper ones are not watched", self.root, MAX_FOLDERS)
        return folders[:MAX_FOLDERS]

    def _watch(self, folders: Sequence[Path], *, announce_gap: bool) -> None:
        """Until the set of folders changes, the watcher is stopped, or the native part fails."""
        from watchfiles import Change, watch

        known = {str(folder) for folder in folders}
        if announce_gap:
            # Between two native watchers nobody looked; what happens from here on the new one sees.
            self._gap.set()
        batches = watch(
            *known,
            watch_filter=None,
            debounce=self._debounce_ms,
            stop_event=_Watched(self),
            rust_timeout=max(1, int(self._recheck_every_s * 1000)),
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )
        for seen in batches:
            paths = self._files.counting({Path(path) for _, path in seen})
            # After a while without news, or with very many: the kernel may have dropped events, and does not
            # tell us.
            must_rescan = not seen or len(paths) > self._rescan_above
            told = paths if len(paths) <= self._most_told else ()
            if told or must_rescan:
                self._tell(Batch(self.root, frozenset(told), must_rescan))
            # A folder that was deleted and made again is another one, which nobody watches yet.
            has_lost_one = any(path in known and change != Change.modified for change, path in seen)
            if has_lost_one or any(folder_appeared(path, known) for path in paths):
                return

    def is_stopping(self) -> bool:
        """Asked again and again while the native watcher is at work, so the first time it has begun."""
        self._ready.set()
        if self._gap.is_set():
            self._gap.clear()
            self._tell(Batch(self.root, must_rescan=True))
        return self._stopping.is_set()

    def _tell(self, batch: Batch) -> None:
        if self._stopping.is_set():
            return
        try:
            self._on_batch(batch)
        except Exception:
            logger.exception("A batch of file changes was lost")


@dataclass(frozen=True, slots=True)
class _Watched:
    """What watchfiles takes for an event: it asks `is_set` between two looks at the native watcher."""

    watcher: Watcher

    def is_set(self) -> bool:
        return self.watcher.is_stopping()


def folder_appeared(path: Path, known: set[str]) -> bool:
    """Whether `path` is a folder that is not watched yet; a link to a folder is none."""
    return str(path) not in known and not path.is_symlink() and path.is_dir()
