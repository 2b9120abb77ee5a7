"""Durable steps per second: our runs beside a loop that only stores events, LangGraph and DBOS, in one run.

Also how long an editor's hover takes meanwhile, and what the time of a step goes to.

`python -m tests.perf.runtime_bench` prints the table; `--output docs/benchmarks-runtime.md` writes the page
and keeps what is written by hand below its mark. All of it takes three minutes on a quiet machine with two
cores; in parts: `--sizes 1000,10000 --no-peers --no-inside`, then `--sizes 100000 --no-peers --no-inside`,
then `--sizes 1000,10000 --no-inside` for the peers. Every measurement is a process of its own. The peers
live in a virtual environment in the user's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = {
    "langgraph": ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
    "dbos": ("dbos==3.4.0",),
}
PEER_STEPS = {"langgraph": 10_000, "dbos": 1_000}
"""DBOS takes minutes for more; LangGraph saves what grows with the number of steps, after each layer."""
WIDTH = 50
CHAIN = 1_000
INSIDE_STEPS = 10_000
LARGE = 100_000
BY_HAND = "<!-- Written by hand from here on; `make bench-runtime` keeps it. -->"


@dataclass(frozen=True)
class Figures:
    """One measurement. `wall_s` and `cpu_s` are for the run alone."""

    steps: int
    width: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    loaded_mib: float = 0.0
    start_wall_s: float = 0.0
    start_cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        return self.steps / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.steps


@dataclass(frozen=True)
class Inside:
    """What was measured of one run besides: hovers in milliseconds, parts of its time in seconds."""

    steps: int
    hover: dict[str, float]
    split: dict[str, float]
    floor: dict[str, float]


def told(command: Sequence[str]) -> dict[str, float]:
    """What a process prints as its last line."""
    # What ran before must not be brought to disk meanwhile: a run waits for the disk at each commit.
    os.sync()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(command: Sequence[str], repeats: int) -> Figures:
    """The best of several runs of a process that prints its figures as its last line."""
    found = [Figures(**told(command)) for _ in range(repeats)]  # type: ignore[arg-type]
    return min(found, key=lambda figures: figures.wall_s)


def inside(count: int) -> Inside:
    """What a run of so many steps does to an editor, and what its time goes to."""

    def module(name: str, *arguments: str) -> dict[str, float]:
        return told([sys.executable, "-m", f"tests.perf.{name}", *arguments, str(count)])

    return Inside(
        count, module("hover_in_run"), module("runtime_split", "split"), module("runtime_split", "floor")
    )


def ours(name: str, count: int, width: int, repeats: int) -> Figures:
    return measured([sys.executable, "-m", "tests.perf.runtime_steps", name, str(count), str(width)], repeats)


def peer(name: str, python: Path, count: int, width: int, repeats: int) -> Figures:
    script = REPOSITORY / "tests/perf/peers" / f"{name}_steps.py"
    return measured([str(python), str(script), str(count), str(width)], repeats)


def peers_python() -> Path:
    """The interpreter of the environment that the peers are installed in, made when it is missing."""
    home = Path(os.environ.get("MPLP_BENCH_HOME", Path.home() / ".cache/mplp-lsp-bench")) / "runtime-peers"
    python = home / "bin/python"
    wanted = [package for packages in PEERS.values() for package in packages]
    mark = home / "installed.txt"
    if not mark.exists() or mark.read_text().split() != wanted:
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        subprocess.run(install, check=True)
        mark.write_text("\n".join(wanted) + "\n")
    return python


def loop_s() -> float:
    """Seconds for ten million turns of an empty loop: how quick this machine is just now."""
    began = time.process_time()
    for _ in range(10_000_000):
        pass
    return time.process_time() - began


def row(name: str, figures: Figures) -> str:
    return (
        f"| {name} | {figures.steps:,} | {figures.width} | {figures.per_second:,.0f} | {figures.cpu_ms:.2f} "
        f"| {figures.peak_mib:.0f} |"
    )


def page(rows: Sequence[tuple[str, Figures]], speed_s: float, seen: Inside | None) -> str:
    """The page, from the figures of this run alone."""
    known = {(name, figures.steps, figures.width): figures for name, figures in rows}
    sizes = sorted(steps for name, steps, width in known if name == "mplp-lsp" and width == WIDTH)
    lines = [
        "# Speed of runs",
        "",
        "Written by `make bench-runtime`; every figure is from that one run, best of several.",
        f"Python {platform.python_version()}, {os.cpu_count()} cores.",
        f"Ten million turns of an empty loop take {speed_s:.2f} s of processor time here.",
        f"Load average at the end: {os.getloadavg()[0]:.1f}. On a machine that does other work too, what the",
        "clock says is noise, and the figures by processor time are the ones to read.",
        "",
        "The plan has layers of equal width; each step waits for two of the layer above and does nothing.",
        "For mplp-lsp everything is on: SQLite with `synchronous=FULL`, eight events a step, timeline and",
        "trace on disk. The time goes from the request to the last file, checks of the plan included.",
        "",
        "| What | Steps | Width | Steps/s | CPU ms a step | Peak MiB |",
        "|---|---|---|---|---|---|",
        *(row(name, figures) for name, figures in rows),
        "",
        "| Figure | Budget | Here |",
        "|---|---|---|",
    ]
    for name, least in (("events alone", 0.5), ("LangGraph + SqliteSaver", 5.0), ("DBOS + SQLite", 25.0)):
        for theirs in [figures for other, figures in rows if other == name and figures.width == WIDTH]:
            own = known.get(("mplp-lsp", theirs.steps, WIDTH))
            if own is not None:
                ratio = own.per_second / theirs.per_second
                cpu = theirs.cpu_ms / own.cpu_ms
                lines.append(
                    f"| times as many steps/s as {name}, {theirs.steps:,} steps | >= {least:g} "
                    f"| {ratio:.2f} (by processor time {cpu:.2f}) |"
                )
    for steps, width, least in ((10_000, WIDTH, 5_000), (CHAIN, 1, 1_500)):
        own = known.get(("mplp-lsp", steps, width))
        if own is not None:
            shape = "nothing parallel" if width == 1 else f"width {width}"
            lines.append(
                f"| steps/s, {steps:,} steps, {shape} | >= {least:,} | {own.per_second:,.0f} "
                f"(by processor time {1000 / own.cpu_ms:,.0f}) |"
            )
    own = known.get(("mplp-lsp", 10_000, WIDTH))
    if own is not None:
        lines.append(f"| peak memory, 10,000 steps | <= 150 MiB | {own.peak_mib:.0f} |")
    if len(sizes) > 1:
        first, last = known["mplp-lsp", sizes[0], WIDTH], known["mplp-lsp", sizes[-1], WIDTH]
        fall = 1 - last.per_second / first.per_second
        cpu = 1 - first.cpu_ms / last.cpu_ms
        lines.append(
            f"| steps/s fall from {first.steps:,} to {last.steps:,} steps | < 25 % "
            f"| {fall:.0%} (by processor time {cpu:.0%}) |"
        )
        growth = 1024 * (last.peak_mib - last.loaded_mib) / last.steps
        lines.append(
            f"| memory beyond the loaded plan, {last.steps:,} steps | <= 2 KiB a step | {growth:.1f} |"
        )
    if seen is not None:
        lines += [
            hovers(seen),
            *between(seen),
        ]
    return "\n".join(lines) + "\n"


def hovers(seen: Inside) -> str:
    """The row about an editor's hovers, before and during the run."""
    times = {name: f"{value:.0f}" for name, value in seen.hover.items() if name.endswith("_ms")}
    return (
        f"| hover during a run of {seen.steps:,} steps, p95 | < 50 ms | {times['during_p95_ms']} "
        f"(p50 {times['during_p50_ms']}; before the run p50 {times['before_p50_ms']}, "
        f"p95 {times['before_p95_ms']}) |"
    )


def between(seen: Inside) -> list[str]:
    """What stands between a step and its floor, in milliseconds of processor time a step."""
    split, floor = seen.split, seen.floor
    writer = split["writer"] - split["statements"] - split["commit"]
    parts = {
        "SQLite: statements (all rows of a commit, one call for each table)": split["statements"],
        "SQLite: commits (write-ahead log, one sync each, checkpoints)": split["commit"],
        "the thread that commits: events and records as text, timeline": writer,
        "the control loop: checks of the plan, order, attempts, views": split["loop"],
        "other threads: the trace document": max(0.0, split["all"] - split["writer"] - split["loop"]),
    }
    return [
        "",
        "## What stands between",
        "",
        f"One more run of {seen.steps:,} steps whose threads were watched, which costs some time itself.",
        "",
        "| Part | CPU ms a step |",
        "|---|---|",
        *(f"| {name} | {1000 * seconds / seen.steps:.3f} |" for name, seconds in parts.items()),
        f"| all of it | {1000 * split['all'] / seen.steps:.3f} |",
        (
            f"| of that, until the run has begun (checks; plan, steps and edges into the graph) "
            f"| {1000 * split['start'] / seen.steps:.3f} |"
        ),
        (
            f"| floor: the very same rows, ready as they are, with as many commits "
            f"| {1000 * floor['all'] / seen.steps:.3f} |"
        ),
        "",
        "Each step leaves eight events, its attempt and its node in the graph; the start of the run has",
        "left its node in the plan and its edges. A step of a dry run begins and ends in one commit, as it",
        "has no action whose outcome a crash could leave unknown; one that waits for it is in another. A",
        "step that does something, as in the rows with functions, has its start on disk before that, in one",
        "commit with the end of what it waited for.",
    ]


def by_hand(page: Path) -> str:
    """What of the page before was written by hand; "" where nothing was."""
    _, mark, rest = page.read_text(encoding="utf-8").partition(BY_HAND) if page.exists() else ("", "", "")
    return f"\n{mark}{rest}" if mark else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000", help="numbers of steps, between commas")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many is kept")
    parser.add_argument("--no-peers", action="store_true", help="only what is ours")
    parser.add_argument("--no-inside", action="store_true", help="no hovers, and no parts of a run's time")
    parser.add_argument("--output", type=Path, help="the page to write")
    arguments = parser.parse_args()
    rows: list[tuple[str, Figures]] = []

    def add(name: str, figures: Figures) -> None:
        rows.append((name, figures))
        print(row(name, figures), flush=True)

    speed_s = loop_s()
    for size in [int(text) for text in arguments.sizes.split(",")]:
        # The largest takes a minute, and noise is small in it.
        add("mplp-lsp", ours("ours", size, WIDTH, arguments.repeats if size < LARGE else 1))
        if size < LARGE:
            add("events alone", ours("events", size, WIDTH, arguments.repeats))
    # It waits a thousand times for a disk that others use too, and takes a second.
    add("mplp-lsp", ours("ours", CHAIN, 1, 3 * arguments.repeats))
    for width in (WIDTH, 1):
        # No budget: what steps cost that do something, and so have their start on disk before it.
        add("mplp-lsp, each step a Python function", ours("functions", CHAIN, width, arguments.repeats))
    if not arguments.no_peers:
        python = peers_python()
        for label, name in (("LangGraph + SqliteSaver", "langgraph"), ("DBOS + SQLite", "dbos")):
            add(label, peer(name, python, PEER_STEPS[name], WIDTH, arguments.repeats))
    text = page(rows, speed_s, None if arguments.no_inside else inside(INSIDE_STEPS))
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + by_hand(arguments.output), encoding="utf-8")


if __name__ == "__main__":
    main()
