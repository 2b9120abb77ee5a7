"""The menu at a finding leads to why its rule fired."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import code_actions
from mplp_lsp.features.places import range_between
from mplp_lsp.workspace.snapshot import ClientView
from tests.project import ABLE_CLIENT, project

TEXT = '{"plan_id": "<p>", "status": "drat$0", "title": 5}'


def explained(text: str, client: ClientView = ABLE_CLIENT, **context: object) -> list[object]:
    seen = project(f"-- a.plan.json --\n{text}", client=client)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    where = range_between(seen.snapshot, document, seen.cursor[1], seen.cursor[1])
    asked = types.CodeActionContext([], **context)  # type: ignore[arg-type]
    params = types.CodeActionParams(types.TextDocumentIdentifier(seen.uri), where, asked)
    return [
        action for action in code_actions(seen.snapshot, document, params) or [] if "Expl" in action.title
    ]


def test_each_rule_that_fires_at_the_cursor_can_be_explained() -> None:
    (action,) = explained(TEXT)
    assert isinstance(action, types.CodeAction)
    assert action.title == "MPLP: Explain `value-not-allowed`"
    assert action.kind == "mplp.explain"
    assert action.diagnostics
    assert action.command is not None
    assert action.command.command == "mplp.explain"
    assert action.command.arguments == [
        {
            "uri": "file:///project/a.plan.json",
            "code": "value-not-allowed",
            "pointer": "/status",
            "show": True,
        }
    ]


def test_an_editor_that_shows_the_answer_itself_is_not_shown_it_twice() -> None:
    (action,) = explained(TEXT, replace(ABLE_CLIENT, name="Visual Studio Code - Insiders"))
    assert isinstance(action, types.CodeAction)
    assert action.command is not None
    assert action.command.arguments is not None
    assert action.command.arguments[0]["show"] is False


def test_a_client_without_actions_gets_the_command() -> None:
    (command,) = explained(TEXT, replace(ABLE_CLIENT, code_action_literals=False))
    assert isinstance(command, types.Command)


@pytest.mark.parametrize(
    "context", [{"only": ["quickfix"]}, {"trigger_kind": types.CodeActionTriggerKind.Automatic}]
)
def test_nothing_is_explained_unasked(context: dict[str, object]) -> None:
    assert explained(TEXT, **context) == []


def test_where_nothing_is_wrong_nothing_is_explained() -> None:
    assert explained('{"plan_id": "<p>", "status": "dr$0aft"}') == []
