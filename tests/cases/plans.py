"""A sound plan with every part a plan may have, and random changes of its value."""

from __future__ import annotations

import copy
import random
from typing import Any

STEP_IDS = tuple(f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "123")
CONTEXT_ID = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
_PLAN_ID = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
_TRACE_ID = "ffffffff-ffff-4fff-8fff-ffffffffffff"
_INSTANT = "2026-03-14T09:26:53Z"

_VALUES: tuple[Any, ...] = (
    *(None, True, 7, -1, 1.5, "", " ", "x", [], {}, ["x"], {"a": 1}, "pendng", "completed", "in_progress"),
    *(*STEP_IDS, _PLAN_ID, CONTEXT_ID, STEP_IDS[0][:-1], _PLAN_ID.upper(), "2026-01-01"),
)
_KEYS = ("colour", "stepId", "titel", "status ", "$comment", "depends_on", "Status", "x_a")


def sound_plan() -> dict[str, Any]:
    """A fresh value; its context is that of the folder `sound`, and so is the binding of its role."""
    steps = [
        {"step_id": step_id, "description": description, "status": "pending", "agent_role": "tester"}
        for step_id, description in zip(STEP_IDS, ("Test", "Pack", "Ship"), strict=True)
    ]
    for index, step in enumerate(steps):
        step |= {"dependencies": list(STEP_IDS[:index]), "order_index": index}
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0", "created_at": _INSTANT, "tags": ["shop"]}
    return {
        "meta": meta,
        "plan_id": _PLAN_ID,
        "context_id": CONTEXT_ID,
        "title": "Release",
        "objective": "Ship it",
        "status": "draft",
        "steps": steps,
        "trace": {"trace_id": _TRACE_ID, "span_id": STEP_IDS[0], "context_id": CONTEXT_ID},
        "events": [
            {
                "event_id": "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee",
                "event_type": "plan.created",
                "source": "plan",
                "timestamp": _INSTANT,
            }
        ],
    }


def spoil(plan: dict[str, Any], chance: random.Random) -> None:
    """Sets, drops, adds, renames or repeats one thing anywhere in the plan."""
    owner, key = chance.choice(list(_places(plan)))
    change = chance.randrange(5)
    if change == 0:
        owner.pop(key)
    elif change == 1 and isinstance(owner, dict):
        owner[chance.choice(_KEYS)] = copy.deepcopy(chance.choice(_VALUES))
    elif change == 2 and isinstance(owner, dict):
        owner[chance.choice(_KEYS)] = owner.pop(key)
    elif change == 3 and isinstance(owner, list):
        owner.append(copy.deepcopy(owner[key]))
    else:
        owner[key] = copy.deepcopy(chance.choice(_VALUES))


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        found.append((value, key))
        found += _places(member)
    return found
