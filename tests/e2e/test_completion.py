"""Completion over stdio, as bytes: asked for in a half-typed text, resolved, and applied by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import STEPS, context, plan, text, written
from tests.protocol.client import PLAIN, ServerUnderTest, environment

CAPABILITIES: dict[str, Any] = {
    "textDocument": {
        **PLAIN["textDocument"],
        "completion": {"completionItem": {"snippetSupport": False, "documentationFormat": ["markdown"]}},
    }
}

LIMIT_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=CAPABILITIES) as running:
        yield running


def test_a_dependency_is_chosen_by_its_description(server: ServerUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    written(folder, "a.context.json", context())
    content = text(plan(3)).replace(f'"dependencies": [\n        "{STEPS[1]}"\n      ]', '"dependencies": ["')
    uri = written(folder, "a.plan.json", content)
    client = server.client
    answer = client.initialize(folder)
    assert answer["capabilities"]["completionProvider"]["resolveProvider"] is True
    client.open(uri, content)
    line, character = next(
        (number, each.index('["') + 2) for number, each in enumerate(content.split("\n")) if '["' in each
    )
    params = {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 2, "triggerCharacter": '"'},
    }
    found = client.request("textDocument/completion", params)
    deadline = time.monotonic() + LIMIT_S
    while found["isIncomplete"] and time.monotonic() < deadline:
        # While the project is being read more may come.
        found = client.request("textDocument/completion", params)
    assert [item["label"] for item in found["items"]] == ["Step 1", "Step 0"]
    assert found["isIncomplete"] is False
    told = client.request("completionItem/resolve", found["items"][0])
    assert told["documentation"]["kind"] == "markdown"
    assert told["documentation"]["value"].startswith("**Step 1**\n\nStep 2 of 3, `pending`.")
    edit = told["textEdit"]
    assert edit == found["items"][0]["textEdit"]
    assert edit["range"]["start"] == {"line": line, "character": character}
    lines = content.split("\n")
    start, end = edit["range"]["start"]["character"], edit["range"]["end"]["character"]
    lines[line] = lines[line][:start] + edit["newText"] + lines[line][end:] + "]"
    assert json.loads("\n".join(lines))["steps"][2]["dependencies"] == [STEPS[1]]
