"""What a dropped text took goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
from mplp_lsp.server.large_blocks import give_large_blocks_back

def anonymous_kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

assert give_large_blocks_back()
before = anonymous_kib()
for _ in range(3):
    texts = ["x" * 4_000_000 for _ in range(5)]
    kept = [bytes([number]) * 2_000 for number in range(100)]
    del texts
print(anonymous_kib() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way")
def test_large_texts_leave_nothing_behind() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4_000
