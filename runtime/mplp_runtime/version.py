"""What this runtime says about itself (seed 1, 7.2)."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

SUPPORTED_PROTOCOL_VERSIONS = ("1.0.0",)
SUPPORTED_PROFILES = ("SA",)


def runtime_version() -> str:
    """The version of the installed package; `0` where it runs from a folder that was never installed."""
    try:
        return version("mplp-lsp")
    except PackageNotFoundError:
        return "0"
