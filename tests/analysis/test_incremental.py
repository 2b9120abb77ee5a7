"""What is shown for a text never depends on how the text came about (D24)."""

from __future__ import annotations

import gc
import os
import random
import weakref
from collections.abc import Sequence

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.workspace.workspace import Workspace
from tests.project import ABLE_CLIENT, ROOT, expanded, project, uri

CONTEXT = expanded(
    '{"context_id": "<c1>", "title": "Site", "status": "active", '
    '"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, '
    '"root": {"domain": "web", "environment": "dev"}}'
)

EDITS = int(os.environ.get("MPLP_FUZZ_EDITS", "400"))
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")

SNIPPETS = (
    '"', "{", "}", "[", "]", ",", ":", "\n", " ", "x", "1", "null", "😀", "\u2028", "\r", "\\", "\\u12", "/*",
    '"status": "completed"', '"status": "pendng",', '"agent_role": "",', '"dependencies": ["<s1>"],', "<s2>",
    '{"step_id": "<s9>", "description": "New", "status": "pending"},', '"$comment": "c",', '"steps": [],',
    '"context_id": "<c2>",', '"order_index": 0,', "NaN", "-", "e", "\ufeff",
)  # fmt: skip


def plan_text(steps: int) -> str:
    inner = ",\n    ".join(
        f'{{"step_id": "<s{number}>", "description": "Step {number}", "status": "pending", '
        f'"agent_role": "tester", "order_index": {number}, '
        f'"dependencies": [{f"{chr(34)}<s{number - 1}>{chr(34)}" if number else ""}]}}'
        for number in range(steps)
    )
    return expanded(
        '{\n  "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},\n  "plan_id": "<p1>",\n'
        '  "context_id": "<c1>",\n  "title": "T",\n  "objective": "O",\n  "status": "in_progress",\n'
        f'  "steps": [\n    {inner}\n  ]\n}}\n'
    )


def shown_afresh(texts: dict[str, str], encoding: Encoding = "utf-16") -> dict[str, object]:
    workspace = Workspace(encoding=encoding)
    workspace.set_folders([ROOT])
    for name in sorted(texts):
        workspace.open(uri(name), "json", 1, texts[name])
    return shown(workspace, texts)


def shown(workspace: Workspace, names: dict[str, str]) -> dict[str, object]:
    return {
        name: diagnostics(workspace.snapshot(uri(name), client=ABLE_CLIENT), uri(name))
        for name in sorted(names)
    }


def mutated(chance: random.Random, text: str) -> tuple[int, int, str]:
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice([0, 0, 1, 1, 2, 5, 30, 200]))
    if chance.random() < 0.25:
        # Moving a piece of the document is what people do with steps.
        first = chance.randrange(len(text) + 1)
        return start, start, text[first : first + chance.randrange(1, 300)]
    new = "" if chance.random() < 0.4 else expanded(chance.choice(SNIPPETS))
    return start, end, new


def position_of(workspace: Workspace, name: str, offset: int) -> tuple[int, int]:
    document = workspace.store.document(uri(name))
    assert document is not None
    return document.text.position(offset, workspace.encoding)


def edited(workspace: Workspace, chance: random.Random, name: str, version: int) -> str:
    """The text of a document after one random edit of it."""
    document = workspace.store.document(uri(name))
    assert document is not None
    start, end, new = mutated(chance, document.text.text)
    where = (position_of(workspace, name, start), position_of(workspace, name, end))
    workspace.change(uri(name), version, [(where, new)])
    after = workspace.store.document(uri(name))
    assert after is not None
    return after.text.text


def run_of_edits(
    chance: random.Random,
    texts: dict[str, str],
    names: Sequence[str],
    *,
    edits: int,
    looks: float = 1.0,
    encoding: Encoding = "utf-16",
) -> None:
    """Edits some of the documents; now and then, and at the end, what is shown is that of a fresh look."""
    workspace = Workspace(encoding=encoding)
    workspace.set_folders([ROOT])
    for name, text in texts.items():
        workspace.open(uri(name), "json", 1, text)
    shown(workspace, texts)
    for version in range(2, 2 + edits):
        name = chance.choice(names)
        texts[name] = edited(workspace, chance, name, version)
        if chance.random() < looks:
            assert shown(workspace, texts) == shown_afresh(texts, encoding), version
    assert shown(workspace, texts) == shown_afresh(texts, encoding)


@pytest.mark.parametrize("seed", range(EDITS // 10))
def test_findings_after_random_edits_are_those_of_a_fresh_look(seed: int) -> None:
    chance = random.Random(seed)
    texts = {"a.context.json": CONTEXT, "a.plan.json": plan_text(chance.choice([0, 1, 3, 40, 200]))}
    names = ["a.plan.json"] * 6 + ["a.context.json"]
    run_of_edits(chance, texts, names, edits=10, looks=0.6, encoding=chance.choice(ENCODINGS))


EVENT = (
    '{"event_id": "<e1>", "event_type": "a.b", "event_family": "graph_update", '
    '"timestamp": "2025-01-01T00:00:00Z", "graph_id": "<g1>", "update_kind": "bulk", '
    '"node_delta": 0, "edge_delta": 0}\n'
)
SETTINGS = '[roles.tester]\naction = "tool_call"\ncommand = ["true"]\n\n[run]\nmax_parallel = 2\n'


@pytest.mark.parametrize("seed", range(20))
def test_timelines_and_settings_too(seed: int) -> None:
    chance = random.Random(2_000 + seed)
    texts = {
        "a.context.json": CONTEXT,
        "a.plan.json": plan_text(3),
        "mplp.toml": SETTINGS,
        "run.events.ndjson": expanded(EVENT) * chance.choice([1, 5, 150]),
    }
    run_of_edits(chance, texts, ["mplp.toml", "run.events.ndjson"], edits=6)


@pytest.mark.parametrize("seed", range(20))
def test_undoing_everything_restores_everything(seed: int) -> None:
    chance = random.Random(1_000 + seed)
    text = plan_text(80)
    seen = project(f"-- a.context.json --\n{CONTEXT}\n-- a.plan.json --\n{text}")
    before = diagnostics(seen.snapshot, uri("a.plan.json"))
    for _ in range(5):
        document = seen.workspace.store.document(uri("a.plan.json"))
        assert document is not None
        start, end, new = mutated(chance, document.text.text)
        seen.write("a.plan.json", document.text.text[:start] + new + document.text.text[end:])
        diagnostics(seen.again(), uri("a.plan.json"))
    seen.write("a.plan.json", text)
    assert diagnostics(seen.again(), uri("a.plan.json")) == before


def test_an_edit_inside_a_step_looks_at_that_step_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from mplp_lsp.analysis import cross, document

    looked_at: list[object] = []
    original = document.own_element_findings

    def counted(*arguments: object) -> list[object]:
        looked_at.append(arguments[2])
        return original(*arguments)  # type: ignore[arg-type, return-value]

    original_of_many = document.are_faultless

    def counted_together(*arguments: object) -> bool:
        looked_at.extend(arguments[3])  # type: ignore[call-overload]
        return original_of_many(*arguments)  # type: ignore[arg-type]

    worlds: list[object] = []
    monkeypatch.setattr(document, "own_element_findings", counted)
    monkeypatch.setattr(document, "are_faultless", counted_together)
    monkeypatch.setattr(cross, "world_findings", lambda *arguments: worlds.append(arguments) or [])
    seen = project(f"-- a.context.json --\n{CONTEXT}\n-- a.plan.json --\n{plan_text(500)}")
    diagnostics(seen.snapshot, uri("a.plan.json"))
    assert (len(looked_at), len(worlds)) == (500, 1)
    looked_at.clear()
    worlds.clear()
    text = seen.snapshot.documents[uri("a.plan.json")].text.text
    seen.write("a.plan.json", text.replace("Step 250", "Another", 1))
    diagnostics(seen.again(), uri("a.plan.json"))
    assert [step["description"] for step in looked_at] == ["Another"]  # type: ignore[index]
    assert worlds == []
    seen.write("a.plan.json", "\n" + seen.again().documents[uri("a.plan.json")].text.text)
    looked_at.clear()
    diagnostics(seen.again(), uri("a.plan.json"))
    assert len(looked_at) <= 1


def test_an_old_version_is_freed_at_once_and_not_by_the_garbage_collector() -> None:
    seen = project(f"-- a.context.json --\n{CONTEXT}\n-- a.plan.json --\n{plan_text(20)}")
    workspace, name = seen.workspace, uri("a.plan.json")
    del seen
    text = workspace.store.documents[name].text.text
    gc.collect()
    gc.disable()
    try:
        old = weakref.ref(workspace.store.documents[name])
        assert diagnostics(workspace.snapshot(name, client=ABLE_CLIENT), name)
        workspace.change(name, 2, [(None, text.replace("Step 7", "Another"))])
        assert diagnostics(workspace.snapshot(name, client=ABLE_CLIENT), name)
        assert old() is None
    finally:
        gc.enable()
