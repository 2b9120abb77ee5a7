"""A new id or a new role name, everywhere at once, or a refusal that says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.rename import prepare_rename, rename
from mplp_lsp.text.edits import apply
from mplp_lsp.workspace.snapshot import ClientView
from mplp_runtime.errors import MplpError
from tests.features.navigation import Asked, asked, position_of, text_at
from tests.project import ABLE_CLIENT, expanded, uuid_of

ANNOTATING = replace(ABLE_CLIENT, change_annotations=True)
NEW = uuid_of("new")

PROJECT = """
-- a.plan.json --
{"plan_id": "<p1>", "title": "Release", "steps": [
  {"step_id": "<s1>", "description": "Build", "agent_role": "tester"},
  {"step_id": "<s2>", "dependencies": ["<s1>"], "agent_role": "tester"}]}
-- a.confirm.json --
{"confirm_id": "<k1>", "target_type": "plan", "target_id": "<p1>"}
-- b.confirm.json --
{"confirm_id": "<k2>", "target_type": "other", "target_id": "<s1>"}
-- tester.role.json --
{"role_id": "<r1>", "name": "tester"}
-- run.events.ndjson --
{"event_id": "<e1>", "pipeline_id": "<p1>", "stage_id": "<s1>"}
-- mplp.toml --
[roles.tester]
action = "tool_call"
[roles.tester.limits]
cpu_s = 1
[roles."the writer"]
action = "agent_handoff"
to = 'tester'
[steps."<s1>"]
action = "tool_call"
[gates]
confirm_steps = ["tester", "<s1>"]
"""


def at(spot: str, **more: Any) -> Asked:
    plain = spot.replace("$0", "")
    assert PROJECT.count(plain) == 1
    return asked(PROJECT.replace(plain, spot), **more)


def renamed(here: Asked, new: str) -> types.WorkspaceEdit | None:
    text_document, position = position_of(here)
    return rename(*here, types.RenameParams(text_document, position, new))


def texts(here: Asked, edit: types.WorkspaceEdit | None) -> dict[str, str]:
    """The changed documents as a client would make them, by file name."""
    assert edit is not None
    by_uri: dict[str, Any] = dict(edit.changes or {})
    for change in edit.document_changes or ():
        assert isinstance(change, types.TextDocumentEdit)
        document = here.snapshot.document(change.text_document.uri)
        assert document is not None
        assert change.text_document.version == document.version
        by_uri[change.text_document.uri] = change.edits
    after = {}
    for uri, edits in by_uri.items():
        document = here.snapshot.document(uri)
        assert document is not None
        text = document.text
        for each in reversed(edits):
            start, end = each.range.start, each.range.end
            place = ((start.line, start.character), (end.line, end.character))
            text, _ = apply(text, [(place, each.new_text)], here.snapshot.encoding)
        after[uri.rsplit("/", 1)[1]] = text.text
    return after


def before(name: str) -> str:
    return expanded(PROJECT).split(f"-- {name} --\n")[1].split("\n-- ")[0]


def test_a_plan_gets_a_new_id_where_it_is_declared_and_used_but_never_in_history() -> None:
    here = at('"target_id": "$0<p1>"')
    after = texts(here, renamed(here, NEW))
    assert after == {
        name: before(name).replace(uuid_of("p1"), NEW) for name in ("a.plan.json", "a.confirm.json")
    }


def test_a_step_gets_a_new_id_in_plans_confirms_and_settings() -> None:
    for spot in ('"step_id": "$0<s1>"', '"dependencies": ["<s1>$0"]', '[steps."$0<s1>"]'):
        here = at(spot)
        after = texts(here, renamed(here, NEW))
        names = ("a.plan.json", "b.confirm.json", "mplp.toml")
        assert after == {
            name: before(name).replace(uuid_of("s1"), NEW).rstrip("\n")
            + ("\n" if name == "mplp.toml" else "")
            for name in names
        }


def test_a_role_gets_a_new_name_in_plans_roles_and_settings() -> None:
    for spot in ('"name": "$0tester"', "[roles.$0tester]", "[roles.tester$0.limits]", "to = 'tes$0ter'"):
        here = at(spot)
        after = texts(here, renamed(here, "proof-reader"))
        assert set(after) == {"a.plan.json", "tester.role.json", "mplp.toml"}
        assert after["a.plan.json"] == before("a.plan.json").replace("tester", "proof-reader")
        assert after["tester.role.json"] == before("tester.role.json").replace("tester", "proof-reader")
        assert after["mplp.toml"].splitlines()[:7] == [
            "[roles.proof-reader]",
            'action = "tool_call"',
            "[roles.proof-reader.limits]",
            "cpu_s = 1",
            '[roles."the writer"]',
            'action = "agent_handoff"',
            'to = "proof-reader"',
        ]
        assert after["mplp.toml"].endswith(f'confirm_steps = ["proof-reader", "{uuid_of("s1")}"]\n')


def test_a_name_is_spelled_as_json_and_toml_want_it() -> None:
    here = at('"name": "$0tester"')
    after = texts(here, renamed(here, 'the "first" Prüfer'))
    assert '"name": "the \\"first\\" Prüfer"' in after["tester.role.json"]
    assert after["mplp.toml"].startswith('[roles."the \\"first\\" Prüfer"]\n')
    here = at('[roles."the wri$0ter"]')
    assert '\n[roles."writer"]\naction = "agent_handoff"' in texts(here, renamed(here, "writer"))["mplp.toml"]


def test_edits_are_told_apart_where_the_client_shows_that() -> None:
    here = at('"step_id": "$0<s1>"', client=ANNOTATING)
    edit = renamed(here, NEW)
    assert edit is not None
    assert edit.change_annotations is not None
    assert {key: note.label for key, note in edit.change_annotations.items()} == {
        "declarations": "Where it is declared",
        "uses": "Where it is used",
    }
    description = edit.change_annotations["uses"].description
    assert description == "1 place in timelines and events keep the old text: what happened is not changed."
    groups = [
        each.annotation_id
        for change in edit.document_changes or ()
        if isinstance(change, types.TextDocumentEdit)
        for each in change.edits
        if isinstance(each, types.AnnotatedTextEdit)
    ]
    assert groups == ["declarations", "uses", "uses", "uses", "uses"]


@pytest.mark.parametrize("client", [ClientView(), ClientView(change_annotations=True), ABLE_CLIENT])
def test_nothing_is_sent_that_the_client_did_not_announce(client: ClientView) -> None:
    here = at('"step_id": "$0<s1>"', client=client)
    edit = renamed(here, NEW)
    assert edit is not None
    assert edit.change_annotations is None
    assert (edit.document_changes is None) == (not client.document_changes)
    assert (edit.changes is None) == client.document_changes
    assert NEW in texts(here, edit)["a.plan.json"]


def test_the_old_text_is_no_change() -> None:
    assert renamed(at('"step_id": "$0<s1>"'), uuid_of("s1")) is None


@pytest.mark.parametrize(
    ("spot", "new", "sentence"),
    [
        ('"plan_id": "$0<p1>"', "release", "`release` is no id; ids are UUIDs of version 4"),
        ('"plan_id": "$0<p1>"', NEW.upper(), "has upper-case letters; ids are written in lower case."),
        ('"plan_id": "$0<p1>"', " ", "The new id is empty"),
        ('"plan_id": "$0<p1>"', uuid_of("s2"), "is taken by the step in `a.plan.json`."),
        ('"step_id": "$0<s2>"', uuid_of("s1"), "is taken by the step `Build` in `a.plan.json`."),
        ('"step_id": "$0<s1>"', uuid_of("p1"), "is taken by the plan `Release` in `a.plan.json`."),
        ('"step_id": "$0<s1>"', uuid_of("k1"), "is taken by the confirm in `a.confirm.json`."),
        ('"name": "$0tester"', "", "The new name of the role is empty."),
        ('"name": "$0tester"', " x", "starts or ends with a blank."),
        ('"name": "$0tester"', "a\nb", "one line of printable text."),
        ('"name": "$0tester"', "the writer", "`the writer` is taken by the role in `mplp.toml`."),
        ('"name": "$0tester"', NEW, "would be taken for the id of a Role document."),
        ('"stage_id": "$0<s1>"', NEW, "A timeline tells what happened and is never changed"),
        ('"title": "$0Release"', "x", "Only ids and the names of roles can be renamed"),
    ],
)
def test_a_refusal_says_why_in_one_sentence(spot: str, new: str, sentence: str) -> None:
    with pytest.raises(MplpError) as refusal:
        renamed(at(spot), new)
    assert sentence in str(refusal.value)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('-- a.event.json --\n{"event_id": "<e1>", "payload": {"step_id": "$0<s1>"}}', "tells what happened"),
        ('-- .mplp/traces/t.trace.json --\n{"trace_id": "$0<t1>"}', "tells what happened"),
        (
            '-- a.core.json --\n{"core_id": "<c>", "modules": [{"module_id": "$0plan"}]}',
            "fixed by the protocol",
        ),
    ],
)
def test_what_must_stay_is_refused_before_anything_is_typed(text: str, sentence: str) -> None:
    here = asked(text)
    with pytest.raises(MplpError, match=sentence):
        prepare_rename(*here, types.PrepareRenameParams(*position_of(here)))
    with pytest.raises(MplpError, match=sentence):
        renamed(here, NEW)


def test_what_will_be_renamed_is_shown_without_quotes() -> None:
    here = at('"dependencies": ["<s1>$0"]')
    prepared = prepare_rename(*here, types.PrepareRenameParams(*position_of(here)))
    assert prepared is not None
    assert prepared.placeholder == uuid_of("s1")
    assert text_at(here.snapshot, here.document.uri, prepared.range) == uuid_of("s1")
    nothing = asked('{"title": "$0x"}')
    assert prepare_rename(*nothing, types.PrepareRenameParams(*position_of(nothing))) is None


def test_a_word_that_is_no_id_becomes_one_in_its_document_only() -> None:
    plan = '{"steps": [{"step_id": "step-$01"}, {"dependencies": ["step-1"]}]}'
    here = asked(f"-- b.plan.json --\n{plan.replace('$0', '')}\n-- a.plan.json --\n{plan}")
    after = texts(here, renamed(here, NEW))
    assert after == {"a.plan.json": plan.replace("$0", "").replace("step-1", NEW)}


def test_nothing_is_renamed_while_the_project_is_being_read() -> None:
    here = at('"name": "$0tester"')
    half = here._replace(snapshot=replace(here.snapshot, is_complete=False))
    with pytest.raises(MplpError, match="still being read"):
        renamed(half, "x")


def test_broken_text_is_renamed_where_it_can_be_read() -> None:
    text = '{"steps": [{"step_id": "$0<s1>" "status": }, {"dependencies": ["<s1>", "<s1>'
    here = asked(text)
    assert texts(here, renamed(here, NEW)) == {
        "a.plan.json": expanded(text.replace("$0", "")).replace(uuid_of("s1"), NEW)
    }
