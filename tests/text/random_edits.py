"""Random edits as people and tools make them, in a document or anywhere."""

from __future__ import annotations

import json
import random

from mplp_lsp.text.edits import Change
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.tree import Tree
from tests.text import reference

PIECES = (
    "a", "x1", " ", "  ", "\n", "\r\n", "\r", "\n  ", "\n    ", "\t", "\u2028", "\x85", "\x0b", "\x0c",
    "\U0001f680", "\xe4", "\u6570", "{", "}", "[", "]", ",", ":", '"', "'", "\\", "/", "//", "/* */",
    "/*", "#", "0", "-1", "01", "1e5", "1e400", "NaN", "true", "nul", "\\u12", "\\ud83d", "\ud800",
    "\udc00", '"k": 1', '"k":', '"status": "x",', '{"id": 3}', ', {"id": 4}',
    '\n    {\n      "step_id": "n"\n    },', '"steps": [', '"more": [1, 2],\n  ', "<<<<<<< ours\n",
    "\n=======\n", "},", "],", "\n  ]", "\n    }", '\n  "title": "t",', "\ufeff", "\x00", "\x7f",
    "\n>>>>>>> theirs\n", "...", "\n    ...,\n", "\u2026", "```json\n", "\n```\n", "Here it is:\n",
    "2026-05-04T07:00:00Z", '"a" "b"', "", "", "", "", "",
)  # fmt: skip


def plan(steps: int, rng: random.Random) -> str:
    """A small document of the usual shape, in one of the usual layouts."""
    value = {
        "meta": {"protocol_version": "1.0.0", "tags": ["a", "b"]},
        "plan_id": "p-🚀",
        "steps": [
            {
                "step_id": f"s{n}",
                "description": rng.choice(["plain", "ünïcode 数据", "🚀 rollout"]),
                "dependencies": [f"s{n - 1}"] if n else [],
                "agent": {"role": "r", "limits": [1, 2.5, None, True]},
                "order_index": n,
            }
            for n in range(steps)
        ],
        "trace": {"trace_id": "t"},
        "events": [{"event_id": n} for n in range(rng.randint(0, 3))],
        "names": ["x", "y"],
    }
    indent = rng.choice([2, 2, 2, 4, None])
    text = json.dumps(value, indent=indent, ensure_ascii=rng.random() < 0.3)
    ends = rng.choice(["\n", "\n", "\r\n", "\r"])
    return text.replace("\n", ends) + ends


def change(text: str, tree: Tree, rng: random.Random, encoding: Encoding) -> Change:
    """One edit; more than half lie inside an element where there are any."""
    if rng.random() < 0.02:
        return None, text[: rng.randint(0, len(text))] + rng.choice(PIECES) + text[
            rng.randint(0, len(text)) :
        ]
    tables = [table for table in tree.tables.values() if table.count]
    if tables and rng.random() < 0.6:
        table = rng.choice(tables)
        index = rng.randrange(table.count)
        start = table.start_of(index)
        at = rng.randint(start, start + table.element(index).size)
    else:
        at = rng.randint(0, len(text))
    kind = rng.random()
    end = at if kind < 0.45 else at + rng.randint(0, 4) if kind < 0.9 else at + rng.randint(0, 120)
    new = rng.choice(PIECES)
    if rng.random() < 0.1:
        source = rng.randint(0, len(text))
        new = text[source : source + rng.randint(0, 150)]
    first = position(text, at, encoding)
    last = position(text, min(end, len(text)), encoding)
    if rng.random() < 0.06:
        last = (last[0] + rng.choice([0, 0, 1, 10**6]), last[1] + rng.choice([1, 5, 10**9]))
    if rng.random() < 0.03:
        first = (first[0] - rng.choice([0, 1, 3]), -1)
    return (first, last), new


def position(text: str, offset: int, encoding: Encoding) -> tuple[int, int]:
    """The position of an offset; slow, but for small texts."""
    at = 0
    for number, line in enumerate(reference.lines(text)):
        if offset < at + len(line) or (offset == at + len(line) and not line.endswith(("\n", "\r"))):
            return number, sum(reference.width(c, encoding) for c in line[: offset - at])
        at += len(line)
    return number, 0


def repair(text: str, rng: random.Random) -> Change:
    """Start again with a sound document, as a full text."""
    return None, plan(rng.randint(0, 8), rng)
