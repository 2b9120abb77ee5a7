"""How each step fared, shown after its description."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.inlay_hints import inlay_hints
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.orchestrator.views import StepView
from tests.features.plans import NOW, STEP, ended, plan_text, run_view
from tests.project import Project, project, uuid_of

EVERYTHING = types.Range(types.Position(0, 0), types.Position(100_000, 0))


def hints(seen: Project, where: types.Range = EVERYTHING) -> list[types.InlayHint]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.InlayHintParams(types.TextDocumentIdentifier(seen.uri), where)
    # Hints after ids have tests of their own.
    snapshot = replace(seen.snapshot, shows_id_hints=False)
    return inlay_hints(snapshot, document, params) or []


def labels(seen: Project) -> list[str]:
    return [str(hint.label) for hint in hints(seen)]


@pytest.mark.parametrize(
    ("view", "label"),
    [
        (ended("s1", "completed", 1.23), "✓ 1.2 s"),
        (ended("s1", "completed", 0.042), "✓ 42 ms"),
        (ended("s1", "completed", 75, attempt=2), "✓ 1 min 15 s, attempt 2"),
        (ended("s1", "failed", 2), "✗ 2.0 s"),
        (StepView(STEP, "x", "in_progress", attempt=1, started_at=NOW), "running"),
        (StepView(STEP, "x", "in_progress", attempt=3, started_at=NOW), "running, attempt 3"),
        (StepView(STEP, "x", "in_progress", interrupted=True), "interrupted"),
        (StepView(STEP, "x", "in_progress", participant="Ana"), "running, Ana"),
        (ended("s1", "completed", 1.23, attempt=2, participant="Ben"), "✓ 1.2 s, attempt 2, Ben"),
        (StepView(STEP, "x", "skipped"), "skipped"),
        (StepView(STEP, "x", "blocked"), "blocked"),
    ],
)
def test_a_step_says_how_it_stands(view: StepView, label: str) -> None:
    assert labels(project(plan_text(), runs=run_view("running", view))) == [label]


def test_a_step_that_nothing_happened_to_says_nothing() -> None:
    assert labels(project(plan_text(), runs=run_view("running", StepView(STEP, "x", "pending")))) == []


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("gate", "waiting for approval"),
        ("handoff", "waiting for a person"),
        ("repeat", "interrupted: did it succeed?"),
        ("conflict", "the participants disagree"),
    ],
)
def test_a_step_that_asks_says_what_it_waits_for(kind: str, label: str) -> None:
    assert labels(project(plan_text(), runs=run_view(asks=[kind]))) == [label]  # type: ignore[list-item]


def test_a_dry_run_is_never_taken_for_a_run() -> None:
    seen = project(plan_text(), runs=run_view("completed", ended("s1", "completed", 0.001), simulated=True))
    assert labels(seen) == ["✓ dry run"]
    assert hints(seen)[0].tooltip == "Dry run 1 of this plan: completed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "description", ["plain", "😀 été", 'a \\"quoted\\" word', "", '\\"description\\": \\"x\\"']
)
def test_the_hint_stands_right_after_the_description(encoding: Encoding, description: str) -> None:
    step = f'{{"step_id": "<s1>", "description":\t"{description}", "status": "pending"}}'
    text = f'{{"plan_id": "<p1>", "steps": [{step}]}}'
    seen = project(text, encoding=encoding, runs=run_view())
    (hint,) = hints(seen)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    offset = document.text.offset(hint.position.line, hint.position.character, encoding)
    assert document.text.text[:offset].endswith(f'"description":\t"{description}"')
    assert hint.padding_left is True


def test_the_quick_way_to_the_description_and_the_sure_one_agree() -> None:
    steps = [
        {"step_id": uuid_of("s1"), "description": "description", "status": "pending"},
        {"description": "\\", "step_id": uuid_of("s2")},
        {"step_id": uuid_of("s3"), "status": "description", "description": '"description": "no"'},
        {"step_id": uuid_of("s4"), "x": {"description": "inner"}, "description": "outer"},
        {"step_id": uuid_of("s5"), "description": 5},
        {"step_id": uuid_of("s6")},
    ]
    text = plan_text(steps=0).replace('"steps": []', f'"steps": {json.dumps(steps, indent=1)}')
    views = [ended(f"s{number}", "completed", 1) for number in range(1, 7)]
    seen = project(text, runs=run_view("completed", *views))
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    assert document.tree is not None
    wanted = []
    for index, step in enumerate(steps):
        key = "description" if "description" in step else "step_id"
        wanted.append(document.tree.range_of(("steps", index, key))[1])
    found = [document.text.offset(h.position.line, h.position.character, "utf-16") for h in hints(seen)]
    assert found == wanted


def test_only_hints_in_the_asked_range_are_made() -> None:
    views = [ended(f"s{number}", "completed", 1) for number in range(1, 51)]
    seen = project(plan_text(steps=50), runs=run_view("completed", *views))
    every = hints(seen)
    assert len(every) == 50
    line = every[20].position.line
    where = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
    assert [hint.position.line for hint in hints(seen, where)] == [line]


def test_broken_steps_keep_their_neighbours_hints() -> None:
    text = plan_text(steps=3).replace('"description": "Step 2"', '"description" "Step 2', 1)
    views = [ended(f"s{number}", "completed", 1) for number in range(1, 4)]
    found = hints(project(text, runs=run_view("completed", *views)))
    assert len(found) == 3


def test_the_tooltip_tells_why_a_step_failed() -> None:
    seen = project(
        plan_text(), runs=run_view("failed", ended("s1", "failed", 1, error="exit code 1", output="oh"))
    )
    assert hints(seen)[0].tooltip == "Run 1 of this plan: failed\nexit code 1\noh"


def test_without_a_run_there_is_nothing_to_say() -> None:
    assert hints(project(plan_text())) == []
