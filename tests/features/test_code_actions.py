"""Refactorings, repairs of whole documents and new documents: what is offered, and the workspace after it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import KINDS, code_action_resolve, code_actions
from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.features.places import range_between
from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.workspace.snapshot import ClientView
from mplp_runtime.rules.explain import is_id
from tests.features.plans import applied, plan_text, plan_value
from tests.project import ABLE_CLIENT, Project, project, uri, uuid_of

WHOLE_CLIENT = replace(
    ABLE_CLIENT, code_action_disabled=True, resource_operations=frozenset({"create", "rename", "delete"})
)
LAZY_CLIENT = replace(WHOLE_CLIENT, code_action_data=True, code_action_resolve=frozenset({"edit"}))


def offers(
    seen: Project, only: str | None, start: int | None = None, end: int | None = None
) -> list[types.CodeAction]:
    """The actions of one kind at the cursor, or between two offsets."""
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    first = seen.cursor[1] if start is None else start
    where = range_between(seen.snapshot, document, first, first if end is None else end)
    context = types.CodeActionContext([], only=None if only is None else [only])  # type: ignore[list-item]
    params = types.CodeActionParams(types.TextDocumentIdentifier(seen.uri), where, context)
    found = code_actions(seen.snapshot, document, params) or []
    return [action for action in found if isinstance(action, types.CodeAction)]


def chosen(actions: list[types.CodeAction], title: str) -> types.CodeAction:
    (found,) = [action for action in actions if action.title.startswith(title)]
    return found


def written(edit: types.WorkspaceEdit | None) -> dict[str, str]:
    """The files that an edit makes, with their texts."""
    assert edit is not None
    made: dict[str, str] = {}
    for change in edit.document_changes or []:
        if isinstance(change, types.CreateFile):
            assert not (change.options and change.options.overwrite)
            made[change.uri] = ""
        elif isinstance(change, types.TextDocumentEdit) and change.text_document.uri in made:
            (text,) = change.edits
            assert isinstance(text, types.TextEdit)
            made[change.text_document.uri] = text.new_text
    return made


def after(seen: Project, action: types.CodeAction) -> Any:
    """The value of the document under the cursor after an action; new files are left out of the edit."""
    edit = action.edit
    assert edit is not None
    changes = [
        change
        for change in edit.document_changes or []
        if isinstance(change, types.TextDocumentEdit) and change.text_document.uri == seen.uri
    ]
    return json.loads(applied(seen.snapshot, seen.uri, types.WorkspaceEdit(document_changes=list(changes))))


def errors(text: str, name: str) -> list[str]:
    """Errors and warnings of a document that stands for itself."""
    seen = project(f"-- {name} --\n{text}")
    return [str(one.code) for one in diagnostics(seen.snapshot, seen.uri) if int(one.severity or 1) <= 2]


def steps_of(value: Any) -> list[str]:
    return [step["description"] for step in value["steps"]]


def plan_with(value: dict[str, Any], at: str = '"meta"', client: ClientView = WHOLE_CLIENT) -> Project:
    text = json.dumps(value, indent=2)
    return project(text.replace(at, f"$0{at}", 1), client=client)


def test_the_announced_kinds_are_those_that_are_answered() -> None:
    options = BY_METHOD["textDocument/codeAction"].options
    assert isinstance(options, dict)
    assert sorted(options["codeActionKinds"]) == sorted(KINDS)


# Order


def test_steps_are_sorted_after_the_steps_they_depend_on_and_else_stay() -> None:
    value = plan_value(steps=4)
    value["steps"] = [value["steps"][index] for index in (3, 1, 0, 2)]
    seen = plan_with(value)
    sort = chosen(offers(seen, "refactor"), "Sort the steps")
    assert steps_of(after(seen, sort)) == ["Step 1", "Step 2", "Step 3", "Step 4"]
    assert sorted(map(str, after(seen, sort)["steps"])) == sorted(map(str, value["steps"]))


def test_steps_in_order_are_not_offered_to_be_sorted() -> None:
    seen = plan_with(plan_value(steps=4))
    assert not [action for action in offers(seen, "refactor") if action.title.startswith("Sort")]


def test_steps_in_a_circle_cannot_be_sorted_and_the_menu_says_why() -> None:
    value = plan_value()
    value["steps"][0]["dependencies"] = [uuid_of("s2")]
    sort = chosen(offers(plan_with(value), "refactor"), "Sort the steps")
    assert sort.edit is None
    assert sort.disabled is not None
    assert sort.disabled.reason == "The steps wait for each other in a circle. Break it first."


def test_a_client_that_cannot_show_a_reason_gets_no_refused_action() -> None:
    value = plan_value()
    value["steps"][0]["dependencies"] = [uuid_of("s2")]
    assert offers(plan_with(value, client=ABLE_CLIENT), "refactor.rewrite") is not None
    titles = [action.title for action in offers(plan_with(value, client=ABLE_CLIENT), "refactor.rewrite")]
    assert not [title for title in titles if title.startswith("Sort")]


@pytest.mark.parametrize(
    ("indexes", "numbered"),
    [
        ([None, None, None], [0, 1, 2]),
        ([1, 7, 9], [1, 2, 3]),
        ([5, 0, 3], [0, 1, 2]),
    ],
)
def test_order_indexes_follow_the_dependencies(indexes: list[int | None], numbered: list[int]) -> None:
    value = plan_value(steps=3)
    for step, index in zip(value["steps"], indexes, strict=True):
        if index is not None:
            step["order_index"] = index
    seen = plan_with(value)
    renumbered = after(seen, chosen(offers(seen, "refactor"), "Renumber"))
    assert [step["order_index"] for step in renumbered["steps"]] == numbered
    again = plan_with(renumbered)
    assert not [action for action in offers(again, "refactor") if action.title.startswith("Renumber")]


# New steps


def test_a_step_is_put_between_a_step_and_those_that_wait_for_it() -> None:
    seen = plan_with(plan_value(steps=3), '"Step 1"')
    insert = chosen(offers(seen, "refactor"), "Insert a step after")
    assert insert.title == "Insert a step after this one, between it and the step that waits for it"
    value = after(seen, insert)
    assert steps_of(value) == ["Step 1", "New step", "Step 2", "Step 3"]
    first, fresh, second, _ = value["steps"]
    assert is_id(fresh["step_id"])
    assert fresh["dependencies"] == [first["step_id"]]
    assert second["dependencies"] == [fresh["step_id"]]
    assert errors(json.dumps(value), "b.plan.json") == []


def test_a_step_is_put_before_another_and_takes_over_what_that_waits_for() -> None:
    seen = plan_with(plan_value(steps=2), '"Step 2"')
    value = after(seen, chosen(offers(seen, "refactor"), "Insert a step before"))
    first, fresh, second = value["steps"]
    assert fresh["dependencies"] == [first["step_id"]]
    assert second["dependencies"] == [fresh["step_id"]]


def test_a_new_step_is_laid_out_as_its_neighbour() -> None:
    text = json.dumps(plan_value(steps=1), indent=4)
    seen = project(text.replace('"Step 1"', '$0"Step 1"'), client=WHOLE_CLIENT)
    insert = chosen(offers(seen, "refactor"), "Insert a step after")
    whole = applied(seen.snapshot, seen.uri, insert.edit)
    assert whole == json.dumps(json.loads(whole), indent=4)


# A plan of their own


def test_chosen_steps_move_to_a_plan_of_their_own() -> None:
    value = plan_value(steps=3)
    value["steps"][2]["dependencies"] = []
    text = json.dumps(value, indent=2)
    seen = project(text, client=WHOLE_CLIENT)
    start, end = text.index('"Step 3"'), text.index('"Step 3"') + 4
    extract = chosen(offers(seen, "refactor.extract", start, end), "Extract")
    assert extract.title == "Extract 1 step to a new plan"
    assert steps_of(after(seen, extract)) == ["Step 1", "Step 2"]
    ((name, part),) = written(extract.edit).items()
    assert name == uri("a-part.plan.json")
    assert steps_of(json.loads(part)) == ["Step 3"]
    assert json.loads(part)["context_id"] == value["context_id"]
    assert json.loads(part)["plan_id"] != value["plan_id"]
    assert errors(part, "a-part.plan.json") == []


def test_dependencies_between_the_two_plans_are_dropped_and_the_title_says_so() -> None:
    text = json.dumps(plan_value(steps=4), indent=2)
    seen = project(text, client=WHOLE_CLIENT)
    start, end = text.index('"Step 2"'), text.index('"Step 3"')
    extract = chosen(offers(seen, "refactor.extract", start, end), "Extract")
    assert extract.title == "Extract 2 steps to a new plan (2 dependencies between the two dropped)"
    kept = after(seen, extract)
    assert steps_of(kept) == ["Step 1", "Step 4"]
    assert kept["steps"][1]["dependencies"] == []
    (part,) = map(json.loads, written(extract.edit).values())
    assert [step["dependencies"] for step in part["steps"]] == [[], [uuid_of("s2")]]


def test_a_plan_that_is_approved_is_not_split() -> None:
    text = json.dumps(plan_value("approved", steps=3), indent=2)
    seen = project(text, client=WHOLE_CLIENT)
    place = text.index('"Step 2"')
    extract = chosen(offers(seen, "refactor.extract", place, place + 4), "Extract")
    assert extract.disabled is not None
    assert "draft" in extract.disabled.reason


def test_nothing_is_moved_about_in_a_broken_text() -> None:
    seen = project(plan_text().replace('"Step 1",', '"Step 1" $0'), client=WHOLE_CLIENT)
    found = offers(seen, "refactor")
    assert found
    assert all(action.disabled is not None and "syntax" in action.disabled.reason for action in found)


# Several findings at once


def test_all_missing_members_are_added_at_once() -> None:
    value = plan_value()
    for key in ("title", "objective", "status"):
        del value[key]
    seen = plan_with(value)
    add = chosen(offers(seen, "quickfix", 0), "Add all 3 missing members")
    assert list(after(seen, add)) == [*value, "title", "objective", "status"]


def test_all_findings_of_one_kind_are_fixed_at_once() -> None:
    text = plan_text(steps=3).replace('"agent_role"', '"agentRole"')
    seen = project(text.replace('"agentRole"', '$0"agentRole"', 1), client=WHOLE_CLIENT)
    fix = chosen(offers(seen, "quickfix"), "Fix all 3 of `key-not-snake-case`")
    assert applied(seen.snapshot, seen.uri, fix.edit) == plan_text(steps=3)


def test_fix_all_repairs_what_has_one_meaning_and_leaves_guesses() -> None:
    broken = (
        plan_text(steps=3)
        .replace('"agent_role"', '"agentRole"')
        .replace('"Step 2",', '"Step 2"')
        .replace('"objective"', "'objective'")
        .replace('"draft"', '"drat"')
        .replace(uuid_of("p1"), uuid_of("p1").upper())
    )
    seen = project(broken, client=WHOLE_CLIENT)
    (fix,) = offers(seen, "source.fixAll")
    assert fix.kind == "source.fixAll.mplp"
    assert applied(seen.snapshot, seen.uri, fix.edit) == plan_text(steps=3).replace('"draft"', '"drat"')


def test_fix_all_is_offered_only_by_name() -> None:
    seen = project(plan_text().replace('"agent_role"', '"agentRole"'), client=WHOLE_CLIENT)
    assert not [action for action in offers(seen, None) if action.kind == "source.fixAll.mplp"]
    assert offers(seen, "source")


@pytest.mark.parametrize("client", [WHOLE_CLIENT, LAZY_CLIENT], ids=["whole", "lazy"])
def test_fix_all_is_not_offered_where_it_would_do_nothing(client: ClientView) -> None:
    assert offers(project(plan_text(), client=client), "source.fixAll.mplp") == []
    assert offers(project('-- a.role.json --\n:0"', client=client), "source.fixAll.mplp") == []


# New documents


def test_a_role_that_nobody_wrote_is_written() -> None:
    seen = project(plan_text().replace('"tester"', '$0"Code Reviewer"', 1), client=WHOLE_CLIENT)
    new = chosen(offers(seen, "mplp.new"), "New Role document for `Code Reviewer`")
    ((name, text),) = written(new.edit).items()
    assert name == uri("code-reviewer.role.json")
    assert json.loads(text)["name"] == "Code Reviewer"
    assert errors(text, "code-reviewer.role.json") == []


def test_a_role_is_bound_in_the_settings_that_are_there() -> None:
    text = plan_text().replace('"tester"', '$0"tester"', 1)
    seen = project(
        f"-- mplp.toml --\n[run]\nmax_parallel = 2\n-- a.plan.json --\n{text}", client=WHOLE_CLIENT
    )
    bind = chosen(offers(seen, "mplp.new"), "Bind `tester` in mplp.toml to a person")
    settings = applied(seen.snapshot, uri("mplp.toml"), bind.edit)
    assert settings.endswith('\n\n[roles.tester]\naction = "agent_handoff"\nto = "human"\n')
    assert errors(settings, "mplp.toml") == []


def test_settings_are_made_for_the_first_binding() -> None:
    seen = project(plan_text().replace('"tester"', '$0"unit tests"', 1), client=WHOLE_CLIENT)
    bind = chosen(offers(seen, "mplp.new"), "Bind `unit tests` in mplp.toml to a person")
    assert written(bind.edit) == {
        uri("mplp.toml"): '[roles."unit tests"]\naction = "agent_handoff"\nto = "human"\n'
    }


def test_a_command_to_be_filled_in_is_reported_until_it_is() -> None:
    seen = project(plan_text().replace('"tester"', '$0"tester"', 1), client=WHOLE_CLIENT)
    bind = chosen(offers(seen, "mplp.new"), "Bind `tester` in mplp.toml to a command")
    (text,) = written(bind.edit).values()
    assert errors(text, "mplp.toml") != []


def test_a_role_that_is_bound_is_not_bound_again() -> None:
    text = plan_text().replace('"tester"', '$0"tester"', 1)
    settings = '[roles.tester]\naction = "agent_handoff"\nto = "human"\n'
    seen = project(f"-- mplp.toml --\n{settings}\n-- a.plan.json --\n{text}", client=WHOLE_CLIENT)
    assert not [action for action in offers(seen, "mplp.new") if action.title.startswith("Bind")]


def test_a_confirm_is_written_for_a_context() -> None:
    context = (
        '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "context_id": "<c1>", '
        '"root": {"domain": "d", "environment": "e"}, "title": "T", "status": "active"}'
    )
    seen = project(f"-- a.context.json --\n{context}", client=WHOLE_CLIENT)
    new = chosen(offers(seen, "mplp.new"), "New Confirm for this context")
    ((name, text),) = written(new.edit).items()
    assert name == uri("a.confirm.json")
    assert json.loads(text)["target_id"] == uuid_of("c1")
    assert errors(text, "a.confirm.json") == []


# The seeds' form


def test_an_event_of_the_seeds_gets_its_envelope() -> None:
    event = {
        "event_id": uuid_of("e1"),
        "file_path": "src/a.py",
        "change_type": "renamed",
        "old_path": "src/b.py",
        "timestamp": "2026-01-01T00:00:00Z",
        "source": "vscode",
    }
    seen = project(f"-- a.event.json --\n{json.dumps(event, indent=2)}", client=WHOLE_CLIENT)
    convert = chosen(offers(seen, "refactor"), "Convert to the frozen form")
    value = after(seen, convert)
    assert value["event_family"] == "external_integration"
    assert value["source"] == "vscode"
    assert value["payload"]["previous_path"] == "src/b.py"
    assert errors(json.dumps(value), "a.event.json") == []


# On demand


def resolved(seen: Project, action: types.CodeAction) -> types.CodeAction:
    return code_action_resolve(seen.snapshot, seen.snapshot.document(seen.uri), action)


def test_a_client_that_asks_later_gets_every_edit_on_demand_and_the_same() -> None:
    value = plan_value(steps=4)
    value["steps"].reverse()
    text = json.dumps(value, indent=2).replace('"agent_role"', '$0"agentRole"', 1)
    at_once = project(text, client=WHOLE_CLIENT)
    later = project(text, client=LAZY_CLIENT)
    for only in ("quickfix", "refactor", "source.fixAll", "mplp.new"):
        eager, lazy = offers(at_once, only), offers(later, only)
        assert [action.title for action in lazy] == [action.title for action in eager]
        assert all(action.edit is None for action in lazy)
        assert [resolved(later, action).edit for action in lazy] == [action.edit for action in eager]


def test_an_action_from_an_older_text_comes_back_as_it_went() -> None:
    seen = project(plan_text().replace('"agent_role"', '$0"agentRole"', 1), client=LAZY_CLIENT)
    (action, *_) = offers(seen, "quickfix")
    seen.write("a.plan.json", plan_text())
    current = seen.again()
    assert code_action_resolve(current, current.document(seen.uri), action).edit is None
    assert code_action_resolve(current, None, action).edit is None
    assert code_action_resolve(current, current.document(seen.uri), types.CodeAction("x")).edit is None


def test_every_prefix_of_a_plan_is_answered() -> None:
    text = plan_text()
    for length in range(0, len(text), 7):
        seen = project(f"-- a.plan.json --\n{text[:length]}", client=WHOLE_CLIENT)
        for only in (None, "refactor", "source.fixAll", "mplp.new"):
            offers(seen, only, length // 2, length)


def test_all_missing_members_of_a_line_of_a_timeline_are_added_to_that_line() -> None:
    first = json.dumps(
        {
            "event_id": "<e1>",
            "event_type": "x",
            "event_family": "methodology",
            "timestamp": "2025-01-01T00:00:00Z",
        }
    )
    seen = project(f"-- a.events.ndjson --\n{first}\n$0{{}}\n", client=LAZY_CLIENT)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    offered = chosen(offers(seen, "quickfix"), "Add all 4 missing members")
    edit = code_action_resolve(seen.snapshot, document, offered).edit
    above, line = applied(seen.snapshot, seen.uri, edit).splitlines()
    assert above == document.text.text.splitlines()[0]
    assert sorted(json.loads(line)) == ["event_family", "event_id", "event_type", "timestamp"]
