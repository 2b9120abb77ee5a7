"""Folding ranges: which lines go away, and what stands for them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.folding import folding_range
from mplp_lsp.workspace.snapshot import ClientView
from tests.features.plans import plan_text, plan_value
from tests.project import ABLE_CLIENT, Project, project

LINES = replace(ABLE_CLIENT, folding_line_only=True, folding_collapsed_text=True)
SIGNS = replace(ABLE_CLIENT, folding_collapsed_text=True)


def folds(seen: Project) -> list[dict[str, Any]]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.FoldingRangeParams(types.TextDocumentIdentifier(seen.uri))
    ready = folding_range(seen.snapshot, document, params)
    assert ready is not None
    found: list[dict[str, Any]] = json.loads(ready.json)
    return found


def hidden(text: str, client: ClientView = LINES) -> list[tuple[str, str, str | None]]:
    """First and last line of each fold, and what is shown instead."""
    lines = text.splitlines()
    return [
        (lines[fold["startLine"]].strip(), lines[fold["endLine"]].strip(), fold.get("collapsedText"))
        for fold in folds(project(text, client=client))
    ]


def test_lists_objects_and_steps_fold_up_to_the_line_above_their_bracket() -> None:
    text = json.dumps(plan_value(steps=2), indent=2)
    last = text.splitlines()[-2].strip()
    assert hidden(text) == [
        ("{", last, None),
        ('"meta": {', '"schema_version": "1.0.0"', None),
        ('"steps": [', "}", "2 steps"),
        ("{", '"agent_role": "tester"', "Step 1"),
        ("{", '"agent_role": "tester"', "Step 2"),
        ('"dependencies": [', f'"{plan_value(steps=2)["steps"][0]["step_id"]}"', None),
    ]


def test_a_fold_by_signs_goes_from_bracket_to_bracket() -> None:
    text = '{\n  "title": "\U0001f680",  "steps": [\n    {\n      "description": "Go"\n    }\n  ]\n}'
    found = folds(project(text, client=SIGNS))
    assert found[2] == {
        "startLine": 2,
        "startCharacter": 5,
        "endLine": 4,
        "endCharacter": 4,
        "collapsedText": "Go",
    }
    assert (found[1]["startLine"], found[1]["startCharacter"]) == (1, 28)


def test_a_client_that_shows_no_names_gets_none() -> None:
    found = folds(project(plan_text(), client=replace(LINES, folding_collapsed_text=False)))
    assert all("collapsedText" not in fold for fold in found)


def test_what_stands_on_one_line_or_hides_nothing_does_not_fold() -> None:
    assert hidden('{\n  "meta": {"a": 1},\n  "steps": [\n  ]\n}') == [("{", "]", None)]


def test_of_two_that_start_on_a_line_the_outer_one_folds() -> None:
    text = '{"meta": {\n  "a": 1,\n  "b": 2\n  },\n "title": "t"\n}'
    assert [first for first, _, _ in hidden(text)] == [text.splitlines()[0]]


def test_a_client_with_a_limit_gets_the_outer_ones_in_the_order_of_the_text() -> None:
    text = plan_text(steps=5)
    found = folds(project(text, client=replace(LINES, folding_limit=3)))
    assert [fold["startLine"] for fold in found] == sorted(fold["startLine"] for fold in found)
    assert [fold.get("collapsedText") for fold in found] == [None, None, "5 steps"]


def test_a_long_plan_folds_each_step_and_an_edit_keeps_the_names_right() -> None:
    seen = project(plan_text(steps=200), client=LINES)
    assert len([fold for fold in folds(seen) if (fold.get("collapsedText") or "").startswith("Step ")]) == 200
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    text = document.text.text.replace('"Step 100"', '"Pack it"')
    seen.write("a.plan.json", "\n\n" + text)
    again = Project(seen.again(), seen.workspace, seen.cursor)
    assert folds(again) == folds(project("\n\n" + text, client=LINES))
    assert [fold.get("collapsedText") for fold in folds(again)].count("Pack it") == 1


def test_windows_line_ends_count_once() -> None:
    text = plan_text()
    assert folds(project(text.replace("\n", "\r\n"), client=LINES)) == folds(project(text, client=LINES))


@pytest.mark.parametrize("client", [LINES, SIGNS])
def test_every_beginning_of_a_plan_folds_inside_itself(client: ClientView) -> None:
    text = plan_text()
    for end in range(0, len(text), 3):
        part = text[:end]
        last = part.count("\n")
        for fold in folds(project(part, client=client)):
            assert 0 <= fold["startLine"] <= fold["endLine"] <= last


def test_a_bracket_that_is_missing_costs_only_its_own_fold() -> None:
    text = plan_text().replace('"schema_version": "1.0.0"\n  },', '"schema_version": "1.0.0"\n  ,')
    assert [name for _, _, name in hidden(text) if name] == ["2 steps", "Step 1", "Step 2"]


def test_sections_lists_and_comments_of_settings_fold() -> None:
    text = (
        "# one\n# two\n# three\n[roles.tester]\naction = 'x'\n\n# about the next\n[run]\n"
        "max_parallel = 2\nlist = [\n  1,\n  2,\n]\n"
    )
    found = folds(project(f"-- mplp.toml --\n{text}", client=LINES))
    assert [(fold["startLine"], fold["endLine"], fold.get("kind")) for fold in found] == [
        (0, 2, "comment"),
        (3, 4, None),
        (7, 12, None),
        (9, 12, None),
    ]


def test_a_header_inside_a_text_of_several_lines_is_no_section() -> None:
    text = '[run]\nnote = """\n[x]\ny\n"""\nmax_parallel = 2\n'
    found = folds(project(f"-- mplp.toml --\n{text}", client=LINES))
    assert [(fold["startLine"], fold["endLine"]) for fold in found] == [(0, 5), (1, 4)]


def test_a_timeline_has_no_folds() -> None:
    seen = project('-- a.events.ndjson --\n{"event_id": "x"}\n')
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.FoldingRangeParams(types.TextDocumentIdentifier(seen.uri))
    assert folding_range(seen.snapshot, document, params) is None


def test_brackets_in_strings_and_deep_nesting_fold_nothing_wrong() -> None:
    deep: object = "x"
    for _ in range(480):
        deep = [deep]
    value = {"steps": [{"description": "a { b [", "deep": deep}, {"description": "]}", "n": {"a": [1]}}]}
    text = json.dumps(value, indent=1)
    starts = [fold["startLine"] for fold in folds(project(text, client=SIGNS))]
    brackets = [n for n, line in enumerate(text.splitlines()) if line.rstrip().endswith(("{", "["))]
    without_strings = [n for n in brackets if "a { b [" not in text.splitlines()[n]]
    assert starts == without_strings
