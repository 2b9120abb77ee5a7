"""Navigation over the wire: definition, references, rename, hierarchies, symbols, links."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import CONTEXT_ID, META, PLAN_ID, STEPS, context, plan, written
from tests.protocol.client import Client, Refused, ServerUnderTest, environment

ABLE: dict[str, Any] = {
    "textDocument": {
        "publishDiagnostics": {},
        "definition": {"linkSupport": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "rename": {"prepareSupport": True},
        "callHierarchy": {},
        "typeHierarchy": {},
    },
    "workspace": {
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
        "symbol": {"resolveSupport": {"properties": ["location.range"]}},
        "fileOperations": {"willRename": True},
    },
}
CONFIRM = {
    "meta": META,
    "confirm_id": "44444444-4444-4444-8444-444444444444",
    "target_type": "plan",
    "target_id": PLAN_ID,
    "status": "pending",
    "requested_by_role": "human",
    "requested_at": "2026-01-01T00:00:00Z",
    "reason": "site.plan.json",
}
TOML = '[roles.builder]\naction = "tool_call"\ncommand = ["scripts/build.py"]\n'
NEW = "55555555-5555-4555-8555-555555555555"


class StillReading(Exception):
    """The server asks to try again when it knows all files."""


class Site:
    """A project of four documents, its plan open, and a client that asks about places in it."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        value = plan(3)
        for step in value["steps"]:
            step["agent_role"] = "builder"
        self.text = json.dumps(value, indent=2)
        self.plan = written(folder, "site.plan.json", self.text)
        self.context = written(folder, "site.context.json", json.dumps(context(), indent=2))
        self.confirm = written(folder, "site.confirm.json", json.dumps(CONFIRM, indent=2))
        self.toml = written(folder, "mplp.toml", TOML)
        self.capabilities = client.initialize(folder)["capabilities"]
        client.open(self.plan, self.text)

    def at(self, text: str, number: int = 0) -> dict[str, Any]:
        """The position inside the text, where it stands for the n-th time."""
        offset = -1
        for _ in range(number + 1):
            offset = self.text.index(text, offset + 1)
        before = self.text[: offset + 1]
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return {"textDocument": {"uri": self.plan}, "position": place}

    def ask(self, method: str, **params: Any) -> Any:
        try:
            return self.client.request(method, params)
        except Refused as refusal:
            if "still being read" in str(refusal):
                raise StillReading from refusal
            raise

    def covered(self, where: dict[str, Any]) -> str:
        """What a range in the plan covers."""
        lines = self.text.split("\n")
        start, end = where["start"], where["end"]
        assert start["line"] == end["line"]
        text: str = lines[start["line"]][start["character"] : end["character"]]
        return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ServerUnderTest(env=environment(folder / "home"), capabilities=ABLE) as server:
        yield Site(server.client, folder / "work")


@pytest.fixture(scope="module")
def plain_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("plain_site")
    with ServerUnderTest(env=environment(folder / "home")) as server:
        yield Site(server.client, folder / "work")


def eventually(site: Site, method: str, accept: Any, **params: Any) -> Any:
    """The answer once the project has been read; until then it may know less."""
    answer: object = None
    for _ in range(200):
        with contextlib.suppress(StillReading):
            answer = site.ask(method, **params)
            if accept(answer):
                return answer
        site.client.take_all(0.02)
    raise AssertionError(f"{method} answered {answer} to the end")


def test_everything_is_announced(site: Site) -> None:
    wanted = {
        "definitionProvider": True,
        "referencesProvider": True,
        "documentHighlightProvider": True,
        "renameProvider": {"prepareProvider": True},
        "callHierarchyProvider": True,
        "typeHierarchyProvider": True,
        "documentSymbolProvider": True,
        "workspaceSymbolProvider": {"resolveProvider": True},
        "documentLinkProvider": {"resolveProvider": False},
    }
    assert {key: site.capabilities.get(key) for key in wanted} == wanted
    assert "willRename" in site.capabilities["workspace"]["fileOperations"]


def test_definition_links_to_another_document_and_to_a_step(site: Site) -> None:
    (link,) = eventually(site, "textDocument/definition", bool, **site.at(CONTEXT_ID))
    assert link["targetUri"] == site.context
    assert site.covered(link["originSelectionRange"]) == CONTEXT_ID
    (link,) = site.ask("textDocument/definition", **site.at(STEPS[0], 1))
    assert link["targetUri"] == site.plan
    assert site.covered(link["targetSelectionRange"]) == STEPS[0]
    assert link["targetRange"]["end"]["line"] > link["targetRange"]["start"]["line"]


def test_a_client_without_links_gets_locations(plain_site: Site) -> None:
    (location,) = eventually(plain_site, "textDocument/definition", bool, **plain_site.at(CONTEXT_ID))
    assert set(location) == {"uri", "range"}
    assert location["uri"] == plain_site.context


def test_references_are_found_in_other_documents(site: Site) -> None:
    asked = {**site.at(PLAN_ID), "context": {"includeDeclaration": True}}
    found = eventually(site, "textDocument/references", lambda a: a and len(a) == 2, **asked)
    assert [each["uri"] for each in found] == [site.confirm, site.plan]
    assert site.covered(found[1]["range"]) == PLAN_ID


def test_highlights_tell_writing_from_reading(site: Site) -> None:
    marks = site.ask("textDocument/documentHighlight", **site.at(STEPS[0]))
    assert [(site.covered(mark["range"]), mark["kind"]) for mark in marks] == [(STEPS[0], 3), (STEPS[0], 2)]


def test_a_rename_is_prepared_made_and_refused(site: Site) -> None:
    prepared = site.ask("textDocument/prepareRename", **site.at(PLAN_ID))
    assert prepared["placeholder"] == PLAN_ID
    assert site.covered(prepared["range"]) == PLAN_ID
    is_whole = lambda edit: len(edit["documentChanges"]) == 2  # noqa: E731
    edit = eventually(site, "textDocument/rename", is_whole, **site.at(PLAN_ID), newName=NEW)
    targets = [change["textDocument"] for change in edit["documentChanges"]]
    assert targets == [{"uri": site.confirm, "version": None}, {"uri": site.plan, "version": 1}]
    first = edit["documentChanges"][0]["edits"][0]
    assert (first["newText"], first["annotationId"]) == (NEW, "uses")
    assert edit["changeAnnotations"]["uses"]["label"] == "Where it is used"
    with pytest.raises(Refused) as refused:
        site.ask("textDocument/rename", **site.at(PLAN_ID), newName=STEPS[1])
    assert refused.value.code == -32803
    assert refused.value.error["message"] == (
        f"`{STEPS[1]}` is taken by the step `Step 1` in `site.plan.json`."
    )


def test_a_role_is_renamed_in_the_settings_too(plain_site: Site) -> None:
    site = plain_site
    accept = lambda edit: len(edit["changes"]) == 2  # noqa: E731
    edit = eventually(site, "textDocument/rename", accept, **site.at("builder"), newName="mason")
    assert set(edit) == {"changes"}
    assert [each["newText"] for each in edit["changes"][site.toml]] == ["mason"]
    assert len(edit["changes"][site.plan]) == 3


def test_the_call_hierarchy_is_the_graph_of_steps(site: Site) -> None:
    (item,) = site.ask("textDocument/prepareCallHierarchy", **site.at('"Step 1"'))
    assert (item["name"], item["detail"]) == ("Step 1", "pending · builder")
    (incoming,) = site.ask("callHierarchy/incomingCalls", item=item)
    assert incoming["from"]["name"] == "Step 2"
    assert [site.covered(spot) for spot in incoming["fromRanges"]] == [STEPS[1]]
    (outgoing,) = site.ask("callHierarchy/outgoingCalls", item=incoming["from"])
    assert outgoing["to"]["name"] == "Step 1"


def test_the_type_hierarchy_leads_from_context_to_plan_to_confirm(site: Site) -> None:
    (item,) = site.ask("textDocument/prepareTypeHierarchy", **site.at('"plan_id"'))
    assert item["name"] == "A plan"
    (above,) = eventually(site, "typeHierarchy/supertypes", bool, item=item)
    assert (above["name"], above["uri"]) == ("A context", site.context)
    (below,) = eventually(site, "typeHierarchy/subtypes", bool, item=item)
    assert below["uri"] == site.confirm
    assert [each["name"] for each in site.ask("typeHierarchy/subtypes", item=above)] == ["A plan"]


def test_the_outline_is_a_tree_or_a_list(site: Site) -> None:
    (root,) = site.ask("textDocument/documentSymbol", textDocument={"uri": site.plan})
    assert root["name"] == "A plan"
    steps = [(step["name"], site.covered(step["selectionRange"])) for step in root["children"]]
    assert steps == [(f"Step {number}",) * 2 for number in range(3)]


def test_the_outline_is_flat_for_clients_without_trees(plain_site: Site) -> None:
    found = plain_site.ask("textDocument/documentSymbol", textDocument={"uri": plain_site.plan})
    assert [(each["name"], each.get("containerName")) for each in found] == [
        ("A plan", None),
        *((f"Step {number}", "A plan") for number in range(3)),
    ]


def test_symbols_are_searched_and_resolved(site: Site) -> None:
    (symbol,) = eventually(site, "workspace/symbol", bool, query="Step 2")
    assert symbol["location"] == {"uri": site.plan}
    resolved = site.ask("workspaceSymbol/resolve", **symbol)
    assert site.covered(resolved["location"]["range"]) == "Step 2"
    (found,) = eventually(site, "workspace/symbol", bool, query="A context")
    assert found["location"]["uri"] == site.context


def test_links_lead_to_documents_of_the_project(site: Site) -> None:
    site.client.open(site.confirm, json.dumps(CONFIRM, indent=2))
    (link,) = eventually(site, "textDocument/documentLink", bool, textDocument={"uri": site.confirm})
    assert link["target"] == site.plan
    site.client.close(site.confirm)


def test_paths_follow_files_that_will_be_renamed(site: Site) -> None:
    new = site.plan.replace("site.plan", "web.plan")
    files = [{"oldUri": site.plan, "newUri": new}]
    edit = eventually(site, "workspace/willRenameFiles", bool, files=files)
    (change,) = edit["documentChanges"]
    assert change["textDocument"]["uri"] == site.confirm
    assert [each["newText"] for each in change["edits"]] == ["web.plan.json"]
