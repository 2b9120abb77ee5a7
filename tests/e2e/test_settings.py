"""Settings of the client: for all folders or for one, changed live, and odd ones told once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documents import grave, plan, text, written
from tests.protocol.client import PLAIN, ServerUnderTest, environment

ASKED: dict[str, Any] = {**PLAIN, "workspace": {"configuration": True}}
FAULTY = text(plan(title=""))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerUnderTest]:
    with ServerUnderTest(env=environment(tmp_path / "home"), capabilities=ASKED) as running:
        yield running


def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
        written(folder, "a.plan.json", FAULTY)
    return folders


def warnings(server: ServerUnderTest) -> list[str]:
    notes = [note["params"] for note in server.client.notifications if note["method"] == "window/logMessage"]
    return [note["message"] for note in notes if "setting" in note["message"]]


def test_each_folder_has_settings_of_its_own(server: ServerUnderTest, tmp_path: Path) -> None:
    one, two = two_folders(tmp_path)

    def answer(params: Any) -> list[Any]:
        return [
            {"files": {"exclude": ["a.plan.json"]}} if item.get("scopeUri") == two.as_uri() else {}
            for item in params["items"]
        ]

    client = server.client
    client.replies["workspace/configuration"] = answer
    client.initialize(one, two)
    for folder in (one, two):
        client.open((folder / "a.plan.json").as_uri(), FAULTY)
    client.wait_for_findings((one / "a.plan.json").as_uri(), lambda found: bool(grave(found)))
    client.take_all()
    last = [
        note["params"]["diagnostics"]
        for note in client.notifications
        if note["method"] == "textDocument/publishDiagnostics"
        and note["params"]["uri"] == (two / "a.plan.json").as_uri()
    ]
    assert not last or last[-1] == []


def test_a_change_of_settings_is_seen_at_once(server: ServerUnderTest, tmp_path: Path) -> None:
    one, _ = two_folders(tmp_path)
    uri = (one / "a.plan.json").as_uri()
    client = server.client
    answers: list[dict[str, Any]] = [{}]
    client.replies["workspace/configuration"] = lambda params: [answers[-1] for _ in params["items"]]
    client.initialize(one)
    client.open(uri, FAULTY)
    client.wait_for_findings(uri, lambda found: bool(grave(found)))
    answers.append({"files": {"exclude": ["*.plan.json"]}})
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.wait_for_findings(uri, lambda found: found == [])
    answers.append({"files": {"exclude": []}})
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.wait_for_findings(uri, lambda found: bool(grave(found)))


def test_a_setting_that_nobody_knows_is_told_once(server: ServerUnderTest, tmp_path: Path) -> None:
    one, _ = two_folders(tmp_path)
    client = server.client
    odd = {"validation": {"maxFindngs": 5}}
    client.replies["workspace/configuration"] = lambda params: [odd for _ in params["items"]]
    client.initialize(one)
    client.notification("window/logMessage", lambda note: "maxFindngs" in note["message"])
    client.notify("workspace/didChangeConfiguration", {"settings": {"mplp": odd}})
    client.take_all()
    assert warnings(server) == []
