"""Semantic colours: which word is what, the same numbers however the text came about, and changes only."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.features.semantic_tokens import (
    semantic_tokens_delta,
    semantic_tokens_full,
    semantic_tokens_range,
)
from mplp_lsp.features.token_legend import MODIFIERS, TYPES
from mplp_lsp.text.snapshot import Encoding
from tests.features.plans import plan_text, plan_value
from tests.project import Project, project, uuid_of

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def sent(answer: ReadyJson | None) -> Any:
    assert answer is not None
    return json.loads(answer.json)


def full(seen: Project) -> Any:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    target = types.TextDocumentIdentifier(seen.uri)
    return sent(semantic_tokens_full(seen.snapshot, document, types.SemanticTokensParams(target)))


def delta(seen: Project, previous: str) -> Any:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.SemanticTokensDeltaParams(types.TextDocumentIdentifier(seen.uri), previous)
    return sent(semantic_tokens_delta(seen.snapshot, document, params))


def words(seen: Project, data: list[int]) -> list[tuple[str, str]]:
    """Each token's text and what it is, such as `variable.declaration`."""
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    found = []
    line = character = 0
    for down, right, length, kind, modifiers in zip(*[iter(data)] * 5, strict=True):
        line += down
        character = right if down else character + right
        start = document.text.offset(line, character, seen.snapshot.encoding)
        end = document.text.offset(line, character + length, seen.snapshot.encoding)
        names = [name for bit, name in enumerate(MODIFIERS) if modifiers >> bit & 1]
        found.append((document.text.slice(start, end), ".".join([TYPES[kind], *names])))
    return found


def meanings(text: str, **options: Any) -> dict[str, str]:
    seen = project(text, **options)
    return dict(words(seen, full(seen)["data"]))


def test_keys_ids_roles_and_words_of_the_schema_each_have_a_colour() -> None:
    found = meanings(plan_text())
    assert found['"title"'] == "property"
    assert '"Release"' not in found
    assert found[f'"{uuid_of("p1")}"'] == "variable.declaration"
    assert found[f'"{uuid_of("c1")}"'] == "variable"
    assert found['"tester"'] == "type"
    assert found['"draft"'] == "enumMember.waiting"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "waiting"),
        ("in_progress", "running"),
        ("completed", "done"),
        ("failed", "failed"),
        ("blocked", "stopped"),
    ],
)
def test_the_state_of_a_step_is_a_modifier(status: str, state: str) -> None:
    value = plan_value()
    value["steps"][0]["status"] = status
    seen = project(json.dumps(value, indent=2))
    assert (f'"{status}"', f"enumMember.{state}") in words(seen, full(seen)["data"])


def test_an_id_is_declared_once_and_used_elsewhere() -> None:
    seen = project(plan_text(steps=2))
    uses = [what for text, what in words(seen, full(seen)["data"]) if text == f'"{uuid_of("s1")}"']
    assert uses == ["variable.declaration", "variable"]


def test_times_have_a_colour_and_prose_has_none() -> None:
    text = '{"confirm_id": "<k1>", "requested_at": "2026-01-01T00:00:00Z", "reason": "2026 is near"}'
    found = meanings(f"-- a.confirm.json --\n{text}")
    assert found['"2026-01-01T00:00:00Z"'] == "number"
    assert '"2026 is near"' not in found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_places_are_in_the_units_of_the_client(encoding: Encoding) -> None:
    text = (
        plan_text(title="x")
        .replace('"Step 1",', '"\U0001f600 é", ')
        .replace(',\n      "status"', ', "status"')
    )
    seen = project(text, encoding=encoding)
    assert all(word.startswith('"') and word.endswith('"') for word, _ in words(seen, full(seen)["data"]))


def test_each_line_of_a_timeline_is_coloured_for_itself() -> None:
    lines = '{"event_id": "<e1>", "event_family": "pipeline_stage"}\n{broken "status"\n{"plan_id": "<p1>"}\n'
    found = meanings(f"-- a.events.ndjson --\n{lines}")
    assert found[f'"{uuid_of("e1")}"'] == "variable.declaration"
    assert found['"pipeline_stage"'] == "enumMember"
    assert found[f'"{uuid_of("p1")}"'] == "variable"


def applied(before: list[int], answer: Any) -> list[int]:
    if "data" in answer:
        return list(answer["data"])
    after = list(before)
    for edit in answer["edits"]:
        after[edit["start"] : edit["start"] + edit["deleteCount"]] = edit.get("data", [])
    return after


def test_after_an_edit_only_what_changed_is_sent_and_gives_the_whole() -> None:
    text = plan_text(steps=30)
    seen = project(text)
    answer = full(seen)
    draw = random.Random(5)
    data, previous = answer["data"], answer["resultId"]
    for _ in range(60):
        at = draw.randrange(len(text))
        text = (
            text[:at]
            + draw.choice(['"', "{", "}", ",\n", "x", "", '"a": "b", '])
            + text[at + draw.randrange(3) :]
        )
        seen.write("a.plan.json", text)
        now = Project(seen.again(), seen.workspace, seen.cursor)
        answer = delta(now, previous)
        data, previous = applied(data, answer), answer["resultId"]
        assert data == full(project(text))["data"]


def test_an_edit_of_one_step_sends_few_numbers() -> None:
    text = plan_text(steps=200)
    seen = project(text)
    previous = full(seen)["resultId"]
    seen.write("a.plan.json", text.replace('"pending"', '"failed"', 1))
    answer = delta(Project(seen.again(), seen.workspace, seen.cursor), previous)
    assert sum(len(edit["data"]) for edit in answer["edits"]) <= 10


def test_who_asks_for_changes_of_something_forgotten_gets_everything() -> None:
    seen = project(plan_text())
    assert delta(seen, "unknown")["data"] == full(seen)["data"]
    same = full(seen)["resultId"]
    assert delta(seen, same)["edits"] == []


def test_a_range_has_the_tokens_of_what_is_seen() -> None:
    seen = project(plan_text(steps=40))
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    line = document.text.position(document.text.text.index('"Step 20"'), "utf-32")[0]
    where = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
    params = types.SemanticTokensRangeParams(types.TextDocumentIdentifier(seen.uri), where)
    answer = semantic_tokens_range(seen.snapshot, document, params)
    assert answer is not None
    found = words(seen, list(answer.data))
    assert set(found) <= set(words(seen, full(seen)["data"]))
    assert (f'"{uuid_of("s20")}"', "variable.declaration") in found
    assert f'"{uuid_of("s39")}"' not in [word for word, _ in found]


def test_every_prefix_of_a_plan_keeps_its_colours() -> None:
    text = plan_text()
    whole = words(project(text), full(project(text))["data"])
    for length in range(0, len(text), 11):
        seen = project(f"-- a.plan.json --\n{text[:length]}")
        found = words(seen, full(seen)["data"])
        assert [word for word, _ in found[:-2]] == [word for word, _ in whole[: len(found[:-2])]]
