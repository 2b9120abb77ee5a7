"""Plans of any size for benchmarks: the same for the same number, sound, and without findings."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

ROLES = ("writer", "checker", "publisher", "librarian")
WORK = ("Read the manual", "Write the summary", "Compare both versions", "Ask the author", "Publish the page")


def new_id(source: random.Random) -> str:
    """An id that the schemas accept."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def context_and_plan(count: int, name: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """An active context and a draft plan of `count` steps, each waiting for up to three earlier ones.

    Other names give other ids.
    """
    source = random.Random(f"benchmark {count}{name}")
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    context = {
        "meta": meta,
        "context_id": new_id(source),
        "root": {"domain": "benchmark", "environment": "dev"},
        "title": "Benchmark",
        "status": "active",
    }
    ids = [new_id(source) for _ in range(count)]
    steps = [
        {
            "step_id": step_id,
            "description": f"{WORK[index % len(WORK)]}, part {index + 1} of {count}, with all its footnotes",
            "status": "pending",
            "dependencies": [
                ids[other] for other in sorted(source.sample(range(index), min(index, source.randrange(4))))
            ],
            "agent_role": ROLES[index % len(ROLES)],
            "order_index": index,
        }
        for index, step_id in enumerate(ids)
    ]
    plan = {
        "meta": meta,
        "plan_id": new_id(source),
        "context_id": context["context_id"],
        "title": f"A plan of {count} steps",
        "objective": "Be large.",
        "status": "draft",
        "steps": steps,
    }
    return context, plan


def text_of(document: dict[str, Any]) -> str:
    """As an editor would show it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


SETTINGS = "".join(f'[roles.{role}]\naction = "tool_call"\ncommand = ["true"]\n\n' for role in ROLES)
