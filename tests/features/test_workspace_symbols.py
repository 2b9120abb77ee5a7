"""Searching all projects for documents, steps and roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.workspace_symbols import workspace_symbol_resolve, workspace_symbols
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.workspace import Workspace
from tests.features.navigation import text_at
from tests.project import ABLE_CLIENT, Project, project, uri, uuid_of

RESOLVING = replace(ABLE_CLIENT, symbol_resolve=True)

PROJECT = """
-- site.context.json --
{"context_id": "<c1>", "title": "Building site"}
-- a.plan.json --
{"plan_id": "<p1>", "title": "Release the site", "steps": [
  {"step_id": "<s1>", "description": "Build the site", "agent_role": "builder"},
  {"step_id": "<s2>", "description": "Rebuild what failed", "agent_role": "builder"},
  {"step_id": "<s3>", "agent_role": "tester"}]}
-- b.collab.json --
{"collab_id": "<l1>", "title": "Team", "participants": [{"participant_id": "anna", "display_name": "Anna"}]}
-- tester.role.json --
{"role_id": "<r1>", "name": "tester"}
-- run.events.ndjson --
{"event_type": "build"}
-- mplp.toml --
[roles.builder]
action = "tool_call"
[steps."<s1>"]
action = "tool_call"
-- package.json --
{"title": "build"}
"""


def found(query: str, seen: Project | None = None, **more: Any) -> list[Any]:
    seen = seen or project(PROJECT, **more)
    return list(workspace_symbols([seen.snapshot], types.WorkspaceSymbolParams(query)))


def told(query: str) -> list[str]:
    return [f"{each.kind.name} {each.name} < {each.container_name}" for each in found(query)]


def test_titles_and_descriptions_are_found_best_first() -> None:
    assert told("build") == [
        "Namespace Building site < site.context.json",
        "Interface builder < mplp.toml",
        "Function Build the site < Release the site · builder",
        "Function Rebuild what failed < Release the site · builder",
    ]
    assert told("BUILDER")[0] == "Interface builder < mplp.toml"


def test_words_may_stand_in_any_order() -> None:
    assert told("site build") == [
        "Namespace Building site < site.context.json",
        "Function Build the site < Release the site · builder",
    ]


def test_steps_are_found_by_their_role() -> None:
    assert told("tester") == [
        "Interface tester < tester.role.json",
        "Function (step) < Release the site · tester".replace("(step)", uuid_of("s3")),
    ]


def test_anything_is_found_by_the_start_of_its_id_and_shows_it() -> None:
    assert told(uuid_of("s2")[:8]) == [
        f"Function Rebuild what failed ({uuid_of('s2')}) < Release the site · builder"
    ]
    assert told(uuid_of("p1")[:6].upper()) == [f"Class Release the site ({uuid_of('p1')}) < a.plan.json"]
    assert told(uuid_of("p1")[9:20]) == [], "the middle of an id is no way to name it"


def test_letters_in_order_are_enough_when_nothing_better_is_there() -> None:
    assert told("rlsite") == ["Class Release the site < a.plan.json"]
    assert told("bdts") == ["Function Build the site < Release the site · builder"]
    assert told("zzz") == []


def test_without_a_query_the_documents_are_listed() -> None:
    names = [each.name for each in found("")]
    assert set(names) >= {"Team", "tester", "Building site", "Release the site"}
    assert "Build the site" not in names


def test_a_client_that_does_not_resolve_gets_the_place_at_once() -> None:
    seen = project(PROJECT)
    for query, text in [
        ("Build the site", "Build the site"),
        ("Release the", "Release the site"),
        ("Anna", "Anna"),
        (uuid_of("s3")[:8], uuid_of("s3")),
        ("builder", "builder"),
    ]:
        first = found(query, seen)[0]
        assert isinstance(first, types.SymbolInformation)
        assert text_at(seen.snapshot, first.location.uri, first.location.range) == text


def test_a_client_that_resolves_gets_the_place_when_it_asks_even_after_an_edit() -> None:
    seen = project(PROJECT, client=RESOLVING)
    symbol = found("Rebuild what", seen)[0]
    assert isinstance(symbol, types.WorkspaceSymbol)
    assert symbol.location == types.LocationUriOnly(uri("a.plan.json"))
    text = seen.snapshot.documents[uri("a.plan.json")].text.text
    first = text.index('{"step_id"')
    seen.write("a.plan.json", text[:first] + '{"description": "new"},\n' + text[first:])
    later = seen.again()
    resolved = workspace_symbol_resolve(later, later.document(uri("a.plan.json")), symbol)
    assert isinstance(resolved.location, types.Location)
    assert text_at(later, resolved.location.uri, resolved.location.range) == "Rebuild what failed"
    gone = found("Rebuild what", seen)[0]
    assert workspace_symbol_resolve(later, None, gone) == gone


def test_no_more_than_a_list_can_show_are_sent() -> None:
    steps = ", ".join(f'{{"description": "Step {number}"}}' for number in range(1_000))
    assert len(found("step", project(f'{{"plan_id": "<p1>", "steps": [{steps}]}}'))) == 128


def test_all_projects_are_searched_and_closed_documents_too(tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.set_folders([tmp_path / "a", tmp_path / "b"])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        text = f'{{"plan_id": "{uuid_of(folder)}", "title": "Plan {folder}", "steps": []}}'
        (tmp_path / folder / "x.plan.json").write_text(text)
    workspace.refresh([tmp_path / "a" / "x.plan.json", tmp_path / "b" / "x.plan.json"])
    snapshots = [workspace.snapshot(root=tmp_path / folder) for folder in ("a", "b")]
    symbols = workspace_symbols(snapshots, types.WorkspaceSymbolParams("plan"))
    assert [(each.name, each.location.uri) for each in symbols] == [
        ("Plan a", uri_of(tmp_path / "a" / "x.plan.json")),
        ("Plan b", uri_of(tmp_path / "b" / "x.plan.json")),
    ]
    assert not any("tree" in document.cache for document in snapshots[0].documents.values())
    assert workspace_symbols([], types.WorkspaceSymbolParams("plan")) == []


@pytest.mark.parametrize("query", ["(", "[a-z]+", "\\", "a\tb", "é", "a" * 300, "\u2028", "^$", "  "])
def test_odd_queries_are_only_texts(query: str) -> None:
    assert isinstance(found(query), list)
    assert found("[a-z]+") == []


def test_broken_documents_are_searched_as_far_as_they_can_be_read() -> None:
    text = PROJECT.split("-- a.plan.json --\n")[1].split("\n-- b.collab", maxsplit=1)[0]
    for end in range(0, len(text), 3):
        seen = project(text[:end].replace("<", "").replace(">", ""))
        for symbol in found("site", seen) + found("e", seen):
            assert text_at(seen.snapshot, symbol.location.uri, symbol.location.range) is not None
