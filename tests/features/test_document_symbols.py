"""The outline of every kind of document, as a tree and as a flat list."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.document_symbols import document_symbols
from mplp_lsp.features.symbol_words import name_of_part
from mplp_lsp.server.params import shared_converter
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.workspace.snapshot import Snapshot
from tests.features.navigation import text_at
from tests.features.plans import plan_text, plan_value
from tests.project import ABLE_CLIENT, Project, project, uri, uuid_of

FLAT = replace(ABLE_CLIENT, hierarchical_symbols=False)


def answer(snapshot: Snapshot, where: str) -> Any:
    document = snapshot.document(where)
    assert document is not None
    params = types.DocumentSymbolParams(types.TextDocumentIdentifier(where))
    found = document_symbols(snapshot, document, params)
    return None if found is None else json.loads(found.json)


def tree(seen: Project) -> list[types.DocumentSymbol]:
    """The outline, read as a strict client reads it."""
    symbols = shared_converter().structure(answer(seen.snapshot, seen.uri), list[types.DocumentSymbol])
    pending = list(symbols)
    while pending:
        symbol = pending.pop()
        assert symbol.name.strip()
        assert inside(symbol.selection_range, symbol.range)
        for child in symbol.children or ():
            assert inside(child.range, symbol.range) or symbol.kind == types.SymbolKind.Object
            pending.append(child)
    return symbols


def inside(inner: types.Range, outer: types.Range) -> bool:
    def place(position: types.Position) -> tuple[int, int]:
        return position.line, position.character

    return place(outer.start) <= place(inner.start) <= place(inner.end) <= place(outer.end)


def told(symbols: list[types.DocumentSymbol], depth: int = 0) -> list[str]:
    lines: list[str] = []
    for symbol in symbols:
        detail = f" [{symbol.detail}]" if symbol.detail else ""
        lines.append(f"{'  ' * depth}{symbol.kind.name} {symbol.name}{detail}")
        lines += told(list(symbol.children or ()), depth + 1)
    return lines


def short(word: str) -> str:
    return uuid_of(word)[:8]


def test_a_plan_lists_its_steps_with_their_status() -> None:
    text = """{"plan_id": "<p1>", "title": "Release", "status": "draft", "steps": [
      {"step_id": "<s1>", "description": "Build", "status": "completed", "agent_role": "builder"},
      {"step_id": "<s2>", "description": "Te\\"st"},
      {"step_id": "<s3>"},
      {}, 5],
     "events": [{"event_id": "<e1>", "event_type": "plan.made", "timestamp": "2026-01-01T00:00:00Z"}]}"""
    seen = project(text)
    symbols = tree(seen)
    assert told(symbols) == [
        f"Class Release [plan · draft · {short('p1')}]",
        "  Function Build [completed · builder]",
        '  Function Te"st',
        f"  Function {uuid_of('s3')}",
        "  Function (step)",
        "  Array events [1]",
        "    Event plan.made [2026-01-01T00:00:00Z]",
    ]
    steps = symbols[0].children
    assert steps is not None
    selected = [text_at(seen.snapshot, seen.uri, step.selection_range) for step in steps[:4]]
    assert selected == ["Build", 'Te\\"st', uuid_of("s3"), "{"]
    assert json.loads(text_at(seen.snapshot, seen.uri, steps[0].range))["step_id"] == uuid_of("s1")
    assert text_at(seen.snapshot, seen.uri, symbols[0].selection_range) == "Release"


@pytest.mark.parametrize(
    ("name", "text", "outline"),
    [
        (
            "a.trace.json",
            '{"trace_id": "<t1>", "status": "running", "segments": [{"label": "Build", "status": "failed"}]}',
            [f"Module trace {short('t1')} [trace · running · {short('t1')}]", "  Function Build [failed]"],
        ),
        (
            "a.confirm.json",
            '{"confirm_id": "<k1>", "decisions": [{"status": "approved", "decided_by_role": "anna"}]}',
            [f"Event confirm {short('k1')} [confirm · {short('k1')}]", "  Event anna [approved]"],
        ),
        (
            "a.collab.json",
            """{"collab_id": "<l1>", "title": "Team", "participants":
              [{"participant_id": "a", "display_name": "Anna", "kind": "human", "role_id": "tester"}]}""",
            [f"Object Team [collab · {short('l1')}]", "  Interface Anna [human · tester]"],
        ),
        (
            "a.network.json",
            '{"network_id": "<n1>", "name": "Mesh", "nodes": [{"node_id": "x", "kind": "agent"}]}',
            [f"Object Mesh [network · {short('n1')}]", "  Object x [agent]"],
        ),
        (
            "a.core.json",
            '{"core_id": "<o1>", "modules": [{"module_id": "plan", "version": "1", "status": "enabled"}]}',
            [f"Package core {short('o1')} [core · {short('o1')}]", "  Module plan [enabled · 1]"],
        ),
        (
            "a.dialog.json",
            '{"dialog_id": "<d1>", "messages": [{"role": "user", "content": "Hello\\n  there"}]}',
            [f"Object dialog {short('d1')} [dialog · {short('d1')}]", "  String Hello there [user]"],
        ),
        (
            "a.role.json",
            '{"role_id": "<r1>", "name": "tester"}',
            [f"Interface tester [role · {short('r1')}]"],
        ),
        ("a.context.json", '{"title": " "}', ["Namespace a.context.json [context]"]),
        (
            "a.events.ndjson",
            '{"event_id": "<e1>", "event_type": "made"}\n\n{broken\n[]\n{"event_id": "<e2>"}',
            ["Event made", "Event (event)", f"Event {uuid_of('e2')}"],
        ),
        (
            "mplp.toml",
            '[roles.tester]\naction = "tool_call"\n[roles."the writer"]\nx = 1\n[steps]\n[run]\nx = 2',
            [
                "Object roles",
                "  Interface tester [tool_call]",
                "  Interface the writer",
                "Object steps",
                "Object run",
            ],
        ),
    ],
)
def test_every_kind_of_document_has_an_outline(name: str, text: str, outline: list[str]) -> None:
    assert told(tree(project(f"-- {name} --\n{text}"))) == outline


def test_roles_that_are_spread_over_the_settings_lie_inside_their_table() -> None:
    text = "[roles.a]\nx = 1\n[limits]\n[roles.b]\nx = 2\n"
    roles, _ = tree(project(f"-- mplp.toml --\n{text}"))
    assert [each.name for each in roles.children or ()] == ["a", "b"]
    assert all(inside(each.range, roles.range) for each in roles.children or ())


def test_a_client_without_trees_gets_a_list_with_containers() -> None:
    seen = project(plan_text(steps=2), client=FLAT)
    found = shared_converter().structure(answer(seen.snapshot, seen.uri), list[types.SymbolInformation])
    assert [(each.name, each.container_name) for each in found] == [
        ("Release", None),
        ("Step 1", "Release"),
        ("Step 2", "Release"),
    ]
    assert {each.location.uri for each in found} == {uri("a.plan.json")}
    assert '"step_id"' in text_at(seen.snapshot, seen.uri, found[1].location.range)
    assert all(
        set(each) <= {"name", "kind", "location", "containerName"} for each in answer(seen.snapshot, seen.uri)
    )


def test_an_empty_document_has_no_outline_and_a_list_is_a_document_all_the_same() -> None:
    assert answer(project("").snapshot, uri("a.plan.json")) is None
    assert told(tree(project("[]"))) == ["Class a.plan.json [plan]"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_places_count_as_the_client_counts(encoding: Encoding) -> None:
    text = '{"title": "😀", "steps": [{"x": "é😀", "description": "Zwölf😀"}, {"description": "b"}]}'
    seen = project(text, encoding=encoding)
    (plan,) = tree(seen)
    assert [text_at(seen.snapshot, seen.uri, step.selection_range) for step in plan.children or ()] == [
        "Zwölf😀",
        "b",
    ]


@pytest.mark.parametrize("client", [ABLE_CLIENT, FLAT])
def test_after_any_edit_the_outline_is_that_of_a_fresh_document(client: Any) -> None:
    dice = random.Random(7)
    seen = project(plan_text(steps=140, events=[{"event_type": "x"}]), client=client)
    for version in range(2, 32):
        document = seen.snapshot.documents[seen.uri]
        text = document.text.text
        start = dice.randrange(len(text))
        end = min(len(text), start + dice.choice([0, 0, 1, 40, 400]))
        places = (document.text.position(start, "utf-16"), document.text.position(end, "utf-16"))
        new = dice.choice(["", "\n", "\r\n", "😀", '"', "},", "x", '{"description": "new"},'])
        answer(seen.snapshot, seen.uri)
        seen.workspace.change(seen.uri, version, [(places, new)])
        seen = replace(seen, snapshot=seen.again())
        now = seen.snapshot.documents[seen.uri].text.text
        assert answer(seen.snapshot, seen.uri) == answer(project(now, client=client).snapshot, seen.uri)


def test_every_prefix_of_a_plan_has_an_outline_inside_it() -> None:
    text = json.dumps(plan_value(events=[{"event_type": "made"}]), indent=1)
    for end in range(1, len(text)):
        tree(project(text[:end]))


def test_an_edit_makes_one_block_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = project(plan_text(steps=1_000))
    answer(seen.snapshot, seen.uri)
    made: list[object] = []

    def counted(part: str, value: object) -> str | None:
        made.append(value)
        return name_of_part(part, value)

    monkeypatch.setattr("mplp_lsp.features.symbol_entries.name_of_part", counted)
    document = seen.snapshot.documents[seen.uri]
    start = document.text.position(document.text.text.index("Step 500"), "utf-16")
    seen.workspace.change(seen.uri, 2, [((start, start), "x")])
    later = seen.again()
    assert "xStep 500" in [step["name"] for step in answer(later, seen.uri)[0]["children"]]
    assert len(made) <= 128


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_entries_stand_at_the_same_places_whatever_letters_stand_beside_them(indent: int | None) -> None:
    def places(title: str) -> list[Any]:
        # The letter stands in the last entry of the block, behind the places of all others.
        steps = [{"step_id": uuid_of(f"s{n}"), "description": f"Step {n}"} for n in range(40)]
        text = json.dumps(
            {"plan_id": uuid_of("p1"), "steps": [*steps, {"note": title}]}, indent=indent, ensure_ascii=False
        )
        seen = project(text)
        symbols = document_symbols(
            seen.snapshot,
            seen.snapshot.document(seen.uri),
            types.DocumentSymbolParams(types.TextDocumentIdentifier(seen.uri)),
        )
        assert symbols is not None
        return [(one["range"], one["selectionRange"]) for one in json.loads(symbols.json)[0]["children"][:40]]

    assert places("e") == places("é")
