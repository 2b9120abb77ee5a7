from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.kinds import FileRules
from mplp_lsp.workspace.workspace import Workspace
from tests.project import expanded, rescan, uuid_of

PLAN = expanded('{"plan_id": "<p1>", "context_id": "<c1>", "steps": []}')
CONTEXT = expanded('{"context_id": "<c1>", "title": "C"}')


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / ".git").mkdir()
    workspace = Workspace()
    workspace.set_folders([tmp_path])
    return workspace


def open_text(workspace: Workspace, path: Path, text: str = PLAN) -> str:
    uri = uri_of(path)
    workspace.open(uri, "json", 1, text)
    return uri


def test_an_open_document_hides_the_file_and_gives_it_back_when_closed(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "a.plan.json"
    path.write_text(PLAN)
    workspace.refresh([path])
    uri = open_text(workspace, path, PLAN.replace("<p1>", "<p2>"))
    document = workspace.snapshot().document(uri)
    assert document is not None
    assert document.is_open
    (update,) = workspace.close(uri)
    assert update.after is not None
    assert not update.after.is_open
    assert update.after.text.text == PLAN


def test_closing_a_document_without_a_file_forgets_it(workspace: Workspace, tmp_path: Path) -> None:
    uri = open_text(workspace, tmp_path / "a.plan.json")
    (update,) = workspace.close(uri)
    assert update.is_ours
    assert update.after is None
    assert workspace.snapshot().document(uri) is None


def test_versions_must_rise(workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    uri = open_text(workspace, tmp_path / "a.plan.json")
    assert workspace.change(uri, 2, [(None, "{}")])
    assert workspace.change(uri, 2, [(None, "[]")]) == []
    assert workspace.change(uri, 1, [(None, "[]")]) == []
    document = workspace.snapshot().document(uri)
    assert document is not None
    assert document.text.text == "{}"
    assert "was ignored" in caplog.text


def test_changes_of_documents_that_are_not_open_are_ignored_with_a_log_line(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = uri_of(tmp_path / "a.plan.json")
    assert workspace.change(uri, 2, [(None, "{}")]) == []
    assert workspace.save(uri) == []
    assert workspace.close(uri) == []
    assert caplog.text.count("not open") == 3


def test_the_clients_spelling_is_echoed_and_another_spelling_finds_the_same_document(
    workspace: Workspace, tmp_path: Path
) -> None:
    spelled = uri_of(tmp_path / "a b.plan.json").replace("/a%20b", "/%61%20b")
    workspace.open(spelled, "json", 1, PLAN)
    snapshot = workspace.snapshot()
    document = snapshot.document(uri_of(tmp_path / "a b.plan.json"))
    assert document is not None
    assert document.uri == spelled
    assert list(snapshot.documents) == [spelled]


def test_edits_are_applied_in_the_agreed_encoding(workspace: Workspace, tmp_path: Path) -> None:
    uri = open_text(workspace, tmp_path / "a.plan.json", '{"a": "😀x"}')
    workspace.change(uri, 2, [(((0, 9), (0, 10)), "y")])
    document = workspace.snapshot().document(uri)
    assert document is not None
    assert document.text.text == '{"a": "😀y"}'


def test_a_file_is_read_again_only_when_its_stat_changed(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.plan.json"
    path.write_text(PLAN)
    (first,) = workspace.refresh([path])
    assert workspace.refresh([path]) == []
    stat = path.stat()
    path.write_text(PLAN + " ")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (second,) = workspace.refresh([path])
    assert first.after is not None
    assert second.after is not None
    assert second.after.facts is first.after.facts, "equal facts stay the same object"


def test_looking_at_closed_documents_keeps_no_trees_in_memory(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.plan.json"
    path.write_text(PLAN)
    workspace.refresh([path])
    snapshot = workspace.snapshot(uri_of(path))
    first = diagnostics(snapshot, uri_of(path))
    assert first
    document = snapshot.documents[uri_of(path)]
    assert "tree" not in document.cache
    assert diagnostics(snapshot, uri_of(path)) == first
    assert document.facts is not None


def test_a_deleted_file_is_told_once(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.plan.json"
    path.write_text(PLAN)
    workspace.refresh([path])
    path.unlink()
    (update,) = workspace.refresh([path])
    assert update.after is None
    assert workspace.refresh([path]) == []


def test_a_foreign_file_leaves_no_trace(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"a": 1}')
    assert workspace.refresh([path]) == []
    path.write_text(expanded('{"meta": {}, "role_id": "<r1>", "name": "tester"}'))
    (update,) = workspace.refresh([path])
    assert update.after is not None
    assert update.after.kind == "role"
    path.write_text('{"b": 2}')
    (update,) = workspace.refresh([path])
    assert update.after is None


def test_a_document_becomes_ours_and_foreign_again_while_it_is_edited(
    workspace: Workspace, tmp_path: Path
) -> None:
    uri = open_text(workspace, tmp_path / "data.json", '{"name": "x"}')
    (ours,) = workspace.change(uri, 2, [(None, '{"name": "x", "role_id": "", "meta": {}}')])
    assert ours.after is not None
    assert ours.after.kind == "role"
    (foreign,) = workspace.change(uri, 3, [(None, '{"name": "x", "role_i": "", "meta": {}}')])
    assert foreign.after is not None
    assert foreign.after.kind is None
    assert foreign.is_ours
    assert foreign.after.facts is None


def test_a_foreign_file_is_not_even_parsed_however_long_somebody_types_in_it(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = open_text(workspace, tmp_path / "data.json", '{"meta": {}, "name": "", "": ""}')
    monkeypatch.setattr("mplp_lsp.workspace.documents.Tree.parse", None)
    workspace.change(uri, 2, [(((0, 1), (0, 1)), '"a": 1, ')])
    workspace.change(uri, 3, [(((0, 1), (0, 9)), "")])
    monkeypatch.undo()
    at = '{"meta": {}, "name": "", "": ""}'.index('"": ""}') + 1
    for version, letter in enumerate(reversed("role_id"), 4):
        (update,) = workspace.change(uri, version, [(((0, at), (0, at)), letter)])
    assert update.after is not None
    assert update.after.text.text == '{"meta": {}, "name": "", "role_id": ""}'
    assert update.after.kind == "role"


def test_keys_spelled_with_escapes_count_too(workspace: Workspace, tmp_path: Path) -> None:
    uri = open_text(workspace, tmp_path / "data.json", '{"meta": {}, "name": "", "role\\u005fid": ""}')
    document = workspace.snapshot().document(uri)
    assert document is not None
    assert document.kind == "role"


def test_a_project_inside_a_folder_with_a_skipped_name_is_indexed(tmp_path: Path) -> None:
    root = tmp_path / "vendor/node_modules/project"
    (root / ".git").mkdir(parents=True)
    (root / "a.plan.json").write_text(PLAN)
    workspace = Workspace()
    workspace.set_folders([root])
    assert len(workspace.refresh([root / "a.plan.json"])) == 1


def test_an_empty_plan_file_is_ours_once_it_has_a_neighbour(workspace: Workspace, tmp_path: Path) -> None:
    empty = open_text(workspace, tmp_path / "plan.json", "")
    document = workspace.snapshot().document(empty)
    assert document is not None
    assert document.kind is None
    updates = workspace.open(uri_of(tmp_path / "site.context.json"), "json", 1, CONTEXT)
    assert [update.uri for update in updates] == [uri_of(tmp_path / "site.context.json"), empty]
    updates = workspace.close(uri_of(tmp_path / "site.context.json"))
    assert updates[1].after is not None
    assert updates[1].after.kind is None


@pytest.mark.parametrize("order", [("plan.json", "site.context.json"), ("site.context.json", "plan.json")])
def test_what_an_empty_file_on_disk_is_does_not_depend_on_the_order_of_reading(
    workspace: Workspace, tmp_path: Path, order: tuple[str, str]
) -> None:
    (tmp_path / "plan.json").write_text("")
    (tmp_path / "site.context.json").write_text(CONTEXT)
    for name in order:
        workspace.refresh([tmp_path / name])
    assert {document.kind for document in workspace.snapshot().documents.values()} == {"plan", "context"}
    (tmp_path / "site.context.json").unlink()
    workspace.refresh([tmp_path / "site.context.json"])
    assert len(workspace.snapshot().documents) == 0


def test_reading_many_documents_one_by_one_does_not_cost_more_for_each(
    workspace: Workspace, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.plan.json" for number in range(400)]
    for path in paths:
        path.write_text(expanded(f'{{"plan_id": "<p{path.stem}>", "steps": []}}'))

    def seconds(part: list[Path]) -> float:
        started = time.process_time()
        for path in part:
            workspace.refresh([path])
        return time.process_time() - started

    first = seconds(paths[:100])
    seconds(paths[100:300])
    assert seconds(paths[300:]) < 4 * first + 0.05


def test_a_folder_that_is_gone_takes_its_documents_along(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "deep/er"
    folder.mkdir(parents=True)
    path = folder / "a.plan.json"
    path.write_text(PLAN)
    workspace.refresh([path])
    path.unlink()
    folder.rmdir()
    (tmp_path / "deep").rmdir()
    (update,) = workspace.refresh([tmp_path / "deep"])
    assert update.after is None


def test_a_renamed_folder_moves_its_documents(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    path = tmp_path / "old/a.plan.json"
    path.write_text(PLAN)
    workspace.refresh([path])
    (tmp_path / "old").rename(tmp_path / "new")
    workspace.refresh(workspace.moved(tmp_path / "old", tmp_path / "new"))
    assert list(workspace.snapshot().documents) == [uri_of(tmp_path / "new/a.plan.json")]


def test_a_rescan_forgets_what_it_did_not_find(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a.plan.json", "b.plan.json"):
        (tmp_path / name).write_text(PLAN)
    workspace.refresh([tmp_path / "a.plan.json", tmp_path / "b.plan.json"])
    (tmp_path / "a.plan.json").unlink()
    updates = rescan(workspace, tmp_path, [tmp_path / "b.plan.json"])
    assert [(update.uri, update.after) for update in updates] == [(uri_of(tmp_path / "a.plan.json"), None)]


def test_a_folder_of_many_documents_that_is_gone_is_one_change_of_the_index(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    paths = [folder / f"{number}.plan.json" for number in range(50)]
    for path in (*paths, tmp_path / "many.plan.json"):
        path.write_text(PLAN)
    workspace.refresh([*paths, tmp_path / "many.plan.json"])
    for path in paths:
        path.unlink()
    folder.rmdir()
    updates = workspace.refresh([*paths[:3], folder])
    assert sorted(update.uri for update in updates) == sorted(map(uri_of, paths))
    assert all(update.after is None for update in updates)
    assert list(workspace.snapshot().documents) == [uri_of(tmp_path / "many.plan.json")]


def test_what_a_worker_read_does_not_replace_what_was_opened_or_read_later(
    workspace: Workspace, tmp_path: Path
) -> None:
    opened, later, gone = (tmp_path / f"{name}.plan.json" for name in ("opened", "later", "gone"))
    for path in (opened, later, gone):
        path.write_text(PLAN)
    reads = list(workspace.look([opened, later, gone]))
    assert [read.path for read in reads] == [opened, later, gone]
    assert len(workspace.snapshot().documents) == 0
    open_text(workspace, opened, "{}")
    later.write_text(PLAN.replace("<p1>", "<p2>") + " ")
    workspace.refresh([later, gone])
    gone.unlink()
    updates = workspace.put_read(reads)
    assert uri_of(opened) not in {update.uri for update in updates}
    texts = {document.uri: document.text.text for document in workspace.snapshot().documents.values()}
    assert texts == {uri_of(opened): "{}", uri_of(later): later.read_text()}


def test_facts_of_closed_documents_are_those_their_tree_tells(workspace: Workspace, tmp_path: Path) -> None:
    context = expanded('{"context_id": "<c1>", "title": "C", "events": [{"event_id": "<e1>"}]}')
    texts = {"a.plan.json": PLAN, "a.context.json": context, "b.plan.json": PLAN[:-1] + ","}
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        workspace.refresh([path])
        closed = workspace.snapshot().document(uri_of(path))
        workspace.open(uri_of(path), "json", 1, text)
        opened = workspace.snapshot().document(uri_of(path))
        assert closed is not None
        assert opened is not None
        assert closed.facts == opened.facts, name
        workspace.close(uri_of(path))


def test_a_file_that_was_foreign_is_looked_at_again_when_the_settings_say_that_it_is_ours(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"name": "left-pad"}')
    assert workspace.refresh([path]) == []
    workspace.set_rules(FileRules(associations=(("mine.json", "plan"),)))
    (update,) = workspace.refresh([path])
    assert update.after is not None
    assert update.after.kind == "plan"


def test_files_below_the_state_folder_are_not_indexed(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / ".mplp/traces/x.trace.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert workspace.refresh([path]) == []


def test_settings_of_the_project_are_those_of_the_open_buffer(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "mplp.toml"
    path.write_text('[roles.a]\naction = "agent_handoff"\nto = "human"\n')
    workspace.refresh([path])
    settings = workspace.snapshot(root=tmp_path).settings
    assert settings is not None
    assert "a" in settings.roles
    workspace.open(uri_of(path), "toml", 1, '[roles.b]\naction = "agent_handoff"\nto = "human"\n')
    settings = workspace.snapshot(root=tmp_path).settings
    assert settings is not None
    assert "b" in settings.roles
    workspace.close(uri_of(path))
    path.unlink()
    workspace.refresh([path])
    assert workspace.snapshot(root=tmp_path).settings is None


def test_excluded_files_become_foreign_at_once(workspace: Workspace, tmp_path: Path) -> None:
    uri = open_text(workspace, tmp_path / "old/a.plan.json")
    (update,) = workspace.set_rules(FileRules(exclude=("old/**",)))
    assert update.uri == uri
    assert update.after is not None
    assert update.after.kind is None
    assert list(workspace.index_of(tmp_path).documents()) == []


def test_projects_do_not_see_each_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
    workspace = Workspace()
    workspace.set_folders([tmp_path / "one", tmp_path / "two"])
    open_text(workspace, tmp_path / "one/site.context.json", CONTEXT)
    other = open_text(workspace, tmp_path / "two/site.plan.json")
    assert not workspace.snapshot(other).index.declarations("context", uuid_of("c1"))
    assert workspace.snapshot(root=tmp_path / "one").index.declarations("context", uuid_of("c1"))


def test_removing_a_folder_forgets_its_closed_documents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "a.plan.json").write_text(PLAN)
    workspace = Workspace()
    workspace.set_folders([tmp_path / "one", tmp_path / "two"])
    workspace.refresh([tmp_path / "one/a.plan.json", tmp_path / "two/a.plan.json"])
    (update,) = workspace.set_folders([tmp_path / "two"])
    assert update.uri == uri_of(tmp_path / "one/a.plan.json")
    assert list(workspace.snapshot().documents) == [uri_of(tmp_path / "two/a.plan.json")]


def test_a_snapshot_does_not_change_under_its_reader(workspace: Workspace, tmp_path: Path) -> None:
    uri = open_text(workspace, tmp_path / "a.plan.json")
    snapshot = workspace.snapshot(uri)
    workspace.change(uri, 2, [(None, "{}")])
    workspace.close(uri)
    document = snapshot.document(uri)
    assert document is not None
    assert document.text.text == PLAN
    assert len(list(snapshot.index.documents("plan"))) == 1


def test_an_edit_that_changes_no_fact_changes_no_index(workspace: Workspace, tmp_path: Path) -> None:
    text = expanded('{"plan_id": "<p1>", "steps": [{"step_id": "<s1>", "description": "one"}]}')
    uri = open_text(workspace, tmp_path / "a.plan.json", text)
    before = workspace.snapshot(uri)
    at = text.index("one")
    workspace.change(uri, 2, [(((0, at), (0, at)), "x")])
    after = workspace.snapshot(uri)
    assert after.index is before.index
    assert after.document(uri) is not before.document(uri)


def test_untitled_documents_have_no_project_and_are_analysed_all_the_same() -> None:
    workspace = Workspace()
    workspace.open("untitled:Untitled-1", "mplp-plan", 1, PLAN)
    snapshot = workspace.snapshot("untitled:Untitled-1")
    document = snapshot.document("untitled:Untitled-1")
    assert document is not None
    assert document.kind == "plan"
    assert snapshot.root is None
    assert [facts.id for facts in snapshot.index.documents("plan")] == [uuid_of("p1")]


def test_a_file_that_is_too_large_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.plan.json"
    path.write_text(PLAN + " " * (5 * 1024 * 1024))
    assert workspace.refresh([path]) == []


def test_a_saved_text_that_differs_from_ours_wins(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = open_text(workspace, tmp_path / "a.plan.json")
    workspace.save(uri, "{}")
    document = workspace.snapshot().document(uri)
    assert document is not None
    assert document.text.text == "{}"
    assert "differs from ours" in caplog.text
