"""What an author does in Neovim 0.11: each feature by what is then in the buffers, windows and lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.editors.installation import NEOVIM, need
from tests.editors.neovim_session import play_script
from tests.editors.project import write_project
from tests.editors.shop import (
    BUILD,
    COUNT,
    DRAW,
    ORDER,
    PRINT,
    RENAMED,
    ROLE_RENAMED,
    SHOP_CONTEXT,
    TRY,
    write_shop,
)

pytestmark = [pytest.mark.editors, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("author")
    project = folder / "project"
    project.mkdir()
    write_shop(write_project(project))
    environment = {"MPLP_BUILD": BUILD, "MPLP_RENAMED": RENAMED, "MPLP_ROLE_RENAMED": ROLE_RENAMED}
    return play_script(
        need("Neovim 0.11", NEOVIM), "nvim_features.lua", project, folder, environment=environment
    )


def shown(author: dict[str, Any], feature: str) -> Any:
    """What Neovim showed of a feature; a feature that failed there fails the test with Lua's own words."""
    assert feature in author, author["failures"][feature]
    return author[feature]


def steps_of(text: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(text)["steps"]
    return steps


def test_a_hover_says_what_a_step_waits_for_and_who_runs_it(author: dict[str, Any]) -> None:
    card = shown(author, "hover")["step"]
    assert card.startswith("**Build the till** · step 2 of 4 · `pending`")
    assert "Waits for: “Draw the till” (pending)" in card
    assert "Needed by: “Try the till” (pending)" in card


def test_a_dependency_is_chosen_by_its_description_and_written_as_an_id(author: dict[str, Any]) -> None:
    completion = shown(author, "completion")
    assert sorted(completion["offered"]) == ["Build the till", "Draw the till", "Try the till"]
    first = {"Build the till": BUILD, "Draw the till": DRAW, "Try the till": TRY}[completion["offered"][0]]
    assert completion["accepted"] == f'      "dependencies": ["{first}"],'


def test_a_new_step_is_a_snippet_to_type_into(author: dict[str, Any]) -> None:
    snippet = shown(author, "snippet")
    assert snippet["offered"] == ["new step"]
    new = steps_of(snippet["text"])[-1]
    assert new["description"] == "Count the money"
    assert new["status"] == "pending"
    assert new["step_id"] not in {DRAW, BUILD, TRY, PRINT}


def test_a_dependency_leads_to_its_step(author: dict[str, Any]) -> None:
    definition = shown(author, "definition")
    assert [place["file"] for place in definition["places"]] == ["checkout.plan.json"]
    assert definition["line"].strip() == f'"step_id": "{BUILD}",'


def test_references_of_a_step_reach_into_other_documents(author: dict[str, Any]) -> None:
    found = [(place["file"], place["text"].strip()) for place in shown(author, "references")]
    assert found == [
        ("build.confirm.json", f'"target_id": "{BUILD}",'),
        ("checkout.plan.json", f'"step_id": "{BUILD}",'),
        ("checkout.plan.json", f'"{BUILD}"'),
    ]


def test_an_id_is_highlighted_where_it_is_declared_and_used(author: dict[str, Any]) -> None:
    marks = shown(author, "highlight")
    assert [mark["group"] for mark in marks] == ["LspReferenceWrite", "LspReferenceRead"]
    assert {mark["text"] for mark in marks} == {BUILD}


def test_the_outline_names_plan_and_steps_and_a_search_finds_a_step_of_a_closed_file(
    author: dict[str, Any],
) -> None:
    symbols = shown(author, "symbols")
    names = [entry["text"].split("] ", 1)[1] for entry in symbols["outline"]]
    assert names == ["Pay at the till", "Draw the till", "Build the till", "Try the till", "Print receipts"]
    assert [(entry["file"], entry["text"]) for entry in symbols["found"]] == [
        ("stocktaking.plan.json", "[Function] Count the shelves")
    ]


def test_ids_are_followed_by_the_names_of_what_they_point_to(author: dict[str, Any]) -> None:
    hints = shown(author, "hints")
    shown_after = {hint["line"].strip(): hint["label"] for hint in hints["labels"]}
    assert shown_after == {
        f'"context_id": "{SHOP_CONTEXT}",': "The shop",
        f'"{DRAW}"': "Draw the till",
        f'"{BUILD}"': "Build the till",
    }
    assert hints["resolved"]["tooltip"]["value"].startswith("**Draw the till** · step 1 of 4")


def test_a_list_of_steps_folds_and_says_how_many_it_hides(author: dict[str, Any]) -> None:
    folds = shown(author, "folds")
    assert folds["first"] == '  "steps": ['
    assert folds["last"] == "    }"
    assert folds["shown"] == "4 steps"


def test_ids_roles_and_states_have_colours_of_their_own(author: dict[str, Any]) -> None:
    colours = shown(author, "colours")
    assert colours["declared"] == {"type": "variable", "modifiers": ["declaration"]}
    assert colours["used"]["type"] == "variable"
    assert len({colour["type"] for colour in colours.values()}) == 3


def test_a_document_is_laid_out_whole_or_in_part_and_keeps_its_values(author: dict[str, Any]) -> None:
    formatted = shown(author, "format")
    assert formatted["whole"] == json.dumps(json.loads(formatted["whole"]), indent=2)
    assert formatted["undone"] is True
    assert json.loads(formatted["part"]) == json.loads(formatted["whole"])
    first, *_ = formatted["part"].split("\n")
    assert first == '{"meta":{"protocol_version":"1.0.0","schema_version":"1.0.0"},'
    assert '\n      "description": "Only one",\n' in formatted["part"]


def test_the_call_hierarchy_is_the_graph_of_dependencies(author: dict[str, Any]) -> None:
    calls = shown(author, "calls")
    assert [call["text"] for call in calls["incoming"]] == ["Try the till"]
    assert [call["text"] for call in calls["outgoing"]] == ["Draw the till"]


def test_steps_are_sorted_by_an_action_that_one_undo_takes_back(author: dict[str, Any]) -> None:
    actions = shown(author, "actions")
    assert [step["step_id"] for step in steps_of(actions["sorted"]["text"])] == [COUNT, ORDER]
    assert actions["undone"] is True


def test_a_wrong_key_is_repaired_alone_or_with_all_that_is_certain(author: dict[str, Any]) -> None:
    actions = shown(author, "actions")
    for repaired in (actions["fixed"], actions["all"]):
        assert [step["agent_role"] for step in steps_of(repaired["text"])] == ["packager", "formatter"]
        assert "agentRole" not in repaired["text"]
    assert actions["all"]["titles"] == ["Repair everything that has one obvious repair"]


def test_selected_steps_become_a_plan_in_a_new_file(author: dict[str, Any]) -> None:
    extracted = shown(author, "extract")
    assert [step["step_id"] for step in steps_of(extracted["text"])] == [DRAW, BUILD, TRY]
    part = json.loads(extracted["buffers"]["checkout-part.plan.json"])
    assert [step["step_id"] for step in part["steps"]] == [PRINT]
    assert part["context_id"] == SHOP_CONTEXT
    assert part["plan_id"] != json.loads(extracted["text"])["plan_id"]


def test_a_renamed_step_is_renamed_in_every_document(author: dict[str, Any]) -> None:
    renamed = shown(author, "rename")
    assert BUILD not in renamed["plan"]
    assert renamed["plan"].count(RENAMED) == 2
    assert json.loads(renamed["confirm"])["target_id"] == RENAMED


def test_a_renamed_role_is_renamed_in_plan_role_document_and_settings(author: dict[str, Any]) -> None:
    renamed = shown(author, "rename")
    assert [step["agent_role"] for step in steps_of(renamed["role_in_plan"])] == [
        "formatter",
        "packager",
        ROLE_RENAMED,
        "packager",
    ]
    assert json.loads(renamed["role"])["name"] == ROLE_RENAMED
    assert f"[roles.{ROLE_RENAMED}]" in renamed["settings"]
    assert "tester" not in renamed["settings"]


def test_what_has_no_name_is_not_renamed(author: dict[str, Any]) -> None:
    assert shown(author, "rename")["refusal"] == "Nothing to rename"


def test_the_graph_opens_also_where_the_server_may_keep_no_file(author: dict[str, Any]) -> None:
    graph = shown(author, "graph")
    assert graph.startswith("%% Pay at the till")
    assert 's2["Build the till<br/>pending"]' in graph
    assert "s1 --> s2" in graph


def test_a_finding_is_explained_in_a_window_beside_it(author: dict[str, Any]) -> None:
    explanation = shown(author, "explain")
    assert explanation.startswith("key-not-snake-case · error")
    assert "How to fix: Rename the key." in explanation


def test_the_whole_project_is_checked_and_counted(author: dict[str, Any]) -> None:
    counted = shown(author, "check_all")
    assert counted.startswith("MPLP: 13 documents: ")
    assert " errors, " in counted
