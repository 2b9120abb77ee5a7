"""The page that `make bench` prints and writes: what was measured, beside the peer and the budget."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mplp_lsp.version import VERSION

BY_HAND = "\n## Where a budget is missed, and why\n"

Samples = Mapping[str, Sequence[float]]

BUDGETS: Mapping[str, Mapping[int, str]] = {
    "spawn to initialize": {10: "500"},
    "open": {10: "2", 1_000: "10, ratio 0.3", 10_000: "120, ratio 0.75"},
    "edit in a step": {10: "2", 1_000: "2, ratio 0.12", 10_000: "2, ratio 0.02"},
    "break or repair the JSON": {10: "2", 1_000: "4, ratio 0.3", 10_000: "25, ratio 0.2"},
    "edit of a dependency": {10: "2", 1_000: "3", 10_000: "8"},
    "burst: last key": {10: "3", 1_000: "3", 10_000: "5"},
    "hover in a burst": {10: "3", 1_000: "3", 10_000: "5"},
    "hover": {1_000: "p95 10", 10_000: "p95 25"},
    "hover on an id": {1_000: "p95 10", 10_000: "p95 25"},
    "definition": {1_000: "p95 10", 10_000: "p95 25"},
    "references": {1_000: "p95 10", 10_000: "p95 25"},
    "completion": {1_000: "p95 10", 10_000: "p95 25"},
    "completion of an id": {1_000: "p95 10", 10_000: "p95 25"},
    "completion after an edit": {10: "3", 1_000: "5", 10_000: "10"},
    "document symbols": {10: "2", 1_000: "10", 10_000: "80"},
    "memory": {10: "80", 1_000: "90", 10_000: "150"},
}
"""Milliseconds (memory: MiB), p50 where nothing else is said, and p95 at most three times that; for two cores
that do nothing else."""

WORKSPACE_BUDGETS: Mapping[str, str] = {
    "all documents known": "3000",
    "first hover": "3000",
    "hover while documents are read, p95": "25",
    "one edit: every affected document": "50",
    "longest hover meanwhile": "100",
    "memory": "150",
    "memory beside foreign files": "150",
    "all documents known, 50,000 foreign files beside them": "1.2 times",
    "documents with findings that are not ours": "0",
}


def heading(peer: str | None) -> list[str]:
    """What was measured, when and where."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    beside = f" beside {peer} (pull mode, edit by edit in turn)" if peer else ""
    return [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {now}: mplp-lsp {VERSION}{beside}, every rule and feature on.",
        f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, load {load}.",
        "",
        "Milliseconds from the first byte of the message to the last byte of the answer, p50 / p95. Absolute",
        "times follow the machine and what else it does; the ratio of the p50 in the same run is the result.",
        "The plans have no findings of their own. Both servers have had 1.5 s to themselves, and one edit",
        "and one request of each kind, before anything is counted; that first round is a row of its own.",
    ]


def of_size(size: int, results: Sequence[tuple[str, Samples]]) -> list[str]:
    """One table; the first server is ours, a second one the peer."""
    ours = results[0][1]
    peer = results[1][1] if len(results) > 1 else {}
    names = " | ".join(name for name, _ in results)
    ratio = " | ratio" if peer else ""
    rows = ["", f"## {size:,} steps", "", f"| figure | {names}{ratio} | budget |"]
    rows.append("|" + "---|" * (2 + len(results) + bool(peer)))
    for figure, samples in ours.items():
        cells = [_cell(samples)]
        if peer:
            theirs = peer.get(figure)
            cells.append(_cell(theirs) if theirs else "-")
            cells.append(f"{statistics.median(samples) / statistics.median(theirs):.3f}" if theirs else "-")
        shown = "memory, MiB" if figure == "memory" else figure
        rows.append(f"| {shown} | " + " | ".join(cells) + f" | {BUDGETS.get(figure, {}).get(size, '')} |")
    return rows


def of_workspace(figures: Mapping[str, float]) -> list[str]:
    """The table of the project with 1,000 documents."""
    rows = ["", "## A project of 1,000 documents", "", "| figure, ms | mplp-lsp | budget |", "|---|---|---|"]
    for figure, value in figures.items():
        shown = figure.replace("memory", "memory, MiB,").removesuffix(",")
        rows.append(f"| {shown} | {value:.1f} | {WORKSPACE_BUDGETS.get(figure, '')} |")
    return rows


def by_hand(page: str) -> str:
    """What people have written on an earlier page, from its heading on: no measurement replaces it."""
    start = page.find(BY_HAND)
    return page[start:] if start >= 0 else ""


def _cell(samples: Sequence[float]) -> str:
    ordered = sorted(samples)
    p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    return f"{statistics.median(ordered) * 1000:.1f} / {p95 * 1000:.1f}"
