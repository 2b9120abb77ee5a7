"""What was seen while processes were killed, and the table that is printed of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class Figures:
    """Counts, largest values, and for each promise the cases in which it was broken."""

    kills: int = 0
    kills_in_a_step: int = 0
    kills_by_state: Counter[str] = field(default_factory=Counter)
    kills_by_place: Counter[str] = field(default_factory=Counter)
    power_cuts: int = 0
    bad_disks: int = 0
    restarts: int = 0
    rivals: int = 0
    plans: int = 0
    acknowledged: int = 0
    answers: int = 0
    questions: int = 0
    effects: int = 0
    slowest_restart_s: float = 0.0
    largest_memory_mib: float = 0.0
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    two_owners: list[str] = field(default_factory=list)
    left_running: list[str] = field(default_factory=list)
    left_files: list[str] = field(default_factory=list)

    @property
    def share_in_a_step(self) -> float:
        """Which part of the kills hit between a step's start and its result, 0 to 1."""
        return self.kills_in_a_step / self.kills if self.kills else 0.0

    def broken(self) -> dict[str, list[str]]:
        """The promises that were broken, by the words of the table."""
        cases = {words: getattr(self, name) for name, words in _PROMISES.items()}
        return {words: each for words, each in cases.items() if each}

    @property
    def is_good(self) -> bool:
        """Whether every promise held."""
        return not self.broken()

    def add(self, other: Figures) -> None:
        """Takes over what another worker has seen."""
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            if each.name in ("slowest_restart_s", "largest_memory_mib"):
                setattr(self, each.name, max(ours, theirs))
            elif isinstance(ours, list):
                ours += theirs
            elif isinstance(ours, Counter):
                ours.update(theirs)
            else:
                setattr(self, each.name, ours + theirs)

    def json(self) -> str:
        """For the process that adds them up."""
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def of_json(cls, text: str) -> Figures:
        """What `json` made."""
        value: dict[str, Any] = json.loads(text)
        counters = {name: Counter(value[name]) for name in ("kills_by_state", "kills_by_place")}
        return cls(**{**value, **counters})


def table(columns: Mapping[str, Figures]) -> str:
    """The figures side by side, one row each, and below them the places of kills and what was broken."""
    every = list(columns.values())

    def row(name: str, of: Callable[[Figures], str]) -> str:
        return f"{name:<50}" + "".join(f"{of(each):>14}" for each in every)

    lines = [
        f"{'':<50}" + "".join(f"{name:>14}" for name in columns),
        row("kills (-9)", lambda each: f"{each.kills}"),
        row(
            "  between a step's start and its result",
            lambda each: f"{each.kills_in_a_step} ({each.share_in_a_step:.0%})",
        ),
        row("power cuts (simulated)", lambda each: f"{each.power_cuts}"),
        row("disks that were full or broken", lambda each: f"{each.bad_disks}"),
        row("restarts", lambda each: f"{each.restarts}"),
        row("  with a rival at the same moment", lambda each: f"{each.rivals}"),
        row("  slowest until ready, seconds", lambda each: f"{each.slowest_restart_s:.2f}"),
        row("largest process, MiB", lambda each: f"{each.largest_memory_mib:.0f}"),
        row("plans run to their end", lambda each: f"{each.plans}"),
        row("acknowledged steps", lambda each: f"{each.acknowledged}"),
        row("acknowledged answers of people", lambda each: f"{each.answers}"),
        row("questions about unknown outcomes", lambda each: f"{each.questions}"),
        row("effects", lambda each: f"{each.effects}"),
    ]
    for name, words in _PROMISES.items():
        counts = [len(getattr(each, name)) for each in every]
        lines.append(f"{words:<50}" + "".join(f"{count:>14}" for count in counts))
    for title, name in (("kills by state", "kills_by_state"), ("kills by place", "kills_by_place")):
        seen: Counter[str] = sum((getattr(each, name) for each in every), Counter())
        lines += ["", title, *(f"  {what:<48}{count:>6}" for what, count in sorted(seen.items()))]
    for column, each in columns.items():
        for words, cases in each.broken().items():
            lines += ["", f"{words} ({column}):", *(f"  {case}" for case in cases[:10])]
    return "\n".join(lines)


_PROMISES = {
    "lost": "R1 acknowledged steps, answers and snapshots lost",
    "damaged": "R1 states that SQLite finds damaged",
    "repeated": "R2 steps repeated without consent",
    "by_hand": "R3 restarts that needed a hand",
    "invalid": "R4 documents and events invalid",
    "torn": "R4 timelines and traces torn",
    "untrue": "R4 histories that differ from what happened",
    "backwards": "R4 events before the one they follow",
    "two_owners": "R5 runs with two owners",
    "left_running": "R7 processes left running",
    "left_files": "   temporary files left behind",
}
