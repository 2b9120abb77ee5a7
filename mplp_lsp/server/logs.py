"""The server's own log: standard error, warnings and up, short lines, no document text.

Editors show each line of standard error as an error, so silence is the normal state. `MPLP_LSP_LOG` sets the
level (DEBUG, INFO, WARNING, ERROR).
"""

from __future__ import annotations

import logging
import os
import sys

LONGEST_RECORD_CHARACTERS = 16_000


class ShortFormatter(logging.Formatter):
    """One record, cut where it would flood the editor's output channel."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if len(text) > LONGEST_RECORD_CHARACTERS:
            text = f"{text[:LONGEST_RECORD_CHARACTERS]}… ({len(text)} characters)"
        # A lone surrogate in a message cannot be encoded.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def log_to_standard_error() -> None:
    """Sets up logging for a server process; calling it again changes nothing."""
    root = logging.getLogger()
    if any(isinstance(handler.formatter, ShortFormatter) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShortFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    name = os.environ.get("MPLP_LSP_LOG", "WARNING").upper()
    root.setLevel(name if name in {"DEBUG", "INFO", "WARNING", "ERROR"} else "WARNING")
    # pygls logs whole messages at INFO; ours never reach that code, but its loggers stay quiet in any case.
    logging.getLogger("pygls").setLevel(logging.ERROR)
