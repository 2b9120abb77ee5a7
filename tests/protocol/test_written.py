"""What is kept of written findings never shows: the bytes are those of a fresh writing."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import diagnostic, diagnostics
from mplp_lsp.server.encoded import encode
from mplp_lsp.server.written import written
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_lsp.workspace.workspace import Workspace
from tests.analysis.test_incremental import CONTEXT, ENCODINGS, edited, plan_text
from tests.project import ABLE_CLIENT, ROOT, expanded, uri

PLAN = "a.plan.json"
CLIENTS = (ABLE_CLIENT, ClientView(), replace(ABLE_CLIENT, related_information=False))


def opened(plan: str, version: int = 1, workspace: Workspace | None = None) -> Workspace:
    workspace = workspace or Workspace()
    workspace.set_folders([ROOT])
    workspace.open(uri("a.context.json"), "json", version, CONTEXT)
    workspace.open(uri(PLAN), "json", version, plan)
    return workspace


@pytest.mark.parametrize("seed", range(6))
def test_after_each_edit_the_bytes_are_those_of_a_fresh_writing(seed: int) -> None:
    chance = random.Random(seed)
    plan = plan_text(5).replace("pending", "pendng", 2).replace(expanded("<s3>"), expanded("<s2>"), 1)
    workspace = Workspace(encoding=chance.choice(ENCODINGS))
    opened(plan, workspace=workspace)
    for version in range(2, 40):
        if chance.random() < 0.1:
            opened(plan, version, workspace)
        else:
            edited(workspace, chance, PLAN, version)
        client = CLIENTS[chance.choice((0, 0, 0, 1, 2))]
        snapshot = workspace.snapshot(uri(PLAN), client=client)
        document = workspace.store.document(uri(PLAN))
        assert document is not None
        fresh = Workspace(encoding=workspace.encoding)
        opened(document.text.text, workspace=fresh)
        expected = diagnostics(fresh.snapshot(uri(PLAN), client=client), uri(PLAN))
        assert written(snapshot, uri(PLAN)) == encode(expected, sort_keys=True), version


def test_findings_that_an_edit_did_not_touch_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = opened(plan_text(600).replace("pending", "pendng"))
    before = json.loads(written(workspace.snapshot(uri(PLAN), client=ABLE_CLIENT), uri(PLAN)))
    made: list[object] = []

    def counted(snapshot: Snapshot, document: Document, found: Located) -> types.Diagnostic:
        made.append(found)
        return diagnostic(snapshot, document, found)

    monkeypatch.setattr("mplp_lsp.server.written.diagnostic", counted)
    workspace.change(uri(PLAN), 2, [(((9, 5), (9, 5)), "\n\n")])
    after = json.loads(written(workspace.snapshot(uri(PLAN), client=ABLE_CLIENT), uri(PLAN)))
    assert len(before) == len(after) >= 600
    assert after[-1]["range"]["start"]["line"] == before[-1]["range"]["start"]["line"] + 2
    assert 0 < len(made) < 200


def test_kept_writing_goes_with_its_finding() -> None:
    workspace = opened(plan_text(3).replace("pending", "pendng"))
    shown = json.loads(written(workspace.snapshot(uri(PLAN)), uri(PLAN)))
    for version in range(2, 9):
        workspace.change(uri(PLAN), version, [(None, plan_text(3).replace("pending", f"pendng{version}"))])
        shown = json.loads(written(workspace.snapshot(uri(PLAN)), uri(PLAN)))
    document = workspace.store.document(uri(PLAN))
    assert document is not None
    assert len(document.lineage["written findings"].by_id) == len(shown)  # type: ignore[attr-defined]
