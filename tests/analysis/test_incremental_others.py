"""What is shown for a trace, a Confirm, a dialog … never depends on how the text came about (D24)."""

from __future__ import annotations

import random
import re

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.workspace.workspace import Workspace
from tests.analysis.test_incremental import CONTEXT, mutated, plan_text, position_of, shown, shown_afresh
from tests.project import ROOT, expanded, project, uri

META = '"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}'
_VALUE = re.compile(
    r'"[0-9a-f]{8}-[0-9a-f-]{27}"|"2026-[^"]*"|"(?:completed|running|approved|rejected|pending)"'
)
_STATUSES = ("completed", "running", "approved", "rejected", "pending", "skipped")


def _segment(number: int) -> str:
    parent = f'"parent_segment_id": "<g{number // 3}>", ' if number else ""
    return (
        f'{{"segment_id": "<g{number}>", {parent}"label": "L{number}", "status": "completed", '
        f'"started_at": "2026-03-14T10:00:00Z", "finished_at": "2026-03-14T11:00:00Z", '
        f'"attributes": {{"step_id": "<s1>"}}}}'
    )


def _texts() -> dict[str, str]:
    segments = ",\n".join(map(_segment, range(100)))
    events = ",\n".join(
        f'{{"event_id": "<e{number}>", "event_type": "a.b", "source": "s", "trace_id": "<t1>", '
        f'"timestamp": "2026-03-14T10:00:00Z", "data": {{"segment_id": "<g{number}>"}}}}'
        for number in range(20)
    )
    messages = ",\n".join(
        f'{{"role": "user", "content": "M", "timestamp": "2026-03-14T10:{number % 60:02}:00Z"}}'
        for number in range(60)
    )
    decisions = ",\n".join(
        f'{{"decision_id": "<d{number}>", "status": "rejected", "decided_by_role": "lead", '
        f'"decided_at": "2026-03-14T1{number}:00:00Z"}}'
        for number in range(5)
    )
    texts = {
        "a.trace.json": f'{{{META}, "trace_id": "<t1>", "context_id": "<c1>", "plan_id": "<p1>",\n'
        '"root_span": {"trace_id": "<t1>", "span_id": "<x1>", "context_id": "<c1>"},\n"status": "completed", '
        f'"segments": [\n{segments}\n],\n"events": [\n{events}\n]}}\n',
        "a.confirm.json": f'{{{META}, "confirm_id": "<k1>", "target_type": "plan", "target_id": "<p1>",\n'
        '"status": "rejected", "requested_by_role": "a", "requested_at": "2026-03-14T09:00:00Z",\n'
        f'"decisions": [\n{decisions}\n]}}\n',
        "a.dialog.json": f'{{{META}, "dialog_id": "<q1>", "context_id": "<c1>", "thread_id": "<h1>",\n'
        f'"status": "active", "messages": [\n{messages}\n], "started_at": "2026-03-14T10:00:00Z"}}\n',
    }
    return {name: expanded(text) for name, text in texts.items()}


def _changed(chance: random.Random, text: str) -> tuple[int, int, str]:
    """Any edit, or a value in place of another one of its kind."""
    values = list(_VALUE.finditer(text))
    if not values or chance.random() < 0.4:
        return mutated(chance, text)
    value = chance.choice(values)
    if value[0].startswith('"2026'):
        new = f"2026-03-14T{chance.randrange(8, 13):02}:{chance.randrange(60):02}:00Z"
    elif "-" in value[0]:
        new = chance.choice(values)[0].strip('"')
    else:
        new = chance.choice(_STATUSES)
    return value.start(), value.end(), f'"{new}"'


def test_the_documents_are_sound_before_they_are_edited() -> None:
    texts = {"a.context.json": CONTEXT, "a.plan.json": plan_text(3), **_texts()}
    seen = project("\n".join(f"-- {name} --\n{text}" for name, text in texts.items()))
    for name in _texts():
        assert diagnostics(seen.snapshot, uri(name)) == []


@pytest.mark.parametrize("seed", range(15))
def test_findings_after_random_edits_are_those_of_a_fresh_look(seed: int) -> None:
    chance = random.Random(seed)
    texts = {"a.context.json": CONTEXT, "a.plan.json": plan_text(3), **_texts()}
    workspace = Workspace()
    workspace.set_folders([ROOT])
    for name, text in texts.items():
        workspace.open(uri(name), "json", 1, text)
    shown(workspace, texts)
    for version in range(2, 12):
        name = chance.choice([*_texts(), "a.trace.json", "a.plan.json"])
        document = workspace.store.document(uri(name))
        assert document is not None
        start, end, new = _changed(chance, document.text.text)
        where = (position_of(workspace, name, start), position_of(workspace, name, end))
        workspace.change(uri(name), version, [(where, new)])
        after = workspace.store.document(uri(name))
        assert after is not None
        texts[name] = after.text.text
        if chance.random() < 0.4:
            assert shown(workspace, texts) == shown_afresh(texts), (seed, version)
    assert shown(workspace, texts) == shown_afresh(texts)
