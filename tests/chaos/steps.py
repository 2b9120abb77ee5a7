"""What the steps of the harness do: each attempt leaves one line in the file `effects`, outside the state."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos import shim

EFFECTS = "effects"
PAUSE = "MPLP_CHAOS_PAUSE_S"
"""How long a step lasts, in seconds; half of it before its effect and half after, each at random."""


def leave_effect(request: Mapping[str, Any]) -> str:
    """A step that succeeds."""
    _pause()
    _leave(Path(request["root"]), request["step"]["description"], request["attempt"])
    _pause()
    return f"done by attempt {request['attempt']}"


def fail_once(request: Mapping[str, Any]) -> str:
    """A step whose first attempt leaves its effect and fails."""
    leave_effect(request)
    if request["attempt"] == 1:
        raise ConnectionError("the first attempt always fails")
    return "done"


def effects(root: Path) -> list[tuple[str, int]]:
    """Name and attempt of what was done, once for each time it happened."""
    try:
        lines = (root / EFFECTS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [(name, int(attempt)) for name, _, attempt in (line.partition(" ") for line in lines)]


def _leave(root: Path, name: str, attempt: int) -> None:
    number = os.open(root / EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(number, f"{name} {attempt}\n".encode())
    finally:
        os.close(number)
    shim.mark(f"effect {name} {attempt}")


def _pause() -> None:
    longest = float(os.environ.get(PAUSE, "0")) / 2
    if longest:
        time.sleep(random.uniform(0.0, longest))
