"""Documents that an author works on in every editor: a plan of four steps and what refers to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.editors.project import META, step, write

SHOP_CONTEXT, CHECKOUT, STOCK = (f"5a0b1c2d-0000-4000-8000-00000000000{n}" for n in range(1, 4))
DRAW, BUILD, TRY, PRINT = (f"6b2c3d4e-0000-4000-8000-00000000000{number}" for number in range(1, 5))
COUNT, ORDER = (f"6b2c3d4e-0000-4000-8000-0000000000a{number}" for number in range(1, 3))
RENAMED = "0c9d8e7f-0000-4000-8000-000000000001"
ROLE_RENAMED = "examiner"


def write_shop(project: Path) -> Path:
    """Writes the folder `shop` into a project of `write_project`; returns it."""
    folder = project / "shop"
    folder.mkdir()
    write(
        folder / "shop.context.json",
        {
            "meta": META,
            "context_id": SHOP_CONTEXT,
            "root": {
                "domain": "shop",
                "environment": "test",
                "constraints": {"first": "stocktaking.plan.json"},
            },
            "title": "The shop",
            "status": "active",
        },
    )
    write(folder / "checkout.plan.json", shop_plan(CHECKOUT, "Pay at the till", checkout_steps()))
    write(folder / "stocktaking.plan.json", shop_plan(STOCK, "Take stock", stocktaking_steps()))
    write(
        folder / "tester.role.json",
        {
            "meta": META,
            "role_id": "5a0b1c2d-0000-4000-8000-0000000000b1",
            "name": "tester",
            "description": "Tries what others have built.",
        },
    )
    write(
        folder / "build.confirm.json",
        {
            "meta": META,
            "confirm_id": "5a0b1c2d-0000-4000-8000-0000000000c1",
            "target_type": "other",
            "target_id": BUILD,
            "status": "pending",
            "requested_by_role": "tester",
            "requested_at": "2026-11-02T09:00:00Z",
        },
    )
    (folder / "crowded.plan.json").write_text(CROWDED, encoding="utf-8")
    return folder


def shop_plan(plan_id: str, title: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "meta": META,
        "plan_id": plan_id,
        "context_id": SHOP_CONTEXT,
        "title": title,
        "objective": "Customers can pay.",
        "status": "draft",
        "steps": steps,
    }


def checkout_steps() -> list[dict[str, Any]]:
    """Draw, then build, then try; the receipts need nothing and nobody."""
    return [
        step(DRAW, "Draw the till", role="formatter"),
        step(BUILD, "Build the till", role="packager", after=[DRAW]),
        step(TRY, "Try the till", role="tester", after=[BUILD]),
        step(PRINT, "Print receipts", role="packager"),
    ]


def stocktaking_steps() -> list[dict[str, Any]]:
    """In the wrong order, and one key in the spelling of older guides."""
    counted = step(COUNT, "Count the shelves", role="formatter")
    counted["agentRole"] = counted.pop("agent_role")
    return [step(ORDER, "Order what is missing", role="packager", after=[COUNT]), counted]


CROWDED = f"""{{"meta":{{"protocol_version":"1.0.0","schema_version":"1.0.0"}},
"plan_id":"5a0b1c2d-0000-4000-8000-0000000000d1","context_id":"{SHOP_CONTEXT}",
      "title":"Crowded","objective":"Laid out by hand.","status":"draft",
"steps":[{{"step_id":"6b2c3d4e-0000-4000-8000-0000000000d1","description":"Only one","status":"pending"}}]}}
"""
"""Sound, but laid out by nobody: what the formatter is for."""
