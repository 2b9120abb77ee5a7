"""A lens and the run that it starts judge the same Confirms: those that the user sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplp_lsp.features.plan_state import plan_state
from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import PlanNotApproved
from tests.commands.session import Session
from tests.runtime.orchestrator.projects import PLAN_ID, Project, errors, plan, role, step, step_id


def confirm_text(status: str) -> str:
    confirm = {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "confirm_id": step_id("confirm"),
        "target_type": "plan",
        "target_id": PLAN_ID,
        "status": status,
        "requested_by_role": "human",
        "requested_at": "2026-01-01T08:00:00Z",
    }
    assert errors("confirm", confirm) == []
    return json.dumps(confirm)


def word_of_the_lens(session: Session, project: Project) -> str:
    uri = uri_of(project.path)
    snapshot = session.snapshot(uri)
    document = snapshot.document(uri)
    assert document is not None
    state = plan_state(snapshot, document)
    assert state is not None
    return "none" if state.approval is None else state.approval.word


async def test_a_start_is_refused_by_the_confirm_that_the_lens_shows(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    vote = tmp_path / "vote.confirm.json"
    vote.write_text(confirm_text("cancelled"))
    session = Session(tmp_path)
    try:
        assert word_of_the_lens(session, project) == "none"
        session.edit(vote, confirm_text("pending"))
        assert word_of_the_lens(session, project) == "pending"
        with pytest.raises(PlanNotApproved, match="proposed and waits"):
            await session.run("runPlan", uri=uri_of(project.path))
        session.edit(vote, confirm_text("cancelled"))
        assert word_of_the_lens(session, project) == "none"
        assert (await session.run("runPlan", uri=uri_of(project.path)))["status"] == "running"
    finally:
        await session.close()
