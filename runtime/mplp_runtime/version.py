"""What this runtime says about itself (seed 1, 7.2)."""

from __future__ import annotations

NAME = "mplp-lsp"

VERSION = "0.1.0"
"""The one place that says it; the package is built with it. To ask the installed package takes 30 ms."""

SUPPORTED_PROTOCOL_VERSIONS = ("1.0.0",)
SUPPORTED_PROFILES = ("SA", "MAP")


def runtime_version() -> str:
    """The version of this code."""
    return VERSION


def declaration() -> dict[str, object]:
    """Name and version, and what is supported: `--version --json` and `serverInfo` carry it.

    >>> declaration()["supported_profiles"]
    ['SA', 'MAP']
    """
    return {
        "runtime_name": NAME,
        "runtime_version": VERSION,
        "supported_protocol_versions": list(SUPPORTED_PROTOCOL_VERSIONS),
        "supported_profiles": list(SUPPORTED_PROFILES),
    }
