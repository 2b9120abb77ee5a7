"""Plans, runs and approvals for the tests of features, and a way to apply what a code action offers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lsprotocol import types

from mplp_lsp.text.edits import apply
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.approval_scope import approval_scope
from mplp_runtime.orchestrator.bindings import resolved_bindings
from mplp_runtime.orchestrator.views import Question, QuestionKind, RunView, StepView
from mplp_runtime.settings import Settings
from tests.project import uuid_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
PLAN, STEP = uuid_of("p1"), uuid_of("s1")


def plan_value(status: str = "draft", steps: int = 2, **changes: object) -> dict[str, Any]:
    """A valid plan whose steps follow one another."""
    return {
        "meta": META,
        "plan_id": PLAN,
        "context_id": uuid_of("c1"),
        "title": "Release",
        "objective": "It is out.",
        "status": status,
        "steps": [
            {
                "step_id": uuid_of(f"s{number}"),
                "description": f"Step {number}",
                "status": "pending",
                "dependencies": [uuid_of(f"s{number - 1}")] if number > 1 else [],
                "agent_role": "tester",
            }
            for number in range(1, steps + 1)
        ],
        **changes,
    }


def plan_text(status: str = "draft", steps: int = 2, **changes: object) -> str:
    return json.dumps(plan_value(status, steps, **changes), indent=2, ensure_ascii=False)


def confirm_text(status: str, plan: Mapping[str, Any] | None = None) -> str:
    """A Confirm about the plan; an approved one covers `plan` and no bindings."""
    covered = plan_value() if plan is None else plan
    decision = {
        "decision_id": uuid_of("k2"),
        "status": status,
        "decided_by_role": "human",
        "decided_at": "2026-01-01T00:01:00Z",
    }
    scope = approval_scope(covered, resolved_bindings(covered, Settings()))
    return json.dumps(
        {
            "meta": META,
            "confirm_id": uuid_of("k1"),
            "target_type": "plan",
            "target_id": PLAN,
            "status": status,
            "requested_by_role": "human",
            "requested_at": "2026-01-01T00:00:00Z",
            "decisions": [] if status == "pending" else [decision],
            "trace": {"trace_id": uuid_of("t1"), "span_id": uuid_of("t2"), "attributes": scope.attributes()},
        }
    )


def run_view(
    status: str = "running", *steps: StepView, asks: Iterable[QuestionKind] = (), **changes: Any
) -> dict[str, RunView]:
    """The newest runs as a snapshot holds them; questions are asked at the first step."""
    views = steps or (StepView(STEP, "Step 1", "in_progress", attempt=1, started_at=NOW),)
    values: dict[str, Any] = {
        "run_id": "r1",
        "plan_id": PLAN,
        "plan_path": "a.plan.json",
        "title": "Release",
        "status": status,
        "trace_id": "t1",
        "simulated": False,
        "generation": 1,
        "started_at": NOW,
        "steps": {view.step_id: view for view in views},
        "questions": tuple(Question("r1", STEP, kind, "Well?") for kind in asks),
        "trace_path": ".mplp/traces/t1.trace.json",
    }
    return {PLAN: RunView(**{**values, **changes})}


def ended(step: str, status: str, duration_s: float, **changes: Any) -> StepView:
    """A step that took so long."""
    values: dict[str, Any] = {
        "attempt": 1,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=duration_s),
    }
    return StepView(uuid_of(step), step, status, **{**values, **changes})  # type: ignore[arg-type]


def applied(snapshot: Snapshot, uri: str, edit: types.WorkspaceEdit | None) -> str:
    """The text after a workspace edit, as a client would make it."""
    assert edit is not None
    if edit.changes is not None:
        edits: list[Any] = list(edit.changes[uri])
    else:
        assert edit.document_changes is not None
        (change,) = edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document.uri == uri
        edits = list(change.edits)
    document = snapshot.document(uri)
    assert document is not None
    starts = [(each.range.start.line, each.range.start.character) for each in edits]
    text = document.text
    # LSP edits all refer to the text before; from the back they do not move one another.
    for _, each in sorted(zip(starts, edits, strict=True), key=lambda pair: pair[0], reverse=True):
        where = each.range
        place = ((where.start.line, where.start.character), (where.end.line, where.end.character))
        text, _ = apply(text, [(place, each.new_text)], snapshot.encoding)
    return text.text
