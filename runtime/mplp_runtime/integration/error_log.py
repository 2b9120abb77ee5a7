"""What could not be taken in, and why: the integration error log (seed 2, 8.2)."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

from mplp_runtime.sources import Clock, timestamp
from mplp_runtime.trace.files import append_line
from mplp_runtime.vsl.file_protection import PLAIN, Protection

ERROR_LOG = "integration-errors.ndjson"
LARGEST_BYTES = 1_000_000
MOST_SHOWN = 100

_LONGEST_EVENT = 2_000

logger = logging.getLogger(__name__)


class ErrorLog:
    """Lines of JSON in the state folder, where there is one; the newest are kept in memory besides.

    Each line has `timestamp`, `source`, `error` (a sentence), and the beginning of the event as it came. On
    disk they are protected as the timelines are: an encrypted state has no errors in plain text beside it.
    """

    def __init__(
        self,
        folder: Callable[[], Path | None],
        clock: Clock,
        protection: Callable[[], Protection] = lambda: PLAIN,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._protection = protection
        self.newest: deque[dict[str, str]] = deque(maxlen=MOST_SHOWN)

    def add(self, source: str, error: str, event: object) -> None:
        """Keeps one line. A disk that does not take it is logged; the event's own error counts more."""
        text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=True, default=repr)
        line = {
            "timestamp": timestamp(self._clock()),
            "source": source,
            "error": error,
            "event": text if len(text) <= _LONGEST_EVENT else text[: _LONGEST_EVENT - 1] + "…",
        }
        self.newest.append(line)
        folder = self._folder()
        if folder is None:
            return
        try:
            protection = self._protection()
            shown = json.dumps(protection.event(line), ensure_ascii=True)
            _append(folder / f"{ERROR_LOG}{protection.suffix}", shown)
        except OSError as problem:
            logger.warning("The integration error log cannot be written: %s.", problem.strerror)


def _append(path: Path, line: str) -> None:
    if path.exists() and path.stat().st_size + len(line) > LARGEST_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    append_line(path, line)
