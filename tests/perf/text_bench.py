"""What texts and trees cost, in milliseconds: run it as a script.

    python tests/perf/text_bench.py [PLAN.json …]

Without arguments plans of 1,000 and 10,000 steps are made. Compare figures of one run only: the first line of
each plan says what `json.loads` takes on this machine now.
"""

from __future__ import annotations

import json
import random
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

MARK = '"description": "'


def plan(steps: int) -> str:
    """A sound plan, about 360 bytes a step."""
    rng = random.Random(steps)
    ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(steps)]
    value = {
        "meta": {"protocol_version": "1.0.0", "tags": ["benchmark"]},
        "plan_id": ids[0],
        "title": f"Plan with {steps} steps",
        "steps": [
            {
                "step_id": ids[n],
                "description": f"Collect what was measured and compare it with what was expected (part {n})",
                "status": "pending",
                "dependencies": rng.sample(ids[max(0, n - 9) : n], min(n, rng.choice([0, 1, 1, 2, 3]), 9)),
                "agent_role": "executor",
                "order_index": n,
            }
            for n in range(steps)
        ],
        "trace": {"trace_id": ids[-1]},
    }
    return json.dumps(value, indent=2) + "\n"


def times(action: Callable[[], object], repeat: int) -> str:
    """Best and middle of some runs, in milliseconds."""
    taken = []
    for _ in range(repeat):
        start = perf_counter()
        action()
        taken.append((perf_counter() - start) * 1000)
    taken.sort()
    return f"best {taken[0]:8.3f}   p50 {taken[len(taken) // 2]:8.3f}"


class Typing:
    """A document that is edited again and again at one place: something comes and goes."""

    def __init__(self, text: str, at: int, end: int, new: str) -> None:
        self.snapshot = TextSnapshot.of(text)
        self.tree = Tree.parse(self.snapshot)
        self._at = at
        self._old = text[at:end]
        self._new = new
        self._is_new = False

    def __call__(self) -> None:
        present, coming = (self._new, self._old) if self._is_new else (self._old, self._new)
        edit = Edit(self._at, self._at + len(present), coming)
        self.snapshot = self.snapshot.edited(*edit)
        self.tree = self.tree.edited([edit], self.snapshot)
        self._is_new = not self._is_new


def measure(name: str, text: str) -> None:
    """Print the figures of one plan."""
    print(f"{name}: {len(text.encode()):,} bytes")
    repeat = 31 if len(text) < 1_000_000 else 9
    print("  json.loads                     ", times(lambda: json.loads(text), repeat))
    print("  Tree.parse, sound              ", times(lambda: Tree.parse(TextSnapshot.of(text)), repeat))
    print("  lines, first time              ", times(lambda: TextSnapshot.of(text).lines, repeat))
    tree = Tree.parse(TextSnapshot.of(text))
    count = tree.tables["steps"].count
    middle = text.index(MARK, len(text) // 2) + len(MARK)
    start, end = tree.range_of(("steps", count // 2))
    title = text.index('"title": "') + len('"title": "')
    cases = (
        ("edit inside a step", middle, middle, "x"),
        ("break and repair: a quote", middle - 1, middle, ""),
        ("break and repair: a comma", end, end + 1, ""),
        ("break and repair: a closing brace", end - 1, end, ""),
        ("a step comes and goes", start, end + 1, ""),
        ("edit in the header", title, title, "x"),
    )
    for label, at, stop, new in cases:
        typing = Typing(text, at, stop, new)
        typing()
        typing()
        print(f"  {label:31}", times(typing, 100))
    positions = [middle + 37 * n for n in range(20)]
    snapshot = tree.text
    print(
        "  20 positions, UTF-16           ",
        times(lambda: [snapshot.position(p, "utf-16") for p in positions], 50),
    )

    def places() -> None:
        fresh = Tree.parse(TextSnapshot.of("".join(['{"steps": [', text[start:end], "]}"])))
        fresh.range_of(("steps", 0, "status"))

    print("  one step: read, and one place  ", times(places, 50))
    print("  all problems, none there       ", times(lambda: Tree.problems.func(tree), 50))


def main() -> None:
    """Measure the plans named on the command line, or two made up."""
    named = [(path, Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:]]
    for name, text in named or [(f"{n:,} steps", plan(n)) for n in (1000, 10_000)]:
        measure(name, text)


if __name__ == "__main__":
    main()
