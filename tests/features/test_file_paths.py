"""Paths in documents: links to what they name, and edits when that gets another name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.document_links import document_links
from mplp_lsp.features.file_renames import will_rename_files
from mplp_lsp.workspace.snapshot import ClientView
from tests.features.navigation import text_at
from tests.features.plans import applied
from tests.project import ABLE_CLIENT, ROOT, project, uri


def links(text: str) -> list[tuple[str, str]]:
    """What each link covers, and where it leads: a file below the project, or a web address."""
    seen = project(text)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.DocumentLinkParams(types.TextDocumentIdentifier(seen.uri))
    return [
        (text_at(seen.snapshot, seen.uri, link.range), str(link.target).removeprefix(f"{ROOT.as_uri()}/"))
        for link in document_links(seen.snapshot, document, params) or []
    ]


OTHERS = """
-- site.context.json --
{"context_id": "<c1>"}
-- plans/a.plan.json --
{"plan_id": "<p1>"}
-- plans/b é.plan.json --
{"plan_id": "<p2>"}
"""


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("site.context.json", "site.context.json"),
        ("../site.context.json", "site.context.json"),
        ("plans/a.plan.json", "plans/a.plan.json"),
        ("a.plan.json", "plans/a.plan.json"),
        ("./a.plan.json", "plans/a.plan.json"),
        ("../plans/./x/../a.plan.json", "plans/a.plan.json"),
        ("b é.plan.json", "plans/b%20%C3%A9.plan.json"),
        ("b \\u00e9.plan.json", "plans/b%20%C3%A9.plan.json"),
        (f"{ROOT}/plans/a.plan.json", "plans/a.plan.json"),
        (f"{ROOT.as_uri()}/plans/a.plan.json", "plans/a.plan.json"),
    ],
)
def test_a_path_of_a_known_document_is_a_link(path: str, target: str) -> None:
    text = f'{OTHERS}-- plans/x.trace.json --\n{{"trace_id": "<t1>", "root_span": {{"file": "{path}"}}}}'
    assert links(text) == [(path, target)]


@pytest.mark.parametrize(
    "path",
    [
        "missing.plan.json",
        "../../site.context.json",
        "/etc/passwd.json",
        "plans",
        "http://x/a.json",
        "x.trace.json",
        "half a pair \\ud800.json",
    ],
)
def test_what_is_no_known_document_is_no_link(path: str) -> None:
    assert links(f'{OTHERS}-- plans/x.trace.json --\n{{"x": ["{path}"], "site.context.json": 5}}') == []


def test_settings_lead_to_documents_and_headers_to_the_web() -> None:
    toml = (
        "-- mplp.toml --\n[roles.a]\nsource = 'plans/a.plan.json'\ntarget = \"site.context.json\" # 'a.json'"
    )
    assert links(OTHERS + toml) == [
        ("plans/a.plan.json", "plans/a.plan.json"),
        ("site.context.json", "site.context.json"),
    ]
    rules = '-- a.plan.json --\n{"$schema": "https://schemas.mplp.dev/v1.0/mplp-plan.schema.json", "steps": ['
    assert links(rules) == [("https://schemas.mplp.dev/v1.0/mplp-plan.schema.json",) * 2]


def test_broken_texts_keep_their_links() -> None:
    text = f'{OTHERS}-- plans/x.trace.json --\n{{"a": "a.plan.json" "b": ["a.plan.json", "a.plan.json'
    assert len(links(text)) == 2


# Renames

PROJECT = """
-- mplp.toml --
[roles.builder]
action = "tool_call"
command = ["python", "scripts/build.py", "--fast"]
[roles.copier]
action = "file_operation"
source = 'scripts/build.py'
-- plans/a.plan.json --
{"plan_id": "<p1>", "title": "scripts/build.py", "objective": "see b.plan.json and", "x": ["./b.plan.json"]}
-- plans/b.plan.json --
{"plan_id": "<p2>", "title": "../scripts/build.py"}
-- run.events.ndjson --
{"event_id": "<e1>", "payload": {"file_path": "scripts/build.py"}}
-- a.event.json --
{"event_id": "<e1>", "file_path": "scripts/build.py"}
"""


def renamed(*pairs: tuple[str, str], client: ClientView = ABLE_CLIENT) -> dict[str, str]:
    """The changed documents after renames of files below the project, by their path."""
    seen = project(PROJECT, client=client)
    files = [types.FileRename(uri(old), uri(new)) for old, new in pairs]
    edit = will_rename_files([seen.snapshot], types.RenameFilesParams(files))
    if edit is None:
        return {}
    if edit.changes is not None:
        changed = list(edit.changes)
    else:
        changed = [
            change.text_document.uri
            for change in edit.document_changes or ()
            if isinstance(change, types.TextDocumentEdit)
        ]
    texts = {}
    for where in changed:
        if edit.changes is not None:
            one = types.WorkspaceEdit(changes={where: edit.changes[where]})
        else:
            one = types.WorkspaceEdit(
                document_changes=[
                    change
                    for change in edit.document_changes or ()
                    if isinstance(change, types.TextDocumentEdit) and change.text_document.uri == where
                ]
            )
        texts[where.removeprefix(f"{ROOT.as_uri()}/")] = applied(seen.snapshot, where, one)
    return texts


def original(name: str) -> str:
    document = project(PROJECT).snapshot.document(uri(name))
    assert document is not None
    return document.text.text


@pytest.mark.parametrize("client", [ABLE_CLIENT, replace(ABLE_CLIENT, document_changes=False)])
def test_paths_follow_a_renamed_file_but_history_keeps_them(client: ClientView) -> None:
    after = renamed(("scripts/build.py", "tools/make it.py"), client=client)
    assert after == {
        name: original(name).replace("scripts/build.py", "tools/make it.py")
        for name in ("mplp.toml", "plans/a.plan.json", "plans/b.plan.json")
    }


def test_paths_follow_a_renamed_folder() -> None:
    after = renamed(("scripts", "src/tools"))
    assert '"src/tools/build.py", "--fast"' in after["mplp.toml"]
    assert "source = 'src/tools/build.py'" in after["mplp.toml"]
    assert '"../src/tools/build.py"' in after["plans/b.plan.json"]


def test_a_document_named_from_beside_it_is_named_the_same_way() -> None:
    after = renamed(("plans/b.plan.json", "plans/c.plan.json"))
    assert after == {
        "plans/a.plan.json": original("plans/a.plan.json").replace("./b.plan.json", "./c.plan.json")
    }


def test_a_document_that_moves_takes_its_paths_along() -> None:
    after = renamed(("plans/a.plan.json", "a.plan.json"))
    assert set(after) == {"plans/a.plan.json"}
    assert '"x": ["./plans/b.plan.json"]' in after["plans/a.plan.json"]
    assert '"title": "scripts/build.py"' in after["plans/a.plan.json"]
    after = renamed(("plans/b.plan.json", "deep/er/b.plan.json"))
    assert '"../../scripts/build.py"' in after["plans/b.plan.json"]
    assert '"../deep/er/b.plan.json"' in after["plans/a.plan.json"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("other.py", "another.py"),
        ("scripts/build.py", "scripts/build.py"),
        ("scripts/build.pyc", "x.pyc"),
        ("script", "x"),
        ("run.events.ndjson", "old.events.ndjson"),
    ],
)
def test_other_renames_change_nothing(old: str, new: str) -> None:
    assert renamed((old, new)) == {}
