"""Names in documents: at a place, and all over a project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mplp_lsp.analysis.name_places import place_of
from mplp_lsp.analysis.names import (
    declarations_of,
    name_at,
    names_called,
    names_of,
    uses_of,
)
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_lsp.workspace.workspace import Workspace
from mplp_runtime.rules.names import Name, element_names_called
from tests.project import Project, project, uuid_of

TWO_STEPS = """
-- a.plan.json --
{"plan_id": "<p1>", "context_id": "<c1>", "steps": [
  {"step_id": "<s1>", "agent_role": "tester"},
  {"step_id": "<s2>", "dependencies": ["<s1>"], "agent_role": "tester"}]}
"""


def at_cursor(seen: Project) -> Name | None:
    uri, offset = seen.cursor
    document = seen.snapshot.document(uri)
    assert document is not None
    return name_at(document, offset)


def spelled(found: list[tuple[Document, Name]]) -> list[str]:
    """`file: place` of each."""
    return [
        f"{document.uri.rsplit('/', 1)[1]}: {'/'.join(map(str, name.pointer))}" for document, name in found
    ]


def asked(text: str) -> tuple[Snapshot, Name, Document]:
    seen = project(text)
    name = at_cursor(seen)
    document = seen.snapshot.document(seen.uri)
    assert name is not None
    assert document is not None
    return seen.snapshot, name, document


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ('{"plan_id": "$0<p1>"}', "plan", ("plan_id",)),
        ('{"plan_id": "<p1>$0"}', "plan", ("plan_id",)),
        ('{"plan_id": $0"<p1>"}', "plan", ("plan_id",)),
        ('{"steps": [{"step_id": "$0<s1>"}]}', "step", ("steps", 0, "step_id")),
        ('{"steps": [{}, {"dependencies": ["<s1>", "<s2>$0"]}]}', "step", ("steps", 1, "dependencies", 1)),
        ('{"steps": [{"agent_role": "te$0ster", ', "role-name", ("steps", 0, "agent_role")),
        ('-- mplp.toml --\n[roles.te$0ster]\naction = "x"', "role-name", ("roles", "tester")),
        ("-- mplp.toml --\n[roles]\nte$0ster = {}", "role-name", ("roles", "tester")),
        (
            '-- mplp.toml --\n[gates]\nconfirm_steps = ["a", "b$0"]',
            "role-name",
            ("gates", "confirm_steps", 1),
        ),
        ('-- a.events.ndjson --\n{}\n\n{"step_id": "<s1>$0"}\n', "step", (2, "step_id")),
    ],
)
def test_the_name_at_the_cursor_is_known(text: str, kind: str, place: tuple[str | int, ...]) -> None:
    name = at_cursor(project(text))
    assert name is not None
    assert (name.kind, name.pointer) == (kind, place)


@pytest.mark.parametrize(
    "text",
    [
        '{"$0plan_id": "<p1>"}',
        '{"plan_id": "<p1>", $0 "steps": []}',
        '{"title": "$0<p1>"}',
        '{"steps": [$0]}',
        "$0",
        "$0null",
        '-- mplp.toml --\n[roles.tester]\naction = "$0tool_call"',
        "-- a.events.ndjson --\n$0\n",
        '-- package.json --\n{"plan_id": "$0<p1>"}',
    ],
)
def test_no_name_where_none_is(text: str) -> None:
    assert at_cursor(project(text)) is None


def test_a_name_is_declared_and_used_all_over_the_project() -> None:
    text = (
        TWO_STEPS.replace('"<s1>"]', '"$0<s1>"]')
        + """
-- z.confirm.json --
{"confirm_id": "<k1>", "target_type": "other", "target_id": "<s1>"}
-- mplp.toml --
[steps."<s1>"]
action = "tool_call"
-- b.events.ndjson --
{"event_id": "<e1>"}
{"event_id": "<e2>", "payload": {"step_id": "<s1>"}}
"""
    )
    snapshot, name, document = asked(text)
    assert spelled(declarations_of(snapshot, name, document)) == ["a.plan.json: steps/0/step_id"]
    assert spelled(uses_of(snapshot, name, document)) == [
        "a.plan.json: steps/1/dependencies/0",
        "b.events.ndjson: 1/payload/step_id",
        f"mplp.toml: steps/{uuid_of('s1')}",
        "z.confirm.json: target_id",
    ]


def test_a_role_is_declared_by_its_document_and_by_mplp_toml() -> None:
    text = (
        TWO_STEPS.replace('"tester"}]', '"$0tester"}]')
        + """
-- tester.role.json --
{"role_id": "<r1>", "name": "tester"}
-- mplp.toml --
[roles.tester]
action = "tool_call"
"""
    )
    snapshot, name, _ = asked(text)
    assert spelled(declarations_of(snapshot, name)) == ["mplp.toml: roles/tester", "tester.role.json: name"]
    assert spelled(uses_of(snapshot, name)) == [
        "a.plan.json: steps/0/agent_role",
        "a.plan.json: steps/1/agent_role",
    ]


def test_a_copy_of_a_plan_has_steps_of_its_own() -> None:
    copy = TWO_STEPS.replace("a.plan", "copy.plan")
    snapshot, name, document = asked(TWO_STEPS.replace('["<s1>"]', '["$0<s1>"]') + copy)
    assert spelled(declarations_of(snapshot, name, document)) == ["a.plan.json: steps/0/step_id"]
    assert spelled(uses_of(snapshot, name, document)) == ["a.plan.json: steps/1/dependencies/0"]
    assert len(declarations_of(snapshot, name)) == 2


def test_a_word_that_is_no_id_counts_in_its_own_document_only() -> None:
    one = '-- a.plan.json --\n{"steps": [{"step_id": "step-1"}, {"dependencies": ["$0step-1"]}]}\n'
    snapshot, name, document = asked(one + one.replace("a.plan", "b.plan").replace("$0", ""))
    assert spelled(declarations_of(snapshot, name, document)) == ["a.plan.json: steps/0/step_id"]
    assert spelled(uses_of(snapshot, name, document)) == ["a.plan.json: steps/1/dependencies/0"]


def test_an_id_of_another_kind_is_better_than_none() -> None:
    text = (
        '-- a.plan.json --\n{"plan_id": "<p1>"}\n'
        '-- b.trace.json --\n{"trace_id": "<t>", "context_id": "$0<p1>"}'
    )
    snapshot, name, document = asked(text)
    assert name.kind == "context"
    assert spelled(declarations_of(snapshot, name, document)) == ["a.plan.json: plan_id"]
    assert spelled(uses_of(snapshot, name, document)) == ["b.trace.json: context_id"]


def test_names_spelled_with_escapes_are_the_same_names() -> None:
    text = (
        '-- a.plan.json --\n{"steps": [{"agent_role": "$0größe/\\"x\\""}]}\n'
        '-- b.plan.json --\n{"steps": [{"agent_role": "gr\\u00f6\\u00dfe\\/\\"x\\""}]}\n'
        '-- c.plan.json --\n{"steps": [{"agent_role": "gr\\u00f6sse"}]}'
    )
    snapshot, name, _ = asked(text)
    assert spelled(uses_of(snapshot, name)) == [
        "a.plan.json: steps/0/agent_role",
        "b.plan.json: steps/0/agent_role",
    ]


@pytest.mark.parametrize("spelling", ["tester", "t\\u0065ster", "\\u0074\\u0065\\u0073\\u0074\\u0065\\u0072"])
def test_closed_documents_take_part_and_are_not_kept_in_memory(tmp_path: Path, spelling: str) -> None:
    for number in range(3):
        plan = f'{{"plan_id": "{uuid_of(str(number))}", "steps": [{{"agent_role": "{spelling}"}}]}}'
        (tmp_path / f"{number}.plan.json").write_text(plan)
    (tmp_path / "other.plan.json").write_text('{"plan_id": "x", "steps": [{"agent_role": "writer"}]}')
    (tmp_path / "t.events.ndjson").write_text('{"agent_role": "tester"}\n')
    workspace = Workspace()
    workspace.set_folders([tmp_path])
    workspace.refresh(sorted(tmp_path.iterdir()))
    snapshot = workspace.snapshot(root=tmp_path)
    found = uses_of(snapshot, Name("role-name", "tester", (), is_declaration=False))
    assert spelled(found) == [
        "0.plan.json: steps/0/agent_role",
        "1.plan.json: steps/0/agent_role",
        "2.plan.json: steps/0/agent_role",
        "t.events.ndjson: 0/agent_role",
    ]
    for document, name in found:
        start, end = place_of(document, name)
        assert document.text.slice(start, end) in {spelling, "tester"}
    assert not any({"tree", "timeline"} & set(d.cache) for d in snapshot.documents.values())


def test_a_closed_document_without_the_text_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, role in (("a", "tester"), ("b", "writer"), ("c", "tester")):
        (tmp_path / f"{name}.plan.json").write_text(
            f'{{"plan_id": "x", "steps": [{{"agent_role": "{role}"}}]}}'
        )
    workspace = Workspace()
    workspace.set_folders([tmp_path])
    workspace.refresh(sorted(tmp_path.iterdir()))
    snapshot = workspace.snapshot(root=tmp_path)
    read: list[str] = []
    parse = Tree.parse

    def counted(text: TextSnapshot) -> Tree:
        read.append(text.text)
        return parse(text)

    monkeypatch.setattr(Tree, "parse", counted)
    tester = Name("role-name", "tester", (), is_declaration=False)
    assert len(uses_of(snapshot, tester)) == 2
    assert len(read) == 2
    assert [place_of(document, name) for document, name in uses_of(snapshot, tester)]
    assert len(read) == 2, "asking again, also for the places, reads nothing"


def test_another_project_has_names_of_its_own(tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.set_folders([tmp_path / "a", tmp_path / "ab"])
    for folder in ("a", "ab"):
        text = json.dumps({"plan_id": uuid_of("p1"), "context_id": uuid_of("c1")})
        workspace.open(uri_of(tmp_path / folder / "x.plan.json"), "json", 1, text)
        workspace.open(uri_of(tmp_path / folder / "x.events.ndjson"), "ndjson", 1, text)
    snapshot = workspace.snapshot(root=tmp_path / "a")
    found = uses_of(snapshot, Name("context", uuid_of("c1"), (), is_declaration=False))
    assert [document.uri for document, _ in found] == [
        uri_of(tmp_path / "a" / "x.events.ndjson"),
        uri_of(tmp_path / "a" / "x.plan.json"),
    ]


def test_an_edit_of_one_step_costs_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ", ".join(f'{{"step_id": "<s{n}>", "agent_role": "r{n % 7}"}}' for n in range(1, 1_001))
    seen = project(f'{{"plan_id": "<p1>", "steps": [{steps}]}}')
    before = seen.snapshot.document(seen.uri)
    assert before is not None
    assert len(names_called(before, "r3")) == 143
    offset = before.text.text.index(uuid_of("s500"))
    line, character = before.text.position(offset, "utf-16")
    seen.workspace.change(seen.uri, 2, [(((line, character), (line, character + 36)), uuid_of("new"))])
    read: list[object] = []

    def counted(kind: str, field: str, element: object, text: str) -> Iterator[Name]:
        read.append(element)
        return element_names_called(kind, field, element, text)

    monkeypatch.setattr("mplp_lsp.analysis.names.element_names_called", counted)
    after = seen.again().document(seen.uri)
    assert after is not None
    assert [name.pointer for name in names_called(after, uuid_of("new"))] == [("steps", 499, "step_id")]
    assert names_called(after, uuid_of("s500")) == []
    assert len(read) <= 128


def test_names_of_gives_what_names_called_finds() -> None:
    seen = project(TWO_STEPS + '-- x.events.ndjson --\n{"event_id": "<e1>", "trace_id": "<t1>"}\n\n{bad\n')
    for document in seen.snapshot.documents.values():
        everything = list(names_of(document))
        assert everything
        for name in everything:
            assert name in names_called(document, name.text)
            start, end = place_of(document, name)
            assert document.text.slice(start, end) == name.text
            assert name_at(document, start) == name


def test_every_prefix_of_a_document_has_names_inside_it() -> None:
    text = json.dumps(
        {
            "plan_id": uuid_of("p1"),
            "steps": [{"step_id": uuid_of("s1"), "dependencies": ["x\\", 'y"'], "agent_role": "größe 😀"}],
        },
        ensure_ascii=False,
        indent=1,
    )
    for end in range(len(text)):
        seen = project(text[:end])
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        for name in names_of(document):
            start, stop = place_of(document, name)
            assert 0 <= start <= stop <= end
        for offset in range(0, end + 1, 7):
            name_at(document, offset)
