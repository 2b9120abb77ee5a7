"""Graphs and traces as text, and the URIs under which editors show them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from lsprotocol import types

from mplp_lsp.features.graph_text import GraphFormat, graph_text
from mplp_lsp.features.trace_text import trace_text
from mplp_lsp.features.virtual_documents import (
    graph_file_name,
    graph_uri,
    text_document_content,
    trace_uri,
)
from mplp_runtime.orchestrator.views import StepView
from tests.features.plans import NOW, PLAN, STEP, ended, plan_text, plan_value, run_view
from tests.project import Project, project, uri, uuid_of


def graph(text: str, form: GraphFormat = "mermaid", **options: Any) -> list[str]:
    seen = project(text, **options)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    found = graph_text(seen.snapshot, document, form)
    assert found is not None
    return found.splitlines()


def content(seen: Project, address: str) -> str | None:
    found = text_document_content([seen.snapshot], types.TextDocumentContentParams(address))
    return None if found is None else found.text


def with_steps(*steps: dict[str, Any]) -> str:
    return json.dumps(plan_value() | {"steps": list(steps)})


def test_mermaid_has_a_line_per_step_and_per_edge() -> None:
    assert graph(plan_text()) == [
        "%% Release, draft",
        "flowchart TD",
        '  s1["Step 1<br/>pending"]:::pending',
        '  s2["Step 2<br/>pending"]:::pending',
        "  s1 --> s2",
        "  classDef pending fill:#ffffff,stroke:#6e7781,color:#1f2328",
    ]


def test_dot_has_a_line_per_step_and_per_edge() -> None:
    lines = graph(plan_text(), "dot")
    assert lines[0] == 'digraph "Release, draft" {'
    label = 'label="Step 1\\npending", fillcolor="#ffffff", color="#6e7781"'
    assert lines[2] == f'  s1 [{label}, tooltip="{STEP}"];'
    assert lines[-2:] == ["  s1 -> s2;", "}"]


def test_the_newest_run_says_how_steps_stand() -> None:
    runs = run_view("failed", ended("s1", "completed", 1), ended("s2", "failed", 1))
    lines = graph(plan_text(), runs=runs)
    assert lines[0] == "%% Release, draft, run 1 failed"
    assert lines[2:4] == [
        '  s1["Step 1<br/>✓ completed"]:::completed',
        '  s2["Step 2<br/>✗ failed"]:::failed',
    ]


def test_a_dry_run_leaves_the_file_its_word() -> None:
    runs = run_view("completed", ended("s1", "completed", 1), simulated=True)
    assert '  s1["Step 1<br/>pending"]:::pending' in graph(plan_text(), runs=runs)


def test_a_dependency_on_nothing_is_a_node_of_its_own() -> None:
    step = {"step_id": STEP, "description": "A", "status": "pending"}
    lines = graph(with_steps({**step, "dependencies": ["gone", "gone", STEP, 3]}))
    assert '  u1["gone<br/>unknown"]:::unknown' in lines
    assert [line for line in lines if "-->" in line] == ["  u1 --> s1", "  s1 --> s1"]


@pytest.mark.parametrize(
    ("description", "mermaid", "dot"),
    [
        ('say "hi"', "say #34;hi#34;", 'say \\"hi\\"'),
        ("a]:::x --> b", "a#93;:::x --#62; b", "a]:::x --> b"),
        ("%%{init: {}}%%", "#37;#37;#123;init: #123;#125;#125;#37;#37;", "%%{init: {}}%%"),
        ("<SCRIPT>&amp;", "#60;SCRIPT#62;#38;amp;", "<SCRIPT>&amp;"),
        ("`md` #35;", "#96;md#96; #35;35;", "`md` #35;"),
        ("a\\nb\\", "a#92;nb#92;", "a\\\\nb\\\\"),
        ("two\nlines", "two lines", "two lines"),
        ("1. Build", "1#46; Build", "1. Build"),
        ("12) Test 1.5", "12#41; Test 1.5", "12) Test 1.5"),
        ("- a - b", "#45; a - b", "- a - b"),
        ("*a* _b_ my_c", "#42;a#42; #95;b#95; my_c", "*a* _b_ my_c"),
    ],
)
def test_what_people_write_stays_in_its_label(description: str, mermaid: str, dot: str) -> None:
    text = with_steps({"step_id": STEP, "description": description, "status": "pending"})
    assert f'  s1["{mermaid}<br/>pending"]:::pending' in graph(text)
    assert any(f'label="{dot}\\npending"' in line for line in graph(text, "dot"))


def test_a_status_nobody_knows_changes_no_syntax() -> None:
    text = with_steps({"step_id": STEP, "description": "A", "status": '"];x:::y'})
    assert '  s1["A<br/>#34;#93;;x:::y"]:::pending' in graph(text)


def test_each_beginning_of_a_plan_has_a_graph_or_none() -> None:
    text = plan_text(steps=3)
    for end in range(0, len(text), 3):
        seen = project(text[:end])
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        for form in ("mermaid", "dot"):
            found = graph_text(seen.snapshot, document, form)
            assert found is None or found.endswith("\n")


def test_a_trace_names_each_step_with_state_duration_and_place() -> None:
    steps = (
        ended("s1", "completed", 1.23, agent_role="builder", output="one\ntwo\n"),
        ended("s2", "failed", 2, attempt=2, error="exit code 1"),
        StepView(uuid_of("s3"), "third", "pending"),
    )
    view = run_view("failed", *steps, finished_at=NOW + timedelta(seconds=4), error="A step failed.")[PLAN]
    seen = project(plan_text(steps=2))
    assert trace_text(view, seen.snapshot.document(seen.uri)).splitlines() == [
        "Release: run 1, failed",
        "started 2026-01-01 00:00:00 UTC, took 4.0 s, 2 of 3 steps over",
        "plan: a.plan.json",
        "error: A step failed.",
        "",
        "✓ s1     completed          1.2 s  [builder]  a.plan.json:12",
        "            │ one",
        "            │ two",
        "✗ s2     failed             2.0 s  attempt 2  a.plan.json:19",
        "            │ exit code 1",
        "· third  pending",
        "",
        "trace: .mplp/traces/t1.trace.json",
    ]


def test_a_trace_of_much_output_shows_the_last_lines() -> None:
    view = run_view("running", ended("s1", "completed", 1, output="\n".join(map(str, range(50)))))[PLAN]
    lines = trace_text(view).splitlines()
    assert "            │ (40 earlier lines are in the timeline)" in lines
    assert "            │ 49" in lines
    assert "            │ 39" not in lines


def test_a_trace_shows_what_is_asked() -> None:
    lines = trace_text(run_view(asks=["gate"])[PLAN]).splitlines()
    assert "            │ ? Well?" in lines


def test_the_content_of_a_graph_follows_from_its_uri() -> None:
    seen = project(f"-- a b.plan.json --\n{plan_text()}")
    for form, suffix in (("mermaid", ".mmd"), ("dot", ".dot")):
        address = graph_uri(uri("a b.plan.json"), form)  # type: ignore[arg-type]
        assert address.startswith(f"mplp-graph:/a%20b.plan{suffix}?")
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        assert content(seen, address) == graph_text(seen.snapshot, document, form)  # type: ignore[arg-type]
        # VS Code decodes what it can, and encodes in its own way.
        path, _, argument = address.partition("?")
        assert content(seen, f"{path}?{unquote(argument)}") == content(seen, address)
        assert content(seen, f"{path}?{unquote(argument).replace(':', '%3A')}") == content(seen, address)


def test_the_content_of_a_trace_follows_from_its_uri() -> None:
    runs = run_view("completed", ended("s1", "completed", 1))
    seen = project(plan_text(), runs=runs)
    address = trace_uri(runs[PLAN])
    assert address == "mplp-trace:/a.plan.mplp-trace?r1"
    assert content(seen, address) == trace_text(runs[PLAN], seen.snapshot.document(seen.uri))


def test_what_is_gone_is_a_sentence_and_other_schemes_are_nothing() -> None:
    seen = project(plan_text())
    assert (
        content(seen, graph_uri(uri("gone.plan.json"), "mermaid")) == "%% There is no plan here any more.\n"
    )
    assert content(seen, graph_uri(uri("gone.plan.json"), "dot")) == "// There is no plan here any more.\n"
    assert "not known here" in str(content(seen, "mplp-trace:/x?r9"))
    assert content(seen, "untitled:x") is None


def test_a_graph_that_must_be_a_file_is_named_after_its_plan() -> None:
    assert graph_file_name("a b.plan.json", "dot") == "a b.plan.dot"
    assert graph_file_name("site/a.plan.json", "mermaid") == "site_a.plan.mmd"
