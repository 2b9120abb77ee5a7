"""Disks without room and disks that cannot be written: one sentence, nothing acknowledged is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROCESS = "tests.runtime.vsl.disk_process"
REPOSITORY = Path(__file__).parents[3]
STORES = ["sqlite", "sqlite-rollback-journal", "encrypted-sqlite"]


@cache
def may_mount() -> bool:
    """As root in an ordinary container or machine; not for users, and not where mounting is forbidden."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def said_by(folder: Path, mode: str, store: str) -> dict[str, Any]:
    command = [sys.executable, "-m", PROCESS, mode, store, str(folder)]
    if mode != "full-by-limit":
        if not may_mount():
            pytest.skip("only root may mount a disk of its own")
        command = ["unshare", "--mount", *command]
    output = subprocess.run(command, check=True, capture_output=True, timeout=100, cwd=REPOSITORY)
    found: dict[str, Any] = json.loads(output.stdout)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces and limits are Linux's")
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("mode", ["full", "full-by-limit"])
def test_a_full_disk_is_told_and_loses_nothing_that_was_acknowledged(
    tmp_path: Path, mode: str, store: str
) -> None:
    said = said_by(tmp_path, mode, store)
    assert said["acknowledged"] > 10
    assert all("nothing was saved" in error for error in said["errors"])
    assert said["readable"], "what is there can still be read"
    assert said["kept"], "and is there after a restart"
    assert said["goes_on"], "and with room again it goes on"
    assert said["integrity"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_read_only_disk_is_told_and_the_project_works_in_memory(tmp_path: Path) -> None:
    said = said_by(tmp_path, "read-only", "sqlite")
    assert "read-only" in said["error"] or "cannot be" in said["error"]
    assert said["is_durable"] is False
    assert said["kept"] == 1
