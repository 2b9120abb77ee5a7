"""What an author does in VS Code: each feature by what VS Code's own API and its page show."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
)
from tests.editors.vscode_session import Session

pytestmark = [pytest.mark.editors, pytest.mark.timeout(600)]

STEPS = ["Draw the till", "Build the till", "Try the till", "Print receipts"]


def shown(session: Session, feature: str) -> Any:
    """What the API showed of a feature; one that failed there fails the test with its own words."""
    assert feature in session.facts["features"], session.facts["failures"].get(feature)
    return session.facts["features"][feature]


def looked(session: Session, feature: str) -> Any:
    """What the page showed of a feature."""
    assert feature in session.seen, session.seen["failures"].get(feature)
    return session.seen[feature]


def steps_of(text: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(text)["steps"]
    return steps


def test_a_hover_says_what_a_step_waits_for_and_who_needs_it(untrusted: Session) -> None:
    (card,) = shown(untrusted, "hover")
    assert card.startswith("**Build the till** · step 2 of 4 · `pending`")
    assert "Waits for: “Draw the till” (pending)" in card
    assert looked(untrusted, "hover").startswith("Build the till · step 2 of 4 · pending")


def test_a_dependency_is_chosen_by_its_description_and_written_as_an_id(untrusted: Session) -> None:
    completion = shown(untrusted, "completion")
    assert sorted(completion["labels"]) == sorted(STEPS[:3])
    assert looked(untrusted, "completion") == completion["labels"]
    first = dict(zip(STEPS, [DRAW, BUILD, TRY, PRINT], strict=True))[completion["labels"][0]]
    assert completion["accepted"] == f'      "dependencies": ["{first}"],'


def test_the_documentation_of_an_item_comes_on_demand(untrusted: Session) -> None:
    completion = shown(untrusted, "completion")
    for label, text in zip(completion["labels"], completion["documentation"], strict=True):
        assert text.startswith(f"**{label}**")


def test_members_that_are_missing_are_offered(untrusted: Session) -> None:
    labels = shown(untrusted, "members")
    assert "agent_role" in labels
    assert not {"step_id", "description", "status"} & set(labels)


def test_a_dependency_leads_to_its_step(untrusted: Session) -> None:
    assert shown(untrusted, "definition") == [{"file": "checkout.plan.json", "text": BUILD, "line": 20}]


def test_references_of_a_step_reach_into_other_documents(untrusted: Session) -> None:
    found = shown(untrusted, "references")
    assert {place["text"] for place in found} == {BUILD}
    assert sorted((place["file"], place["line"]) for place in found) == [
        ("build.confirm.json", 8),
        ("checkout.plan.json", 20),
        ("checkout.plan.json", 33),
    ]


def test_an_id_is_highlighted_where_it_is_declared_and_used(untrusted: Session) -> None:
    found = shown(untrusted, "highlights")
    assert [(place["kind"], place["line"], place["text"]) for place in found] == [
        ("Write", 20, BUILD),
        ("Read", 33, BUILD),
    ]


def test_the_outline_shows_each_step_with_its_state_and_role(untrusted: Session) -> None:
    (plan,) = shown(untrusted, "outline")
    assert plan["name"] == "Pay at the till"
    assert [(step["name"], step["detail"]) for step in plan["children"]] == [
        ("Draw the till", "pending · formatter"),
        ("Build the till", "pending · packager"),
        ("Try the till", "pending · tester"),
        ("Print receipts", "pending · packager"),
    ]
    rows = looked(untrusted, "outline")
    assert len(rows) == 5
    assert all(row.startswith(name) for row, name in zip(rows[1:], STEPS, strict=True))


def test_a_search_finds_a_step_of_a_closed_file(untrusted: Session) -> None:
    assert shown(untrusted, "search") == [
        {"name": "Count the shelves", "container": "Take stock", "file": "stocktaking.plan.json"}
    ]


def test_ids_are_followed_by_the_names_of_what_they_point_to(untrusted: Session) -> None:
    assert {hint["line"]: hint["label"] for hint in shown(untrusted, "hints")} == {
        f'"context_id": "{SHOP_CONTEXT}",': "The shop",
        f'"{DRAW}"': "Draw the till",
        f'"{BUILD}"': "Build the till",
    }


def test_the_call_hierarchy_is_the_graph_of_dependencies(untrusted: Session) -> None:
    calls = shown(untrusted, "calls")
    assert calls["item"] == "Build the till"
    assert [call["name"] for call in calls["incoming"]] == ["Try the till"]
    assert [call["name"] for call in calls["outgoing"]] == ["Draw the till"]
    assert [row.split(" till")[0] for row in looked(untrusted, "calls")] == ["Build the", "Try the"]


def test_the_type_hierarchy_leads_from_a_plan_to_its_context_and_to_its_siblings(untrusted: Session) -> None:
    types = shown(untrusted, "types")
    assert types["item"] == "Pay at the till"
    assert types["supertypes"] == ["The shop"]
    assert sorted(types["siblings"]) == ["Crowded", "Pay at the till", "Take stock"]


def test_a_path_of_another_document_is_a_link(untrusted: Session) -> None:
    assert shown(untrusted, "links") == [{"text": "stocktaking.plan.json", "target": "stocktaking.plan.json"}]


def test_paths_follow_a_renamed_file_once_the_person_agrees(untrusted: Session) -> None:
    assert "refactoring changes" in looked(untrusted, "fileRenamed")
    context = json.loads(shown(untrusted, "fileRenamed"))
    assert context["root"]["constraints"] == {"first": "inventory.plan.json"}


def test_objects_and_lists_fold(untrusted: Session) -> None:
    folds = shown(untrusted, "folds")
    assert [11, 43] in folds  # the list of steps
    assert [19, 26] in folds  # the second step


def test_a_selection_grows_from_the_word_to_the_step(untrusted: Session) -> None:
    texts = shown(untrusted, "selections")
    assert texts[:4] == [
        "Build",
        "Build the till",
        '"Build the till"',
        '"description": "Build the till"',
    ]
    assert any(text.startswith("{") and json.loads(text).get("step_id") == BUILD for text in texts)


def test_ids_roles_and_states_have_colours_of_their_own(untrusted: Session) -> None:
    tokens = shown(untrusted, "colours")
    kinds = {(token["text"].strip('"'), token["line"]): token for token in tokens}
    declared, used = kinds[BUILD, 20], kinds[BUILD, 33]
    assert declared["modifiers"] == ["declaration"]
    assert used["type"] == declared["type"]
    assert used["modifiers"] == []
    others = {kinds["tester", 35]["type"], kinds["pending", 22]["type"], kinds["step_id", 20]["type"]}
    assert len(others | {declared["type"]}) == 4


def test_a_document_is_laid_out_once_and_for_all(untrusted: Session) -> None:
    formatted = shown(untrusted, "format")
    assert formatted["text"] == json.dumps(json.loads(formatted["text"]), indent=2) + "\n"
    assert formatted["again"] == 0


def test_only_the_chosen_lines_are_laid_out(untrusted: Session) -> None:
    formatted = shown(untrusted, "formatRange")
    assert formatted["firstLine"] == 3
    first, *_, last = formatted["text"].rstrip().split("\n")
    assert first == '{"meta":{"protocol_version":"1.0.0","schema_version":"1.0.0"},'
    assert last == "}"
    assert '\n      "description": "Only one",\n' in formatted["text"]


def test_a_new_line_starts_where_its_brackets_want_it(untrusted: Session) -> None:
    assert shown(untrusted, "formatTyped") == "    "


def test_only_what_has_a_name_is_renamed(untrusted: Session) -> None:
    asked = shown(untrusted, "prepareRename")
    assert asked["text"] == asked["placeholder"] == BUILD
    assert asked["refused"] == "The element can't be renamed."


def test_a_renamed_step_is_renamed_in_every_document(untrusted: Session) -> None:
    renamed = shown(untrusted, "rename")
    assert renamed["files"] == ["build.confirm.json", "checkout.plan.json"]
    assert BUILD not in renamed["plan"]
    assert renamed["plan"].count(RENAMED) == 2
    assert json.loads(renamed["confirm"])["target_id"] == RENAMED


def test_a_renamed_role_is_previewed_and_renamed_in_plan_role_document_and_settings(
    untrusted: Session,
) -> None:
    look = looked(untrusted, "renameRole")
    assert look["placeholder"] == "tester"
    assert "mplp.toml" in look["preview"]
    renamed = shown(untrusted, "renameRole")
    assert [step["agent_role"] for step in steps_of(renamed["plan"])][2] == ROLE_RENAMED
    assert json.loads(renamed["role"])["name"] == ROLE_RENAMED
    assert f"[roles.{ROLE_RENAMED}]" in renamed["settings"]


def test_the_light_bulb_repairs_the_key_and_sorts_the_steps(untrusted: Session) -> None:
    actions = shown(untrusted, "actions")
    assert [action["kind"] for action in actions["titles"] if action["isPreferred"]] == ["quickfix"]
    assert [step.get("agent_role") for step in steps_of(actions["fixed"])] == ["packager", "formatter"]
    assert [step["step_id"] for step in steps_of(actions["sorted"])] == [COUNT, ORDER]
    menu = looked(untrusted, "actions")
    assert "Sort the steps in the order of their dependencies" in menu
    assert {action["title"] for action in actions["titles"]} <= set(menu)


def test_everything_certain_is_repaired_at_once(untrusted: Session) -> None:
    repaired = shown(untrusted, "fixAll")
    assert repaired["kind"] == "source.fixAll.mplp"
    assert [step["agent_role"] for step in steps_of(repaired["text"])] == ["packager", "formatter"]


def test_selected_steps_become_a_plan_in_a_new_file(untrusted: Session) -> None:
    extracted = shown(untrusted, "extract")
    assert [step["step_id"] for step in steps_of(extracted["left"])] == [DRAW, BUILD, TRY]
    assert [step["step_id"] for step in steps_of(extracted["part"])] == [PRINT]
    assert json.loads(extracted["part"])["context_id"] == SHOP_CONTEXT


def test_a_role_that_nobody_wrote_is_written(untrusted: Session) -> None:
    written = shown(untrusted, "newRole")
    assert written["title"] == "New Role document for `formatter`"
    assert json.loads(written["text"])["name"] == "formatter"


def test_the_graph_opens_beside_the_plan_and_follows_it(untrusted: Session) -> None:
    graph = shown(untrusted, "graph")
    assert 's2["Build the till<br/>pending"]' in graph["before"]
    assert "s1 --> s2" in graph["before"]
    assert 's4["Print the receipts<br/>pending"]' in graph["after"]
    assert graph["column"] == 2
    assert "checkout.plan.mmd" in looked(untrusted, "graph")


def test_a_finding_is_explained(untrusted: Session) -> None:
    assert shown(untrusted, "explain")["code"] == "key-not-snake-case"
    said = looked(untrusted, "explain")
    assert "Line 26: `agentRole` is written `agent_role` in MPLP." in said
    assert "How to fix: Rename the key." in said


def test_the_whole_workspace_is_checked_and_counted(untrusted: Session) -> None:
    checked = shown(untrusted, "checkAll")
    assert checked["documents"] == 13
    by_file = {file["uri"].rpartition("/")[2]: file for file in checked["files"]}
    assert by_file["broken.plan.json"]["errors"] == 3
    assert by_file["stocktaking.plan.json"]["errors"] == 1
    assert "shop.context.json" not in by_file


def test_the_statuses_of_a_run_are_written_into_its_plan(untrusted: Session) -> None:
    written = shown(untrusted, "writeBack")
    assert "refused" not in written["answer"], written["answer"]
    assert {step["status"] for step in steps_of(written["text"])} == {"completed"}
