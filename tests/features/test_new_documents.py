"""Documents and bindings that are offered to be written: only where they can be, and only sound ones."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import code_actions
from mplp_lsp.features.places import range_between
from tests.features.plans import applied, plan_text
from tests.features.test_code_actions import WHOLE_CLIENT, errors, offers
from tests.project import ROOT, Project, project, uri, uuid_of

PLAN = plan_text().replace('"tester"', '$0"tester"', 1)


def with_settings(settings: str) -> Project:
    return project(f"-- mplp.toml --\n{settings}\n-- a.plan.json --\n{PLAN}", client=WHOLE_CLIENT)


def bindings(seen: Project) -> list[types.CodeAction]:
    return [action for action in offers(seen, "mplp.new") if action.title.startswith("Bind")]


@pytest.mark.parametrize(
    "settings",
    ['[roles.tester]\naction = "tool"\n', "[roles]\ntester = 1\n", '[roles."tester"]\ncommand = "make"\n'],
)
def test_a_role_whose_binding_has_faults_is_not_bound_a_second_time(settings: str) -> None:
    assert errors(settings, "mplp.toml") != []
    assert bindings(with_settings(settings)) == []


def test_a_role_is_not_bound_where_toml_forbids_it() -> None:
    settings = 'roles = { lead = { action = "agent_handoff", to = "human" } }\n'
    reasons = [action.disabled.reason for action in bindings(with_settings(settings)) if action.disabled]
    assert (
        reasons == ["`roles` in `mplp.toml` is written in a way that nothing can be added to at its end."] * 2
    )


def test_settings_that_cannot_be_read_are_to_be_repaired_first() -> None:
    actions = bindings(with_settings("[run\n"))
    assert [action.disabled and action.disabled.reason for action in actions] == [
        "`mplp.toml` cannot be read. Repair it first."
    ] * 2


def test_windows_line_ends_of_the_settings_are_kept() -> None:
    seen = with_settings("[run]\r\nmax_parallel = 2\r\n")
    text = applied(seen.snapshot, uri("mplp.toml"), bindings(seen)[0].edit)
    assert text.replace("\r\n", "").count("\n") == 0
    assert text.endswith('\r\n[roles.tester]\r\naction = "agent_handoff"\r\nto = "human"\r\n')


def test_no_confirm_is_written_for_an_id_that_is_none() -> None:
    context = '{"context_id": "shop", "title": "T", "status": "active"}'
    assert offers(project(f"-- a.context.json --\n{context}", client=WHOLE_CLIENT), "mplp.new") == []


def test_beside_a_text_that_was_never_saved_nothing_is_made() -> None:
    seen = project("", client=WHOLE_CLIENT)
    seen.workspace.open("untitled:Untitled-1", "json", 1, PLAN.replace("$0", ""))
    snapshot = seen.workspace.snapshot(root=ROOT, client=WHOLE_CLIENT)
    document = snapshot.document("untitled:Untitled-1")
    assert document is not None
    assert document.kind == "plan"
    everything = range_between(snapshot, document, PLAN.index('"steps"'), PLAN.index('"Step 2"'))
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(document.uri), everything, types.CodeActionContext([])
    )
    for action in code_actions(snapshot, document, params) or []:
        assert isinstance(action, types.CodeAction)
        made = action.edit.document_changes if action.edit is not None else None
        uris = [change.uri for change in made or () if isinstance(change, types.CreateFile)]
        assert set(uris) <= {uri("mplp.toml")}, action.title


def test_an_event_in_windows_line_ends_keeps_them_when_it_gets_its_envelope() -> None:
    event = {"event_id": uuid_of("e1"), "file_path": "a.py", "change_type": "renamed", "old_path": "b.py"}
    event |= {"timestamp": "2026-01-01T00:00:00Z", "source": "vscode"}
    text = json.dumps(event, indent=2).replace("\n", "\r\n")
    seen = project(f"-- a.event.json --\n{text}", client=WHOLE_CLIENT)
    (convert,) = [each for each in offers(seen, "refactor") if each.title.startswith("Convert")]
    after = applied(seen.snapshot, seen.uri, convert.edit)
    assert after.count("\r\n") == after.count("\n") > 5
