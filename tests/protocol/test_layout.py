"""Folding, growing selections and formatting, asked of a real server."""

from __future__ import annotations

from pathlib import Path

from tests.features.plans import plan_text
from tests.protocol.client import ServerUnderTest

OPTIONS = {"tabSize": 2, "insertSpaces": True, "insertFinalNewline": True}
CAPABILITIES = {
    "textDocument": {
        "foldingRange": {
            "lineFoldingOnly": True,
            "rangeLimit": 3,
            "foldingRange": {"collapsedText": True},
        }
    }
}


def test_layout_is_announced_and_answered(tmp_path: Path) -> None:
    with ServerUnderTest(capabilities=CAPABILITIES) as server:
        client = server.client
        capabilities = client.initialize(tmp_path)["capabilities"]
        assert capabilities["foldingRangeProvider"]
        assert capabilities["selectionRangeProvider"]
        assert capabilities["documentFormattingProvider"]
        assert capabilities["documentRangeFormattingProvider"]
        assert capabilities["documentOnTypeFormattingProvider"]["firstTriggerCharacter"] == "}"
        document = {"uri": (tmp_path / "a.plan.json").as_uri()}
        client.open(document["uri"], plan_text())
        ask = {"textDocument": document, "options": OPTIONS, "position": {"line": 0, "character": 1}}
        everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
        last = {"line": plan_text().count("\n"), "character": 1}
        assert client.request("textDocument/formatting", ask) == [
            {"range": {"start": last, "end": last}, "newText": "\n"}
        ]
        assert client.request("textDocument/rangeFormatting", {**ask, "range": everything}) == []
        assert client.request("textDocument/rangesFormatting", {**ask, "ranges": [everything]}) == []
        assert client.request("textDocument/onTypeFormatting", {**ask, "ch": "\n"}) is None
        folds = client.request("textDocument/foldingRange", {"textDocument": document})
        assert [fold.get("collapsedText") for fold in folds] == [None, None, "2 steps"]
        (chain,) = client.request(
            "textDocument/selectionRange", {"textDocument": document, "positions": [ask["position"]]}
        )
        assert chain["range"]["end"] == last
