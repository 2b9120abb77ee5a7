"""For CI: which tests failed, one id a line, in the file that MPLP_FAILED_TESTS names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Of all processes that share the tests only the first writes."""
    target = os.environ.get("MPLP_FAILED_TESTS")
    if not report.failed or not target or "PYTEST_XDIST_WORKER" in os.environ:
        return
    path = Path(target)
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if report.nodeid not in known:
        path.write_text("\n".join([*known, report.nodeid, ""]), encoding="utf-8")
