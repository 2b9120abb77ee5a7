"""A merge conflict left in a document: keep this side, the other side, or both."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import code_action_resolve, code_actions
from mplp_lsp.features.places import range_between
from mplp_lsp.workspace.snapshot import ClientView
from tests.features.plans import applied
from tests.project import ABLE_CLIENT, Project, project

CLIENT = replace(ABLE_CLIENT, code_action_disabled=True)
LAZY_CLIENT = replace(CLIENT, code_action_data=True, code_action_resolve=frozenset({"edit"}))

CONFLICT = "<<<<<<< HEAD\n{this}=======\n{other}>>>>>>> feature/x\n"
WITH_BASE = "<<<<<<< HEAD\n{this}||||||| 1a2b\n  base\n=======\n{other}>>>>>>> feature/x\n"
TITLES = ["Keep this side (HEAD)", "Keep the other side (feature/x)", "Keep both"]


def offers(seen: Project, at: int | None = None) -> list[types.CodeAction]:
    """What is offered unasked, as the light bulb shows it."""
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    offset = seen.cursor[1] if at is None else at
    where = range_between(seen.snapshot, document, offset, offset)
    context = types.CodeActionContext([], trigger_kind=types.CodeActionTriggerKind.Automatic)
    params = types.CodeActionParams(types.TextDocumentIdentifier(seen.uri), where, context)
    found = code_actions(seen.snapshot, document, params) or []
    return [one for one in found if isinstance(one, types.CodeAction) and one.title.startswith("Keep ")]


def outcomes(text: str, name: str = "a.plan.json", client: ClientView = CLIENT) -> dict[str, str]:
    """The text after each way out; why there is none where it is refused."""
    seen = project(f"-- {name} --\n{text}", client=client)
    return {
        offer.title: offer.disabled.reason if offer.disabled else applied(seen.snapshot, seen.uri, offer.edit)
        for offer in offers(seen)
    }


@pytest.mark.parametrize("form", [CONFLICT, WITH_BASE])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_title_that_both_changed_is_kept_from_one_side_and_never_from_both(form: str, end: str) -> None:
    conflict = form.format(this='  "title": "A",\n', other='  "title": "B",\n')
    text = "{\n" + conflict.replace("HEAD", "HE$0AD") + '  "objective": "o"\n}\n'
    this, other, both = outcomes(text.replace("\n", end)).values()
    assert this == '{\n  "title": "A",\n  "objective": "o"\n}\n'.replace("\n", end)
    assert other == '{\n  "title": "B",\n  "objective": "o"\n}\n'.replace("\n", end)
    assert both == 'Both sides have "title", which stands once.'


def test_steps_that_both_sides_added_at_the_end_are_kept_together_with_a_comma_between() -> None:
    conflict = CONFLICT.format(
        this='    {"step_id": "2"}\n', other='    {"step_id": "3"},$0\n    {"step_id": "4"}\n'
    )
    text = '{\n  "steps": [\n    {"step_id": "1"},\n' + conflict + "  ]\n}\n"
    found = outcomes(text)
    assert list(found) == TITLES
    steps = {
        title: [step["step_id"] for step in json.loads(after)["steps"]] for title, after in found.items()
    }
    assert steps == {TITLES[0]: ["1", "2"], TITLES[1]: ["1", "3", "4"], TITLES[2]: ["1", "2", "3", "4"]}


def test_sides_that_do_not_fit_together_are_refused_and_hidden_from_clients_that_show_no_reasons() -> None:
    text = "{\n" + CONFLICT.format(this='  "steps": [$0\n', other='  "notes": [\n') + "  ]\n}\n"
    assert outcomes(text)["Keep both"] == "One after the other the two sides are no JSON."
    assert list(outcomes(text, client=ABLE_CLIENT)) == TITLES[:2]


def test_a_side_that_removed_the_lines_is_empty() -> None:
    text = '{\n  "title": "A"\n' + CONFLICT.format(this='$0  ,"objective": "o"\n', other="") + "}\n"
    found = outcomes(text)
    assert found[TITLES[1]] == '{\n  "title": "A"\n}\n'
    assert found[TITLES[2]] == found[TITLES[0]] == '{\n  "title": "A"\n  ,"objective": "o"\n}\n'


@pytest.mark.parametrize("name", ["run.events.ndjson", "mplp.toml"])
def test_timelines_and_settings_have_the_same_ways_out(name: str) -> None:
    first, second = (
        ('{"a": 1}\n', '{"a": 2}\n') if name.endswith("json") else ("[a]\nx = 1\n", "[b]\ny = 2\n")
    )
    text = CONFLICT.format(this=first, other=f"$0{second}")
    assert outcomes(text, name) == dict(zip(TITLES, (first, second, first + second), strict=True))


def test_each_of_two_conflicts_has_its_own_ways_out_and_the_last_line_needs_no_end() -> None:
    one = CONFLICT.format(this='{"a": 1}\n', other='{"a": 2}\n')
    text = one + "{}\n" + one.replace("HEAD", "HE$0AD").removesuffix("\n")
    assert outcomes(text, "run.events.ndjson")[TITLES[0]] == one + '{}\n{"a": 1}\n'
    seen = project(f"-- run.events.ndjson --\n{text}", client=CLIENT)
    assert offers(seen, text.index("{}") + 1) == []


def test_the_ways_out_belong_to_the_finding_and_none_is_preferred() -> None:
    text = "{\n" + CONFLICT.format(this='  "title": "A"$0\n', other='  "title": "B"\n') + "}\n"
    found = offers(project(text, client=CLIENT))
    assert [offer.is_preferred for offer in found] == [None, None, None]
    assert all(offer.diagnostics and offer.diagnostics[0].range.start.line == 1 for offer in found)


def test_an_edit_that_is_asked_for_later_is_the_same() -> None:
    text = "{\n" + CONFLICT.format(this='  "title": "A"$0\n', other='  "title": "B"\n') + "}\n"
    seen = project(text, client=LAZY_CLIENT)
    document = seen.snapshot.document(seen.uri)
    lazy = offers(seen)[1]
    assert lazy.edit is None
    resolved = code_action_resolve(seen.snapshot, document, lazy)
    assert applied(seen.snapshot, seen.uri, resolved.edit) == '{\n  "title": "B"\n}\n'


@pytest.mark.parametrize(
    "text",
    [
        '{\n<<<<<<< HEAD\n  "title": "A"$0\n}\n',
        '{\n<<<<<<< HEAD\n  "title": "A"$0\n=======\n}\n',
        '{\n<<<<<<< HEAD\n  "title": "A"$0\n>>>>>>> other\n}\n',
        '{"title": "<<<<<<< $0 ======= >>>>>>>"}',
    ],
)
def test_half_a_conflict_has_no_sides_to_keep(text: str) -> None:
    assert outcomes(text) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_long_half_conflict_does_not_stop_the_server(end: str) -> None:
    text = "{\n<<<<<<< HEAD\n" + '  "title": "A",\n' * 2_000 + '  "objective": "$0"\n}\n'
    assert outcomes(text.replace("\n", end)) == {}
