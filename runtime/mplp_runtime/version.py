"""What this runtime says about itself (seed 1, 7.2)."""

from __future__ import annotations

VERSION = "0.1.0"
"""The one place that says it; the package is built with it. To ask the installed package takes 30 ms."""

SUPPORTED_PROTOCOL_VERSIONS = ("1.0.0",)
SUPPORTED_PROFILES = ("SA", "MAP")


def runtime_version() -> str:
    """The version of this code."""
    return VERSION
