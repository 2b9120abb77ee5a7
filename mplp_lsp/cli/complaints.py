"""What goes to standard error: sentences for people, and never a traceback unless one was asked for."""

from __future__ import annotations

import logging
import os
import sys

from mplp_lsp.cli.style import printable

INTERNAL = 70
"""EX_SOFTWARE of sysexits.h: the program itself is at fault."""

APPROVED_ANEW = (
    "mplp-lsp run PLAN --anew --yes gives the run up, and approves and runs the plan as it stands."
)
"""What to type where a plan was rejected since its run was interrupted; such a run cannot be approved."""


def complain(sentence: str) -> None:
    """One line for the person at the terminal, free of control characters."""
    print(f"mplp-lsp: {printable(sentence)}", file=sys.stderr)


def report_bug(error: BaseException) -> int:
    """Says that this was our fault and how to see more; gives the exit code."""
    where = f"{type(error).__name__}: {error}".splitlines()[0]
    complain(f"internal error, a bug of mplp-lsp ({where}).")
    if is_debugging():
        logging.getLogger(__name__).error("Where it happened:", exc_info=error)
    else:
        complain("Set MPLP_LSP_DEBUG=1 to see where, and please report it.")
    return INTERNAL


def is_debugging() -> bool:
    """Whether the person wants to see inside."""
    return os.environ.get("MPLP_LSP_DEBUG") == "1"


def log_in_sentences() -> None:
    """Warnings of the runtime become lines like our own; their tracebacks are for debugging only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Sentences("mplp-lsp: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Sentences(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if is_debugging():
            return super().format(record)
        return self._style.format(_with_message(record))


def _with_message(record: logging.LogRecord) -> logging.LogRecord:
    record.message = printable(record.getMessage())
    return record
