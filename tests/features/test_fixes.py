"""Quick fixes: what is offered for a finding, and the text after it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import code_actions
from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.rules.explain import is_id
from tests.features.plans import applied, plan_text, plan_value
from tests.project import ABLE_CLIENT, Project, expanded, project, uuid_of

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
CONTEXT = (
    '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "context_id": "<c1>", '
    '"root": {"domain": "d", "environment": "e"}, "title": "T", "status": "active"}'
)


def offered(seen: Project, code: str) -> list[types.CodeAction]:
    """The fixes at the first finding with this code."""
    (found, *_) = [one for one in diagnostics(seen.snapshot, seen.uri) if one.code == code]
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(seen.uri),
        found.range,
        types.CodeActionContext([], only=[types.CodeActionKind.QuickFix]),
    )
    actions = code_actions(seen.snapshot, document, params) or []
    return [
        action
        for action in actions
        if isinstance(action, types.CodeAction) and action.diagnostics and action.diagnostics[0].code == code
    ]


def fixed(seen: Project, code: str, title: str | None = None) -> str:
    """The text after the preferred fix, or after the one with this title."""
    (fix, *_) = [
        action
        for action in offered(seen, code)
        if (action.is_preferred if title is None else action.title == title)
    ]
    return applied(seen.snapshot, seen.uri, fix.edit)


def codes(seen: Project, text: str) -> set[str]:
    seen.write(seen.uri.rpartition("/")[2], text)
    return {str(one.code) for one in diagnostics(seen.again(), seen.uri)}


def plan(**changes: object) -> Project:
    return project(f"-- a.context.json --\n{CONTEXT}\n-- a.plan.json --\n{plan_text(**changes)}")  # type: ignore[arg-type]


def stepped(**step: object) -> Project:
    value = plan_value(steps=2)
    value["steps"][1].update(step)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return project(f"-- a.context.json --\n{CONTEXT}\n-- a.plan.json --\n{text}")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_misspelt_word_becomes_the_one_that_was_meant(encoding: Encoding) -> None:
    text = plan_text(title="😀 été").replace('"draft"', '"drat"')
    seen = project(text, encoding=encoding)
    assert fixed(seen, "value-not-allowed") == text.replace('"drat"', '"draft"')


def test_the_other_allowed_words_are_offered_too_but_not_preferred() -> None:
    seen = project(plan_text().replace('"draft"', '"drat"'))
    first, *others = offered(seen, "value-not-allowed")
    assert (first.title, first.is_preferred) == ("Change to `draft`", True)
    assert "Change to `approved`" in [other.title for other in others]
    assert not any(other.is_preferred for other in others)


def test_a_key_in_the_wrong_spelling_is_renamed_and_keeps_its_value() -> None:
    text = plan_text().replace('"agent_role"', '"agentRole"', 1)
    assert fixed(project(text), "key-not-snake-case") == plan_text()


def test_a_title_shows_quotes_only_where_they_are_the_repair() -> None:
    key = project(plan_text().replace('"agent_role"', '"agentRole"', 1))
    assert [each.title for each in offered(key, "key-not-snake-case")][:1] == ["Change to `agent_role`"]
    assert [each.title for each in offered(plan(title=5), "type-wrong")][:1] == ['Change to `"5"`']


def test_a_number_that_should_be_a_string_is_quoted() -> None:
    assert '"title": "5"' in fixed(plan(title=5), "type-wrong")


def test_an_id_in_capitals_is_written_small() -> None:
    text = plan_text().replace(uuid_of("p1"), uuid_of("p1").upper())
    assert fixed(project(text), "id-upper-case") == plan_text()


def test_a_missing_member_is_added_in_the_layout_of_its_neighbours() -> None:
    value = plan_value(steps=2)
    del value["steps"][1]["description"]
    for indent in (2, 4, "\t"):
        text = json.dumps(value, indent=indent)
        wanted = json.dumps(value, indent=indent).replace(
            '"agent_role": "tester"\n' + _indent(indent, 2) + "}\n" + _indent(indent, 1) + "]",
            '"agent_role": "tester",\n'
            + _indent(indent, 3)
            + '"description": ""\n'
            + _indent(indent, 2)
            + "}\n"
            + _indent(indent, 1)
            + "]",
        )
        assert wanted != text
        assert fixed(project(text), "property-missing", "Add `description`") == wanted


def _indent(indent: int | str, depth: int) -> str:
    return (indent if isinstance(indent, str) else " " * indent) * depth


def test_a_missing_member_of_a_line_stays_on_the_line() -> None:
    text = json.dumps(plan_value())
    assert fixed(project(text.replace('"title": "Release", ', "")), "property-missing").endswith(
        ', "title": ""}'
    )


def test_a_missing_member_is_added_to_an_empty_object() -> None:
    text = plan_text().replace(
        '"meta": {\n    "protocol_version": "1.0.0",\n    "schema_version": "1.0.0"\n  }', '"meta": {}'
    )
    after = fixed(project(text), "property-missing", "Add `protocol_version`")
    assert '"meta": {"protocol_version": "1.0.0"}' in after


def test_windows_line_ends_are_kept() -> None:
    value = plan_value()
    del value["title"]
    text = json.dumps(value, indent=2).replace("\n", "\r\n")
    after = fixed(project(text), "property-missing", "Add `title`")
    assert ',\r\n  "title": ""\r\n}' in after
    assert "\n" not in after.replace("\r\n", "")


def test_a_missing_id_is_made_fresh_and_differs_from_place_to_place() -> None:
    value = plan_value()
    for step in value["steps"]:
        del step["step_id"]
    seen = project(json.dumps(value, indent=2))
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    everywhere = types.Range(types.Position(0, 0), types.Position(999, 0))
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(seen.uri), everywhere, types.CodeActionContext([])
    )
    made = [
        re.findall(r'"step_id": "([^"]+)"', applied(seen.snapshot, seen.uri, action.edit))
        for action in code_actions(seen.snapshot, document, params) or []
        if isinstance(action, types.CodeAction) and action.title == "Add `step_id`"
    ]
    (one,), (other,) = made
    assert is_id(one)
    assert is_id(other)
    assert one != other


def test_a_word_in_place_of_an_id_gets_a_real_one_at_every_mention() -> None:
    text = plan_text().replace(uuid_of("s1"), "step-1")
    seen = project(text)
    after = fixed(seen, "id-malformed")
    assert "step-1" not in after
    value = json.loads(after)
    assert value["steps"][1]["dependencies"] == [value["steps"][0]["step_id"]]
    assert "id-malformed" not in codes(seen, after)


def test_a_step_with_a_copied_id_gets_its_own() -> None:
    seen = stepped(step_id=uuid_of("s1"), dependencies=[])
    after = fixed(seen, "step-id-duplicate")
    assert "step-id-duplicate" not in codes(seen, after)


def test_a_copied_document_gets_its_own_id() -> None:
    seen = project(f"-- b.plan.json --\n{plan_text()}\n-- a.plan.json --\n{plan_text()}")
    assert "document-id-duplicate" not in codes(seen, fixed(seen, "document-id-duplicate"))


@pytest.mark.parametrize(
    ("dependencies", "code", "left"),
    [
        (["s2"], "step-dependency-self", []),
        (["s1", "s2"], "step-dependency-self", ["s1"]),
        (["s2", "s1"], "step-dependency-self", ["s1"]),
        (["s1", "s1"], "step-dependency-duplicate", ["s1"]),
    ],
)
def test_a_dependency_that_cannot_be_is_removed_with_its_comma(
    dependencies: list[str], code: str, left: list[str]
) -> None:
    seen = stepped(dependencies=[uuid_of(word) for word in dependencies])
    after = fixed(seen, code)
    assert json.loads(after)["steps"][1]["dependencies"] == [uuid_of(word) for word in left]


def test_an_unknown_dependency_can_be_removed() -> None:
    seen = stepped(dependencies=[uuid_of("gone")])
    after = fixed(seen, "step-dependency-unknown", "Remove this dependency")
    assert "step-dependency-unknown" not in codes(seen, after)


def test_a_circle_can_be_broken_at_each_of_its_edges() -> None:
    value = plan_value(steps=3)
    value["steps"][0]["dependencies"] = [uuid_of("s3")]
    text = json.dumps(value, indent=2)
    cuts = offered(project(text), "plan-cycle")
    assert [cut.title for cut in cuts] == [
        "Break the circle: `Step 1` no longer waits for `Step 3` (this closes it)",
        "Break the circle: `Step 3` no longer waits for `Step 2`",
        "Break the circle: `Step 2` no longer waits for `Step 1`",
    ]
    assert not any(cut.is_preferred for cut in cuts)
    for cut in cuts:
        seen = project(text)
        assert "plan-cycle" not in codes(seen, applied(seen.snapshot, seen.uri, cut.edit))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ('{"a": 1,}', "json-comma-trailing"),
        ('{"a": [1, 2,\n]}', "json-comma-trailing"),
        ('{"a": 1\n  "b": 2}', "json-comma-missing"),
        ('{"a": 1 // why\n}', "json-comment"),
        ('{"a": /* why */ 1}', "json-comment"),
        ("{'a': 1}", "json-syntax"),
        ("{a: 1}", "json-syntax"),
        ('{"a": True}', "json-literal-invalid"),
        ('{"a": None}', "json-literal-invalid"),
        ('{"a": yes}', "json-literal-invalid"),
        ('{"a": flase}', "json-literal-invalid"),
        ('{"a": "x\ty"}', "json-string-control"),
        ('{"a": "x\n}', "json-string-unterminated"),
        ('\ufeff{"a": 1}', "json-bom"),
        ('{"a": 1}}', "json-bracket-extra"),
    ],
)
def test_a_fault_of_the_text_is_repaired(broken: str, code: str) -> None:
    seen = project(f"-- a.plan.json --\n{broken}")
    assert isinstance(json.loads(fixed(seen, code)), dict)


def test_a_missing_comma_goes_to_the_end_of_the_line_before() -> None:
    seen = project('-- a.plan.json --\n{"a": 1\n  "b": 2}')
    assert fixed(seen, "json-comma-missing") == '{"a": 1,\n  "b": 2}'


def test_settings_are_repaired_in_their_own_language() -> None:
    text = '[roles.tester]\nactoin = "tool_call"\ncommand = ["true"]\n'
    seen = project(f"-- mplp.toml --\n{text}")
    found = [one for one in diagnostics(seen.snapshot, seen.uri) if one.data and "replacement" in one.data]
    assert fixed(seen, str(found[0].code)) == text.replace("actoin", "action")


def test_a_command_line_becomes_an_argument_list() -> None:
    text = '[roles.tester]\naction = "tool_call"\ncommand = "pytest -q \'my tests\'"\n'
    seen = project(f"-- mplp.toml --\n{text}")
    assert 'command = ["pytest", "-q", "my tests"]' in fixed(seen, "settings-command-string")


def test_an_edit_is_for_the_version_it_was_made_from_where_the_client_can_be_told() -> None:
    seen = project(plan_text().replace('"draft"', '"drat"'))
    (fix, *_) = offered(seen, "value-not-allowed")
    assert fix.edit is not None
    assert fix.edit.document_changes is not None
    assert fix.edit.document_changes[0].text_document.version == 1  # type: ignore[union-attr]
    plain = project(
        plan_text().replace('"draft"', '"drat"'), client=replace(ABLE_CLIENT, document_changes=False)
    )
    assert fixed(plain, "value-not-allowed") == plan_text()


def test_a_plan_that_is_over_can_be_set_back_to_draft() -> None:
    value = plan_value("completed")
    for step in value["steps"]:
        step["status"] = "completed"
    seen = project(json.dumps(value, indent=2))
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    place = types.Range(types.Position(0, 0), types.Position(0, 0))
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(seen.uri),
        place,
        types.CodeActionContext([], only=["mplp"]),  # type: ignore[list-item]
    )
    offered = code_actions(seen.snapshot, document, params) or []
    (again,) = [one for one in offered if "back to draft" in one.title]
    assert isinstance(again, types.CodeAction)
    assert applied(seen.snapshot, seen.uri, again.edit) == plan_text()


def test_nothing_is_offered_for_what_no_program_can_know() -> None:
    seen = project(plan_text().replace('"Release"', '""'))
    assert code_actions is not None
    found = [one for one in diagnostics(seen.snapshot, seen.uri) if one.code == "text-empty"]
    if found:
        assert offered(seen, "text-empty") == []


def test_fixes_are_the_same_however_the_text_came_about() -> None:
    text = plan_text().replace('"draft"', '"drat"')
    fresh = project(text)
    edited = project(plan_text())
    edited.write("a.plan.json", text)
    edited = Project(edited.again(), edited.workspace, edited.cursor)
    assert fixed(fresh, "value-not-allowed") == fixed(edited, "value-not-allowed")


@pytest.mark.parametrize(
    "members",
    [
        '"locked": true, "colour": "red", "locked": true',
        '"colour": "red", "lifecyclePhase": "a", "locked": true, "lifecyclePhase": "b"',
        '"lifecyclePhase": "a", "locked": true, "lifecyclePhase": "b", "colour": "red"',
    ],
)
def test_a_member_is_taken_out_alone_also_where_another_stands_twice(members: str) -> None:
    def text(inner: str) -> str:
        return CONTEXT[:-1] + f', "governance": {{{inner}}}}}'

    seen = project(f"-- a.context.json --\n{text(members)}")
    rest = members.replace('"colour": "red", ', "").replace(', "colour": "red"', "")
    assert fixed(seen, "property-unknown", "Remove `colour`") == expanded(text(rest))


def test_a_copied_trace_gets_its_own_id_in_its_spans_as_well() -> None:
    trace = (
        '{"trace_id": "<t1>", "root_span": {"trace_id": "<t1>", "span_id": "<x1>"}, '
        '"context_id": "<c1>", "plan_id": "<p1>", "status": "running"}'
    )
    seen = project(f"-- a.trace.json --\n{trace}\n-- b.trace.json --\n{trace}")
    text = fixed(seen, "document-id-duplicate", "Give it an id of its own")
    value = json.loads(text)
    assert value["trace_id"] != uuid_of("t1")
    assert value["root_span"] == {"trace_id": value["trace_id"], "span_id": uuid_of("x1")}
