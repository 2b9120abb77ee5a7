"""Memory of large texts goes back to the system when they are dropped.

The C library learns from the first large block that is freed to keep such blocks for itself: from then on the
texts of a session lie between small objects, and what is free there nobody else gets. For a plan of 10,000
steps that is 20 to 30 MiB. With a fixed limit each large block is mapped by itself.
"""

from __future__ import annotations

import sys

LARGE_BYTES = 256 * 1024
_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's mallopt(3), which stops adjusting it once it has been set."""


def give_large_blocks_back() -> bool:
    """Whether the C library has taken the limit; others than glibc do not know it."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE_BYTES))
    except (ImportError, OSError, AttributeError):
        return False
