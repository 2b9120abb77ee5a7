"""Plans that nobody here wrote run, and what comes of them is valid and keeps all rules of the protocol.

The documents are made from nothing but the frozen schemas and a seed; only what keeps every plan from running
is put right: ids that lead nowhere, roles that say nothing, statuses that are over.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

import mplp_schemas
from mplp_runtime import Answer, Runtime
from tests.runtime.orchestrator.judged import Judge
from tests.schemas.generator import Generator
from tests.schemas.occurrences import schema_at

SEEDS = range(18)
FROM_OUTSIDE: tuple[dict[str, Any], ...] = (
    {"file_path": "a.txt", "change_type": "modified", "timestamp": "2026-01-01T00:00:00Z"},
    {
        "repo_url": "git@example.com:a.git",
        "commit_id": "0f",
        "ref_name": "main",
        "event_kind": "push",
        "timestamp": "2026-01-01T00:00:00Z",
    },
    {"ci_provider": "ci", "pipeline_id": "build", "run_id": "1", "status": "succeeded"},
    {
        "tool_id": "lint",
        "tool_kind": "linter",
        "invocation_id": "550e8400-e29b-41d4-a716-446655440000",
        "status": "succeeded",
    },
)
ACTIONS = (
    'action = "file_operation"\noperation = "write"\ntarget = "made/{index}.txt"\ncontent = "x"\n',
    'action = "tool_call"\ncommand = ["true"]\n',
    'action = "custom_action"\nhandler = "json:dumps"\n',
    'action = "agent_handoff"\nto = "human"\n',
)


def made(kind: str, random: Random) -> dict[str, Any]:
    name = mplp_schemas.KINDS[kind]
    document: dict[str, Any] = Generator(random, fullness=0.6, longest=6, shortest=1).document(
        name, schema_at(name)
    )
    return document


def documents(seed: int) -> dict[str, dict[str, Any]]:
    """A plan and its context, of every third seed with a Collab."""
    random = Random(seed)
    plan, context = made("plan", random), made("context", random)
    plan |= {"context_id": context["context_id"], "status": "draft"}
    context["status"] = "active"
    before: list[str] = []
    for step in plan["steps"]:
        step["status"] = "pending"
        if not step.get("agent_role", "said").strip():
            step["agent_role"] = "Zürich"
        if "dependencies" in step:
            step["dependencies"] = [each for each in before if random.random() < 0.4]
        before.append(step["step_id"])
    found = {"plan": plan, "context": context}
    if seed % 3 == 0:
        found["collab"] = session(made("collab", random), context["context_id"])
    return found


def session(collab: dict[str, Any], context_id: str) -> dict[str, Any]:
    people = collab["participants"]
    if len(people) == 1:
        people.append(dict(people[0]))
    del people[2 if collab["mode"] == "pair" else len(people) :]
    for number, each in enumerate(people):
        each["participant_id"] = f"{number} {each['participant_id']}"
        each["role_id"] = each.get("role_id", "").strip() or "somebody"
        each.setdefault("kind", "agent")
    return collab | {"context_id": context_id, "status": "active"}


async def judged(seed: int, root: Path, judge: Judge) -> None:
    """A dry run, and after a change of the plan a real one, while things happen outside."""
    root.mkdir()
    found = documents(seed)
    others = {"collab": found["collab"]} if "collab" in found else {}
    for kind, value in found.items():
        (root / f"foreign.{kind}.json").write_text(json.dumps(value), encoding="utf-8")
    tables = [
        f"[steps.{json.dumps(step['step_id'])}]\n" + ACTIONS[index % 4].format(index=index)
        for index, step in enumerate(found["plan"]["steps"])
    ]
    (root / "mplp.toml").write_text("[learning]\ncollect = true\n" + "".join(tables), encoding="utf-8")
    async with Runtime.open(root) as runtime:
        view = await runtime.run("foreign.plan.json", simulate=True)
        assert view.status == "completed", view.error
        judge.see_run(runtime, view, others)
        found["plan"]["steps"][0]["description"] += ", but better"
        (root / "foreign.plan.json").write_text(json.dumps(found["plan"]), encoding="utf-8")
        view = await runtime.start("foreign.plan.json", trusted=True, approve=True)
        for event in FROM_OUTSIDE:
            assert runtime.intake.offer(event, source="somebody").outcome == "waiting"
        await runtime.intake.settle()
        view = await runtime.wait(view.run_id, answer=lambda _: Answer(success=True))
        assert view.status == "completed", view.error
        judge.see_run(runtime, view, others)
    judge.see_files(root, view)


@pytest.mark.timeout(300)
async def test_plans_that_nobody_here_wrote_run_and_no_rule_is_broken(tmp_path: Path) -> None:
    judge = Judge()
    for seed in SEEDS:
        await judged(seed, tmp_path / str(seed), judge)
        assert judge.faults == [], f"seed {seed}"
    rules = {rule.id for rule in mplp_schemas.invariants()}
    assert len(rules) == 61
    assert judge.evaluated == rules
