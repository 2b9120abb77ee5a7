"""What this build is, in the words of seed 1, 7.2."""

from __future__ import annotations

from mplp_runtime.version import SUPPORTED_PROFILES, VERSION

__all__ = ["VERSION", "declaration"]


def declaration() -> dict[str, object]:
    """Runtime name and version, and what it supports: `--version --json` and `serverInfo` carry it."""
    return {
        "runtime_name": "mplp-lsp",
        "runtime_version": VERSION,
        "supported_protocol_versions": ["1.0.0"],
        "supported_profiles": list(SUPPORTED_PROFILES),
    }
