"""Every feature under the capabilities of each editor: nothing is sent that the editor did not announce."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.routes import BY_METHOD
from tests.clients.profiles import Profile, profiles
from tests.clients.promises import CAPABILITY, broken_promises, diagnostic_promises
from tests.e2e.documents import META, PLAN_ID, STEPS, context, plan, written
from tests.protocol.client import Client, Refused, ServerUnderTest, environment

pytestmark = pytest.mark.timeout(120)

ROLE_ID = "44444444-4444-4444-8444-444444444444"
INVALID_PARAMS = -32602

AT_A_PLACE = (
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/prepareCallHierarchy",
    "textDocument/prepareTypeHierarchy",
    "textDocument/selectionRange",
    "textDocument/codeAction",
    "textDocument/rename",
    "textDocument/onTypeFormatting",
    "textDocument/linkedEditingRange",
)
OF_A_DOCUMENT = (
    "textDocument/documentSymbol",
    "textDocument/codeLens",
    "textDocument/inlayHint",
    "textDocument/foldingRange",
    "textDocument/documentLink",
    "textDocument/formatting",
    "textDocument/rangeFormatting",
    "textDocument/semanticTokens/full",
    "textDocument/semanticTokens/full/delta",
    "textDocument/semanticTokens/range",
    "textDocument/diagnostic",
)
ONWARD = {
    "textDocument/completion": ("completionItem/resolve",),
    "textDocument/codeAction": ("codeAction/resolve",),
    "textDocument/inlayHint": ("inlayHint/resolve",),
    "textDocument/documentLink": ("documentLink/resolve",),
    "textDocument/prepareCallHierarchy": ("callHierarchy/incomingCalls", "callHierarchy/outgoingCalls"),
    "textDocument/prepareTypeHierarchy": ("typeHierarchy/supertypes", "typeHierarchy/subtypes"),
    "workspace/symbol": ("workspaceSymbol/resolve",),
}
MOST_ONWARD = 4


def written_project(folder: Path) -> list[str]:
    """The URIs of a small project with a sound plan, a faulty one and one of each neighbour."""
    role = {"meta": META, "role_id": ROLE_ID, "name": "tester", "capabilities": []}
    sound = plan(3)
    for step in sound["steps"]:
        step["agent_role"] = "tester"
    faulty = plan(3, plan_id=PLAN_ID.replace("1", "5"), status="drat", title="")
    faulty["steps"][0]["dependencies"] = [STEPS[2], STEPS[50]]
    faulty["steps"][1]["agentRole"] = "tseter"
    del faulty["objective"]
    event = {
        "event_id": "66666666-6666-4666-8666-666666666666",
        "event_type": "plan_started",
        "event_family": "pipeline_stage",
        "timestamp": "2026-01-01T00:00:00Z",
        "plan_id": PLAN_ID,
    }
    return [
        written(folder, "a.plan.json", sound),
        written(folder, "b.plan.json", faulty),
        written(folder, "a.context.json", context()),
        written(folder, "tester.role.json", role),
        written(folder, "a.events.ndjson", json.dumps(event) + "\n{broken\n"),
        written(folder, "mplp.toml", '[roles.tester]\naction = "agent_handoff"\nto = "human"\n'),
    ]


class Editor:
    """A client of one profile that asks for everything it announced, and keeps what it was not promised."""

    def __init__(self, profile: Profile, client: Client, offered: dict[str, Any]) -> None:
        self.profile = profile
        self.client = client
        self.offered = offered
        self.broken: set[str] = set()
        self.commands: dict[str, list[Any]] = {}
        self.asked: set[str] = set()

    def asks_for(self, method: str) -> bool:
        return method in BY_METHOD and self.profile.has(CAPABILITY[method])

    def ask(self, method: str, params: Any) -> Any:
        """The result; a refusal is a person's sentence, never a pile of calls."""
        self.asked.add(method)
        try:
            result = self.client.request(method, params)
        except Refused as refused:
            if refused.code in (-32603, -32601, INVALID_PARAMS) or "Traceback" in str(refused):
                self.broken.add(f"{method}: {refused}")
            return None
        self.broken.update(f"{method}: {fault}" for fault in broken_promises(self.profile, method, result))
        self._note_commands(method, result)
        for item in (
            (result["items"] if isinstance(result, dict) and "items" in result else result or [])[
                :MOST_ONWARD
            ]
            if method in ONWARD
            else []
        ):
            self._onward(method, item)
        return result

    def _onward(self, method: str, item: Any) -> None:
        for onward in ONWARD[method]:
            if not self.asks_for(onward):
                continue
            is_resolve = onward.endswith("/resolve")
            result = self.ask(onward, item if is_resolve else {"item": item})
            if is_resolve and result is None:
                self.broken.add(f"{onward}: answered null")

    def _note_commands(self, method: str, result: Any) -> None:
        if method not in ("textDocument/codeLens", "textDocument/codeAction"):
            return
        for each in result or []:
            command = each if isinstance(each.get("command"), str) else each.get("command")
            if command is not None:
                self.commands.setdefault(command["command"], []).append(command["arguments"])

    def read_everything(self, uri: str, text: str) -> None:
        """Every request of this client about one document, at every fifth place of it."""
        document = {"textDocument": {"uri": uri}}
        options = {"tabSize": 2, "insertSpaces": True}
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 9_999, "character": 0}}
        for method in OF_A_DOCUMENT:
            if self.asks_for(method) or (method == "textDocument/diagnostic" and self.pulls):
                self.ask(method, {**document, "range": whole, "options": options, "previousResultId": "0"})
        for position in _places(text):
            here = {"start": position, "end": position}
            for method in AT_A_PLACE:
                if self.asks_for(method):
                    more = {
                        "position": position,
                        "positions": [position],
                        "range": here,
                        "context": {"diagnostics": [], "includeDeclaration": True, "triggerKind": 1},
                        "newName": "auditor",
                        "ch": "}",
                        "options": options,
                    }
                    self.ask(method, {**document, **more})

    @property
    def pulls(self) -> bool:
        return "diagnosticProvider" in self.offered


def _places(text: str) -> Iterator[dict[str, int]]:
    for line, content in enumerate(text.splitlines()):
        for character in range(line % 5, len(content) + 1, 17):
            yield {"line": line, "character": character}


@pytest.fixture(params=profiles(), ids=lambda profile: profile.word)
def editor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Editor]:
    profile: Profile = request.param
    home = environment(tmp_path / "home")
    with ServerUnderTest(env=home, capabilities=dict(profile.capabilities)) as server:
        result = server.client.initialize(folder_of(tmp_path))
        yield Editor(profile, server.client, result["capabilities"])


def folder_of(tmp_path: Path) -> Path:
    """Apart from the user's own folders, which the server does not index."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    return folder


def opened(editor: Editor, uris: Sequence[str], folder: Path) -> dict[str, str]:
    texts = {}
    for uri in uris:
        path = folder / uri.rpartition("/")[2]
        texts[uri] = path.read_text(encoding="utf-8")
        editor.client.open(uri, texts[uri])
    return texts


def test_nothing_is_sent_that_the_editor_did_not_announce(editor: Editor, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    for uri, text in opened(editor, written_project(folder), folder).items():
        editor.read_everything(uri, text)
    if editor.asks_for("workspace/symbol"):
        assert editor.ask("workspace/symbol", {"query": "plan"})
    editor.client.take_all()
    for note in editor.client.notifications:
        if note["method"] == "textDocument/publishDiagnostics":
            found = note["params"]["diagnostics"]
            editor.broken.update(diagnostic_promises(editor.profile, found))
    assert editor.broken == set()
    expected = {method for method in (*AT_A_PLACE, *OF_A_DOCUMENT) if editor.asks_for(method)}
    assert expected <= editor.asked


def test_every_command_that_is_offered_can_be_executed(editor: Editor, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    for uri, text in opened(editor, written_project(folder), folder).items():
        editor.read_everything(uri, text)
    known = set(editor.offered["executeCommandProvider"]["commands"])
    assert set(editor.commands) <= known
    (arguments, *_) = [
        arguments
        for arguments in editor.commands["mplp.dryRunPlan"]
        if arguments[0]["uri"].endswith("/a.plan.json")
    ]
    run = editor.client.request(
        "workspace/executeCommand", {"command": "mplp.dryRunPlan", "arguments": arguments}
    )
    assert run["simulated"]
    editor.client.take_all()
    # A person sees nothing they did not ask for, and a run shows what the editor can show.
    assert not [note for note in editor.client.notifications if note["method"] == "window/showMessage"]


def test_what_is_announced_to_one_editor_can_be_read_by_it(editor: Editor) -> None:
    if not editor.profile.has("textDocument.rename.prepareSupport"):
        assert editor.offered["renameProvider"] is True
    if not editor.profile.has("textDocument.codeAction.codeActionLiteralSupport"):
        assert editor.offered["codeActionProvider"] is True
