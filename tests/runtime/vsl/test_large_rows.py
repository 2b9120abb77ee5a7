"""A frozen plan of tens of megabytes is stored without staying in memory twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LARGE_NODE = """
import gc, sys
from pathlib import Path
from mplp_runtime.vsl.sqlite import SqliteStore

def resident_mib() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024

def create(node_id, text):
    def work(transaction):
        transaction.create_node("RunPlan", node_id, {"text": text})
    store.transact_sync(work)

store = SqliteStore(Path(sys.argv[1]))
create("small", "")
before = resident_mib()
create("large", "x" * 60 * 1024 * 1024)
gc.collect()
print(resident_mib() - before)
store.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has")
def test_a_large_plan_does_not_stay_in_memory_once_it_is_stored(tmp_path: Path) -> None:
    grown = subprocess.run(
        [sys.executable, "-c", LARGE_NODE, str(tmp_path / "state.db")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert int(grown) < 40
