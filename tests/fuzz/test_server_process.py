"""A real server gets broken documents one after the other: it answers all, logs no bug, and stays small."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.text.edits import difference
from mplp_lsp.text.snapshot import TextSnapshot
from tests.clients.profiles import Profile
from tests.clients.promises import CAPABILITY, broken_promises, diagnostic_promises
from tests.fuzz.breaking import broken
from tests.fuzz.editor import ONWARD, all_profiles
from tests.fuzz.running import places_of
from tests.protocol.client import Client, ServerUnderTest, environment

IS_LONG = int(os.environ.get("MPLP_FUZZ_DOCUMENTS", "0")) > 1_000
DOCUMENTS = 200 if IS_LONG else 60
WARM = DOCUMENTS // 5
MOST_GROWTH_MIB = 40
ENCODING: Any = "utf-16"
REFUSED = -32803
"""RequestFailed: the feature refuses, with a sentence for a person."""


def resident_mib(process_id: int) -> float:
    """What a process holds in memory now."""
    status = Path(f"/proc/{process_id}/status").read_text("ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


class Asker:
    """A client that sends all requests of a document at once, as editors do, and then reads the answers."""

    def __init__(self, profile: Profile, client: Client, offered: dict[str, Any], seed: int) -> None:
        self.profile = profile
        self.client = client
        self.pulls = "diagnosticProvider" in offered
        self.chance = random.Random(seed)
        self.broken: list[str] = []
        self.answers = 0

    def asks_for(self, method: str) -> bool:
        return method in BY_METHOD and self.profile.has(CAPABILITY[method])

    def look_at(self, uri: str, text: str) -> None:
        """Every request this client announces, at one place; then onward from the first answers."""
        snapshot = TextSnapshot.of(text)
        line, character = snapshot.position(self.chance.choice(places_of(text, self.chance)), ENCODING)
        position = {"line": line, "character": character}
        params = {
            "textDocument": {"uri": uri},
            "position": position,
            "positions": [position],
            "range": {"start": {"line": 0, "character": 0}, "end": position},
            "ranges": [{"start": {"line": 0, "character": 0}, "end": position}],
            "context": {"diagnostics": [], "includeDeclaration": True, "triggerKind": 1},
            "newName": "auditor",
            "ch": "}",
            "options": {"tabSize": 2, "insertSpaces": True},
            "previousResultId": "0",
            "query": "a",
            "files": [{"oldUri": uri, "newUri": f"{uri}.moved.json"}],
        }
        methods = [name for name in BY_METHOD if self.asks_for(name) and BY_METHOD[name].takes != "item"]
        methods.remove(
            "workspace/textDocumentContent"
        ) if "workspace/textDocumentContent" in methods else None
        if self.pulls:
            methods.append("textDocument/diagnostic")
        sent = [(method, self.client.begin(method, params)) for method in methods]
        onward: list[tuple[str, Any]] = []
        for method, number in sent:
            result = self.result(method, number)
            items = result["items"] if isinstance(result, dict) and "items" in result else result
            for next_method in ONWARD.get(method, ()):
                if self.asks_for(next_method) and isinstance(items, list) and items:
                    item = self.chance.choice(items)
                    if not isinstance(item.get("command"), str):
                        is_resolve = next_method.endswith("/resolve")
                        asked = item if is_resolve else {"item": item}
                        onward.append((next_method, self.client.begin(next_method, asked)))
        for method, number in onward:
            self.result(method, number)

    def result(self, method: str, number: Any) -> Any:
        answer = self.client.answer(number)
        self.answers += 1
        if "error" in answer:
            if answer["error"]["code"] != REFUSED:
                self.broken.append(f"{method}: {answer['error']}")
            return None
        if method.endswith("/resolve") and answer["result"] is None:
            self.broken.append(f"{method}: null")
            return None
        self.broken += [f"{method}: {one}" for one in broken_promises(self.profile, method, answer["result"])]
        return answer["result"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("word", ["vscode", "neovim-0.11"])
def test_a_server_answers_about_broken_documents_for_as_long_as_it_runs(word: str, tmp_path: Path) -> None:
    (profile,) = [each for each in all_profiles() if each.word == word]
    folder = tmp_path / "work"
    folder.mkdir()
    with ServerUnderTest(
        env=environment(tmp_path / "home"), capabilities=dict(profile.capabilities)
    ) as server:
        offered = server.client.initialize(folder)["capabilities"]
        asker = Asker(profile, server.client, offered, len(word))
        warm_mib = 0.0
        for turn in range(DOCUMENTS // 2):
            # A prime step: some of each way of breaking.
            one_document(server.client, asker, folder, turn * 37 + len(word))
            if turn == WARM:
                warm_mib = resident_mib(server.process.pid)
        assert asker.broken == []
        assert asker.answers > 10 * DOCUMENTS // 2
        assert resident_mib(server.process.pid) < warm_mib + MOST_GROWTH_MIB
    assert "Traceback" not in server.log
    assert "bug" not in server.log.lower()


def one_document(client: Client, asker: Asker, folder: Path, number: int) -> None:
    """Opened sound, edited until it is broken, asked about, closed again."""
    document = broken(number)
    uri = (folder / document.name).as_uri()
    language = "toml" if document.name.endswith(".toml") else "json"
    client.open(uri, document.before, language=language)
    asker.look_at(uri, document.before)
    before = TextSnapshot.of(document.before)
    edit = difference(document.before, document.text)
    start, end = (before.position(offset, ENCODING) for offset in (edit.start, edit.end))
    where = {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }
    client.change(uri, 2, {"range": where, "text": edit.new_text})
    asker.look_at(uri, document.text)
    client.close(uri)
    client.take_all(quiet_s=0)
    for note in client.notifications:
        if note["method"] == "textDocument/publishDiagnostics":
            asker.broken += diagnostic_promises(asker.profile, note["params"]["diagnostics"])
    client.notifications.clear()
