"""Imports at their first use, in whichever thread that is.

Two threads that import packages which import each other can be given a half-made module: Python then prefers
an error to waiting for ever. Ours import one after the other, and what still met a half-made module tries
again.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from mplp_lsp.server.right_of_way import awaiting, giving_way

_ONE_AT_A_TIME = threading.RLock()
_TRIES = 50
_PAUSE_S = 0.02


def import_one(name: str) -> ModuleType:
    """The module. Raises ImportError where it cannot be imported, also after others have finished theirs."""
    with _one_at_a_time(), giving_way():
        for _ in range(_TRIES):
            try:
                return importlib.import_module(name)
            except ImportError as problem:
                if "partially initialized" not in str(problem):
                    raise
                time.sleep(_PAUSE_S)
        return importlib.import_module(name)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with awaiting():
        _ONE_AT_A_TIME.acquire()
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()


def import_protocol() -> None:
    """lsprotocol and pygls, with the collector at work.

    Each of some six hundred classes is made twice (attrs, for the sake of slots), in circles: without the
    collector 9 MiB of first versions would stay.
    """
    if "pygls.lsp.server" in sys.modules:
        return
    importlib.import_module("pygls.lsp.server")
    gc.collect()
