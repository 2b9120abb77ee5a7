"""What this build is, in the words of seed 1, 7.2."""

from __future__ import annotations

from mplp_runtime.version import VERSION, declaration

__all__ = ["VERSION", "declaration"]
