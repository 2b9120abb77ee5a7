"""Hints after ids: the name of what an id points to, where it stands, and where it leads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.inlay_hints import inlay_hints
from mplp_lsp.features.inlay_ids import LONGEST_LABEL, MOST_HINTS, resolve_inlay_hint
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.workspace.workspace import Workspace
from tests.features.plans import PLAN, STEP, ended, plan_text, plan_value, run_view
from tests.project import ABLE_CLIENT, Project, project, uuid_of

URI = "untitled:a.plan.json"
EVERYTHING = types.Range(types.Position(0, 0), types.Position(1_000_000, 0))
RESOLVING = replace(ABLE_CLIENT, inlay_hint_resolve=frozenset({"tooltip", "label.location"}))
CONTEXT = json.dumps({"context_id": uuid_of("c1"), "title": "The site", "status": "active"})


def with_context(plan: str, **options: Any) -> Project:
    return project(f"-- site.context.json --\n{CONTEXT}\n-- a.plan.json --\n{plan}", **options)


def hints(seen: Project, where: types.Range = EVERYTHING) -> list[types.InlayHint]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    return (
        inlay_hints(
            seen.snapshot, document, types.InlayHintParams(types.TextDocumentIdentifier(seen.uri), where)
        )
        or []
    )


def label_of(hint: types.InlayHint) -> str:
    return hint.label if isinstance(hint.label, str) else "".join(part.value for part in hint.label)


def labels(seen: Project, where: types.Range = EVERYTHING) -> list[tuple[str, str]]:
    """What stands right before each hint, and the hint."""
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    found = []
    for hint in hints(seen, where):
        end = document.text.offset(hint.position.line, hint.position.character, seen.snapshot.encoding)
        line_start = document.text.text.rfind('"', 0, end - 1)
        found.append((document.text.slice(line_start + 1, end - 1), label_of(hint)))
    return found


def test_each_use_of_an_id_shows_what_it_points_to() -> None:
    seen = with_context(plan_text(steps=3))
    assert labels(seen) == [
        (uuid_of("c1"), "The site"),
        (STEP, "Step 1"),
        (uuid_of("s2"), "Step 2"),
    ]


def test_own_ids_have_no_hint_and_unknown_ones_neither() -> None:
    plan = json.dumps({"plan_id": PLAN, "title": "Release", "context_id": uuid_of("gone"), "steps": []})
    assert labels(project(plan)) == []


def test_a_sign_says_how_it_stands_in_the_file_or_in_the_run() -> None:
    steps = plan_value(steps=3)["steps"]
    steps[1]["status"] = "completed"
    plan = json.dumps(plan_value() | {"steps": steps})
    assert [label for _, label in labels(with_context(plan))] == ["The site", "Step 1", "✓ Step 2"]
    runs = run_view("failed", ended("s1", "failed", 1))
    shown = [label for _, label in labels(with_context(plan, runs=runs))]
    assert shown == ["✗ 1.0 s", "The site", "✗ Step 1", "✓ Step 2"]


def test_a_long_name_is_cut_and_shown_as_one_line() -> None:
    steps = plan_value()["steps"]
    steps[0]["description"] = "A line\nand " + "very " * 30 + "long"
    (_, label) = labels(project(json.dumps(plan_value() | {"steps": steps})))[0]
    assert len(label) == LONGEST_LABEL
    assert label.startswith("A line and very")
    assert label.endswith("…")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_the_hint_stands_after_the_quote(encoding: Encoding) -> None:
    plan = plan_text(title="😀").replace("\n", " ")
    assert labels(project(plan, encoding=encoding)) == [(STEP, "Step 1")]


def test_only_the_asked_range_is_looked_at() -> None:
    seen = with_context(plan_text(steps=50))
    every = hints(seen)
    assert len(every) == 50
    line = every[20].position.line
    where = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
    assert [hint.position.line for hint in hints(seen, where)] == [line]


def test_a_whole_document_of_thousands_of_steps_has_a_bounded_number_of_hints() -> None:
    assert len(hints(project(plan_text(steps=MOST_HINTS + 100)))) == MOST_HINTS


def test_a_trace_shows_plan_context_and_segment() -> None:
    segments = [
        {"segment_id": uuid_of("g1"), "label": "Build", "status": "completed"},
        {
            "segment_id": uuid_of("g2"),
            "parent_segment_id": uuid_of("g1"),
            "label": "Test",
            "status": "running",
        },
    ]
    trace = {"trace_id": uuid_of("t"), "context_id": uuid_of("c1"), "plan_id": PLAN, "segments": segments}
    seen = project(
        f"-- site.context.json --\n{CONTEXT}\n-- a.plan.json --\n{plan_text('completed')}\n"
        f"-- a.trace.json --\n{json.dumps(trace, indent=1)}"
    )
    assert labels(seen) == [
        (uuid_of("c1"), "The site"),
        (PLAN, "✓ Release"),
        (uuid_of("g1"), "✓ Build"),
    ]


def test_a_confirm_shows_its_target() -> None:
    confirm = {"confirm_id": uuid_of("k"), "target_type": "plan", "target_id": PLAN}
    seen = project(f"-- a.plan.json --\n{plan_text()}\n-- a.confirm.json --\n{json.dumps(confirm)}")
    assert labels(seen) == [(PLAN, "Release")]


def test_a_line_of_a_timeline_shows_plan_and_step() -> None:
    event = {"event_id": uuid_of("e"), "plan_id": PLAN, "payload": {"step_id": STEP}}
    seen = project(f"-- a.plan.json --\n{plan_text()}\n-- a.events.ndjson --\n{json.dumps(event)}\n")
    assert sorted(labels(seen)) == sorted([(PLAN, "Release"), (STEP, "Step 1")])


def test_the_user_can_turn_them_off() -> None:
    seen = with_context(plan_text())
    off = replace(seen, snapshot=replace(seen.snapshot, shows_id_hints=False))
    assert hints(off) == []


def test_a_client_that_resolves_gets_tooltip_and_place_only_then() -> None:
    seen = with_context(plan_text(), client=RESOLVING)
    first, second = hints(seen)
    assert first.tooltip is None
    assert isinstance(second.label, list)
    assert second.label[0].location is None
    document = seen.snapshot.document(seen.uri)
    resolved = resolve_inlay_hint(seen.snapshot, document, second)
    assert isinstance(resolved.tooltip, types.MarkupContent)
    assert resolved.tooltip.value.startswith("**Step 1** · step 1 of 2 · `pending`")
    assert isinstance(resolved.label, list)
    location = resolved.label[0].location
    assert location is not None
    assert document is not None
    start = document.text.offset(location.range.start.line, location.range.start.character, "utf-16")
    assert document.text.text[start:].startswith(f'"{STEP}",\n      "description"')
    context = resolve_inlay_hint(seen.snapshot, document, first)
    assert isinstance(context.label, list)
    assert context.label[0].location is not None
    assert context.label[0].location.uri.endswith("site.context.json")


def test_a_client_that_does_not_resolve_gets_plain_labels_without_data() -> None:
    for hint in hints(with_context(plan_text())):
        assert isinstance(hint.label, str)
        assert hint.data is None


def test_resolving_what_is_gone_changes_nothing() -> None:
    seen = with_context(plan_text(), client=RESOLVING)
    hint = hints(seen)[1]
    seen.write("a.plan.json", plan_text().replace(STEP, uuid_of("other")))
    document = seen.again().document(seen.uri)
    assert resolve_inlay_hint(seen.again(), document, hint).tooltip is None
    assert resolve_inlay_hint(seen.again(), None, hint) is hint


def test_each_beginning_of_a_plan_has_hints_inside_it() -> None:
    text = plan_text(steps=3)
    for end in range(0, len(text), 5):
        seen = with_context(text[:end])
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        for hint in hints(seen):
            offset = document.text.offset(hint.position.line, hint.position.character, "utf-16")
            assert 0 < offset <= document.text.length


def test_hints_that_are_kept_follow_their_text() -> None:
    plan = plan_text(steps=4)
    workspace = Workspace()
    workspace.open(URI, "json", 1, plan)
    snapshot = replace(workspace.snapshot(root=None), client=RESOLVING)
    everything = types.InlayHintParams(types.TextDocumentIdentifier(URI), EVERYTHING)
    for version, edit in enumerate(
        (
            (((0, 1), (0, 1)), "\n\n"),
            (((3, 0), (3, 0)), ' "objective": "ü",'),
            (((0, 0), (9, 0)), json.dumps(plan_value(steps=4))),
            (None, plan.replace("\n", "\r\n")),
            (None, plan.replace("Step 1", "Schritt für Schritt 😀")),
        ),
        2,
    ):
        before = inlay_hints(snapshot, workspace.store.documents[URI], everything)
        assert before is not None
        workspace.change(URI, version, [edit])
        document = workspace.store.documents[URI]
        fresh = Workspace()
        fresh.open(URI, "json", 1, document.text.text)
        expected = inlay_hints(
            replace(fresh.snapshot(root=None), client=RESOLVING), fresh.store.documents[URI], everything
        )
        snapshot = replace(workspace.snapshot(root=None), client=RESOLVING)
        assert inlay_hints(snapshot, document, everything) == expected
