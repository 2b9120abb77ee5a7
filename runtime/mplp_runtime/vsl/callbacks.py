"""What runs after a commit: one callback after the other, none of which can undo what is durable."""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


def run_callback(callback: Callable[[], None]) -> None:
    """Runs an after_commit callback; what it raises is our bug: it is logged, and the next one runs."""
    try:
        callback()
    except Exception:
        logger.exception("A callback after a commit failed.")
