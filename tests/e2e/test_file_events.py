"""Changes of files, in the editor and outside it, become file-update events of the project."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.e2e.documents import META, PLAN_ID, STEPS, codes, context, plan, replacing, text, written
from tests.protocol.client import PLAIN, Client, ServerUnderTest, environment

WATCHING: dict[str, Any] = {
    **PLAIN,
    "workspace": {
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "fileOperations": {"didCreate": True, "didRename": True, "didDelete": True},
    },
}

GENEROUS_S = 60.0


def project(tmp_path: Path, *, settings: bool = True) -> tuple[Path, str]:
    folder = tmp_path / "work"
    written(folder, "a.context.json", context())
    if settings:
        written(folder, "mplp.toml", "[roles.tester]\naction = 'agent_handoff'\nto = 'human'\n")
    return folder, written(folder, "a.plan.json", plan())


def server_of(tmp_path: Path, capabilities: dict[str, Any] = WATCHING) -> ServerUnderTest:
    return ServerUnderTest(env=environment(tmp_path / "home"), capabilities=capabilities)


def begun(
    server: ServerUnderTest,
    tmp_path: Path,
    *,
    trusted: bool = True,
    settings: bool = True,
    files: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Client, Path, str]:
    """The client in a project with a plan and more `files`; the folder, and the URI of the plan."""
    folder, uri = project(tmp_path, settings=settings)
    for name, content in files.items():
        written(folder, name, content)
    server.client.initialize(folder, initializationOptions={"trusted": trusted})
    return server.client, folder, uri


@contextmanager
def at_work(
    tmp_path: Path, capabilities: dict[str, Any] = WATCHING, **how: Any
) -> Iterator[tuple[Client, Path, str]]:
    """What `begun` gives, of a server that ends with the block."""
    with server_of(tmp_path, capabilities) as server:
        yield begun(server, tmp_path, **how)


def retitled(client: Client, uri: str, title: str = "Another plan") -> None:
    """The plan opens, and its title is typed anew."""
    content = text(plan())
    client.open(uri, content)
    client.change(uri, 2, replacing(content, "A plan", title))


def updates(folder: Path) -> list[dict[str, Any]]:
    timeline = folder / ".mplp" / "timeline.events.ndjson"
    if not timeline.exists():
        return []
    events = [json.loads(line) for line in timeline.read_text().splitlines()]
    return [event for event in events if event["event_type"] == "file_update"]


def wait_for(
    folder: Path, accept: Callable[[dict[str, Any]], bool], limit_s: float = GENEROUS_S
) -> dict[str, Any]:
    deadline = time.monotonic() + limit_s
    while True:
        for event in updates(folder):
            if accept(event["payload"]):
                return event
        assert time.monotonic() < deadline, [event["payload"] for event in updates(folder)]
        time.sleep(0.02)


def is_about(name: str, change_type: str, payload: dict[str, Any]) -> bool:
    return (payload["file_path"], payload["change_type"]) == (name, change_type)


def test_typing_becomes_one_event_after_a_quiet_moment(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, uri):
        content = text(plan())
        client.open(uri, content)
        for version in range(2, 12):
            client.change(uri, version, replacing(content, "A plan", "A plan!"))
            content = content.replace("A plan", "A plan!", 1)
        event = wait_for(folder, lambda payload: payload["file_path"] == "a.plan.json")
        payload = event["payload"]
        assert payload["change_type"] == "modified"
        assert payload["language"] == "json"
        assert (payload["lines_added"], payload["lines_removed"]) == (1, 1)
        assert event["source"] == "editor"
        assert event["content_hash"].startswith("sha256:")
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.error_of("no/such")
    assert len([one for one in updates(folder) if one["payload"]["file_path"] == "a.plan.json"]) == 1


def test_a_save_is_reported_at_once(tmp_path: Path) -> None:
    with server_of(tmp_path) as server:
        client, folder, uri = begun(server, tmp_path)
        retitled(client, uri)
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.request("shutdown")
        assert [event["payload"]["file_path"] for event in updates(folder)] == ["a.plan.json"]
        client.notify("exit")
        assert server.exit_code() == 0


def test_created_renamed_and_deleted_files_are_reported(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, _):
        new = written(folder, "src/new.py", "x = 1\n")
        client.notify("workspace/didCreateFiles", {"files": [{"uri": new}]})
        created = wait_for(folder, lambda payload: payload["change_type"] == "created")
        assert created["payload"]["file_path"] == "src/new.py"
        moved = (folder / "src" / "moved.py").as_uri()
        (folder / "src" / "new.py").rename(folder / "src" / "moved.py")
        client.notify("workspace/didRenameFiles", {"files": [{"oldUri": new, "newUri": moved}]})
        renamed = wait_for(folder, lambda payload: payload["change_type"] == "renamed")
        assert renamed["payload"]["previous_path"] == "src/new.py"
        assert renamed["payload"]["file_path"] == "src/moved.py"
        (folder / "src" / "moved.py").unlink()
        client.notify("workspace/didDeleteFiles", {"files": [{"uri": moved}]})
        assert wait_for(folder, lambda payload: payload["change_type"] == "deleted")


def test_files_changed_outside_the_editor_are_seen_without_the_client(tmp_path: Path) -> None:
    with at_work(tmp_path, PLAIN, files={"notes.md": "one\n"}) as (client, folder, _):
        client.open((folder / "b.plan.json").as_uri(), "{")
        client.diagnostics((folder / "b.plan.json").as_uri(), 1)
        deadline = time.monotonic() + GENEROUS_S
        number = 0
        while not any(event["payload"]["file_path"] == "notes.md" for event in updates(folder)):
            # Until the watcher is up, nobody sees a change.
            number += 1
            (folder / "notes.md").write_text(f"two {number}\n")
            assert time.monotonic() < deadline
            time.sleep(0.3)
        event = next(event for event in updates(folder) if event["payload"]["file_path"] == "notes.md")
        assert event["payload"]["change_type"] == "modified"
        assert event["source"] == "file_watcher"


def test_our_own_state_and_vendored_folders_are_no_news(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, _):
        names = (".mplp/x.json", ".git/index", "node_modules/a/package.json", "real.md")
        changes = [{"uri": written(folder, name, "{}"), "type": 1} for name in names]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        wait_for(folder, lambda payload: payload["file_path"] == "real.md")
    assert [event["payload"]["file_path"] for event in updates(folder)] == ["real.md"]


def test_files_that_git_ignores_are_no_news_wherever_the_word_comes_from(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "work")], check=True, timeout=30)
    ignore = "*.log\nbuild/\nold.plan.json\n"
    with at_work(tmp_path, files={".gitignore": ignore}) as (client, folder, _):
        ignored = {name: written(folder, name, "x\n") for name in ("a.log", "build/out.txt", "new.log")}
        plan_uri = written(folder, "old.plan.json", plan())
        retitled(client, plan_uri)
        client.notify("textDocument/didSave", {"textDocument": {"uri": plan_uri}})
        client.notify("workspace/didCreateFiles", {"files": [{"uri": ignored["new.log"]}]})
        changes = [{"uri": uri, "type": 1} for uri in ignored.values()]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        kept = written(folder, "kept.log.md", "x\n")
        (folder / "a.log").rename(folder / "a.md")
        client.notify(
            "workspace/didRenameFiles",
            {"files": [{"oldUri": ignored["a.log"], "newUri": (folder / "a.md").as_uri()}]},
        )
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": kept, "type": 1}]})
        wait_for(folder, lambda payload: payload["file_path"] == "kept.log.md")
    assert {event["payload"]["file_path"] for event in updates(folder)} == {"a.md", "kept.log.md"}


def test_a_file_that_no_event_can_name_does_not_silence_those_that_came_with_it(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, _):
        names = ("\\looks-absolute.md", "zoo.md")
        client.notify(
            "workspace/didCreateFiles", {"files": [{"uri": written(folder, name, "x\n")} for name in names]}
        )
        wait_for(folder, lambda payload: payload["file_path"] == "zoo.md")
    assert [event["payload"]["file_path"] for event in updates(folder)] == ["zoo.md"]


def test_a_folder_that_is_renamed_or_deleted_is_told_file_by_file(tmp_path: Path) -> None:
    files = {name: f"{name}\n" for name in ("src/a.py", "src/deep/b.py")}
    with at_work(tmp_path, files=files) as (client, folder, _):
        client.notify(
            "workspace/didCreateFiles",
            {"files": [{"uri": (folder / name).as_uri()} for name in ("src/a.py", "src/deep/b.py")]},
        )
        wait_for(folder, lambda payload: payload["file_path"] == "src/deep/b.py")
        (folder / "src").rename(folder / "lib")
        pair = {"oldUri": (folder / "src").as_uri(), "newUri": (folder / "lib").as_uri()}
        client.notify("workspace/didRenameFiles", {"files": [pair]})
        wait_for(folder, lambda payload: payload.get("previous_path") == "src/deep/b.py")
        shutil.rmtree(folder / "lib")
        client.notify("workspace/didDeleteFiles", {"files": [{"uri": pair["newUri"]}]})
        for name in ("lib/a.py", "lib/deep/b.py"):
            wait_for(folder, partial(is_about, name, "deleted"))


def test_nothing_is_written_where_the_folder_is_not_trusted_or_has_no_settings(tmp_path: Path) -> None:
    for number, (trusted, settings) in enumerate([(False, True), (True, False)]):
        home = tmp_path / str(number)
        with at_work(home, trusted=trusted, settings=settings) as (client, folder, uri):
            retitled(client, uri)
            client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
            client.error_of("no/such")
        assert not (folder / ".mplp").exists()


def test_a_status_the_lifecycle_does_not_allow_is_measured_against_the_last_save(tmp_path: Path) -> None:
    """D22: the warning stays when the file is saved again, and goes when the change is undone."""
    with at_work(tmp_path) as (client, folder, uri):
        content = text(plan(1))
        client.open(uri, content)
        client.diagnostics(uri, 1)
        illegal = content.replace('"pending"', '"completed"')
        client.change(uri, 2, {"text": illegal})

        def is_warned(found: list[dict[str, Any]]) -> bool:
            return any("status" in code for code in codes([one for one in found if one["severity"] == 2]))

        client.wait_for_findings(uri, is_warned)
        (folder / "a.plan.json").write_text(illegal)
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.error_of("no/such")
        client.change(uri, 3, {"text": illegal.replace("A plan", "The plan")})
        assert is_warned(client.diagnostics(uri, 3))
        client.change(uri, 4, {"text": content})
        assert not is_warned(client.diagnostics(uri, 4))
        assert STEPS[0] in content


def test_a_decision_that_was_saved_is_missed_when_it_is_gone_and_a_further_one_is_welcome(
    tmp_path: Path,
) -> None:
    def decision(number: int, status: str) -> dict[str, str]:
        return {
            "decision_id": STEPS[number],
            "status": status,
            "decided_by_role": "lead",
            "decided_at": f"2026-03-14T1{number}:00:00Z",
        }

    def confirm(*decisions: dict[str, str]) -> str:
        status = decisions[-1]["status"] if decisions else "pending"
        asked = {"requested_by_role": "lead", "requested_at": "2026-03-14T09:00:00Z", "status": status}
        target = {"target_type": "plan", "target_id": PLAN_ID, "decisions": list(decisions)}
        return text({"meta": META, "confirm_id": STEPS[9], **target, **asked})

    with at_work(tmp_path) as (client, folder, _):
        rejected = decision(1, "rejected")
        uri = written(folder, "a.confirm.json", confirm(rejected))
        client.open(uri, confirm(rejected))
        assert client.diagnostics(uri, 1) == []
        client.change(uri, 2, {"text": confirm()})

        def is_missed(found: list[dict[str, Any]]) -> bool:
            return "history-removed" in codes(found)

        client.wait_for_findings(uri, is_missed)
        (folder / "a.confirm.json").write_text(confirm())
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.error_of("no/such")
        client.change(uri, 3, {"text": confirm() + " "})
        assert is_missed(client.diagnostics(uri, 3))
        client.change(uri, 4, {"text": confirm(rejected, decision(2, "approved"))})
        assert client.diagnostics(uri, 4) == []


def test_edits_that_are_closed_without_a_save_are_no_change(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, uri):
        unwritten = (folder / "never.plan.json").as_uri()
        for name in (uri, unwritten):
            retitled(client, name)
            client.notify("textDocument/didClose", {"textDocument": {"uri": name}})
        retitled(client, uri, "A third plan")
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        client.request("shutdown")
        assert [event["payload"]["file_path"] for event in updates(folder)] == ["a.plan.json"]


def test_edits_that_were_told_and_thrown_away_are_taken_back(tmp_path: Path) -> None:
    with at_work(tmp_path) as (client, folder, uri):
        unwritten = (folder / "never.plan.json").as_uri()
        for name, change_type in ((uri, "modified"), (unwritten, "deleted")):
            file = name.rpartition("/")[2]
            retitled(client, name)
            told = wait_for(folder, lambda payload, file=file: payload["file_path"] == file)  # type: ignore[misc]
            client.notify("textDocument/didClose", {"textDocument": {"uri": name}})
            deadline = time.monotonic() + GENEROUS_S
            while not (after := [one for one in updates(folder) if one["payload"]["file_path"] == file][1:]):
                assert time.monotonic() < deadline, told
                time.sleep(0.02)
            assert [one["payload"]["change_type"] for one in after] == [change_type]
